"""The denoiser: one transformer over every pose of every person, conditioned on text, room and who is who.

Predicts x0 from (x_t, t, text, scene, people) (thesis section 5.5). P persons x T frames become ONE sequence, so that
every pose attends to every other pose of every person:

    [ time | text of person 0..P-1 | scene groups 0..S-1 | poses of person 0, frames 0..T-1 | poses of person 1 | ... ]

What is added where:
- a pose token is Linear(pose) + sinusoidal encoding of its frame + its person (identity row + class row) + that
  person's text + the time step. A person's text also stands as a token of its own, tied to the person by the same
  identity row; with one prompt for everybody the rows hold the same sentence.
- a scene token is Linear of 64 points (192 numbers) + a row for the object's class.
- identities are rows of a table, drawn without replacement per sample in training, so that they say nothing but
  'the same person'.
- dropped conditions (and persons without text) use learned null tokens, the same ones in training and at run time.

Conditioning does not depend on x_t or t, so `condition` is separate from `denoise` and runs once a request.
The layers are pre-norm with separate q, k, v projections and an additive key bias: the form that ONNX Runtime fuses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IGNORED: float = -1e4
"""Additive bias of a key that must not be attended to: exp(-1e4) is zero, and it fits fp16."""


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the denoiser; everything that its weights' shapes depend on."""

    pose_dim: int = 258
    """Numbers in a pose vector."""
    width: int = 256
    """Width d of every token."""
    layers: int = 6
    """Transformer layers."""
    heads: int = 4
    """Attention heads; must divide `width`."""
    feedforward: int = 1024
    """Hidden width of each layer's MLP."""
    dropout: float = 0.1
    """Dropout in the attention's and the MLP's outputs while training."""
    text_dim: int = 256
    """Width of the text embedding."""
    scene_points: int = 64
    """Points in a scene group."""
    person_classes: int = 4
    """Rows of the person-class table: unknown, person, staff, patient."""
    object_classes: int = 20
    """Rows of the object-class table; row 0 is unknown."""
    identities: int = 16
    """Rows of the identity table; at most this many persons in one motion."""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"expected a width divisible by 2 and by {self.heads} heads, got {self.width}")


def sinusoidal(position: Tensor, width: int) -> Tensor:
    """Encode positions (...) as (..., width): sines then cosines of wavelengths from 2 pi to 10000 * 2 pi."""
    half = width // 2
    frequency = torch.exp(
        torch.arange(half, dtype=torch.float32, device=position.device) * (-math.log(10000.0) / half)
    )
    angle = position[..., None].to(torch.float32) * frequency
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)


class Attention(nn.Module):
    """Multi-head self-attention with an additive bias per key (Vaswani et al. 2017, eq. 1)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.explicit = not torch.cuda.is_available()
        """Spell the softmax out instead of calling the fused kernel: while a graph is traced, and on a CPU, where the
        kernel's backward costs more than the two products it saves."""

    def forward(self, x: Tensor, key_bias: Tensor, first: int) -> Tensor:
        """Let tokens `first`.. of x (B, N, d) attend to all of x; key_bias (B, 1, 1, N) is added to every score."""
        batch, tokens, width = x.shape
        shape = (batch, tokens, self.heads, self.head_dim)
        q = self.query(x[:, first:]).reshape(batch, tokens - first, *shape[2:]).transpose(1, 2)  # (B, H, N-first, d/H)
        k = self.key(x).reshape(shape).transpose(1, 2)  # (B, H, N, d/H)
        v = self.value(x).reshape(shape).transpose(1, 2)
        if self.explicit:
            scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.head_dim) + key_bias  # (B, H, N, N)
            y = torch.matmul(torch.softmax(scores, dim=-1), v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=key_bias.to(q.dtype))
        merged: Tensor = self.out(y.transpose(1, 2).reshape(batch, tokens - first, width))  # (B, N-first, d)
        return merged


class Layer(nn.Module):
    """Pre-norm transformer layer (Xiong et al. 2020): x + Attention(norm x), then x + MLP(norm x)."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width)
        self.expand = nn.Linear(config.width, config.feedforward)
        self.contract = nn.Linear(config.feedforward, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, key_bias: Tensor, first: int = 0) -> Tensor:
        """Map (B, N, d) to (B, N - first, d): every token is attended to, only those from `first` on are computed."""
        x = x[:, first:] + self.dropout(self.attention(self.norm1(x), key_bias, first))
        h: Tensor = x + self.dropout(self.contract(F.gelu(self.expand(self.norm2(x)))))
        return h


class Denoiser(nn.Module):
    """See the module's docstring for the sequence's layout."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.pose_in = nn.Linear(config.pose_dim, d)
        self.time_in = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        # Normalised first: text towers differ in the scale of what they return.
        self.text_in = nn.Sequential(nn.LayerNorm(config.text_dim), nn.Linear(config.text_dim, d))
        self.text_to_pose = nn.Linear(d, d)
        self.scene_in = nn.Linear(3 * config.scene_points, d)
        self.null_text = nn.Parameter(torch.zeros(d))
        self.null_scene = nn.Parameter(torch.zeros(d))
        self.person_class = nn.Embedding(config.person_classes, d)
        self.object_class = nn.Embedding(config.object_classes, d)
        self.identity = nn.Embedding(config.identities, d)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(d)
        self.pose_out = nn.Linear(d, config.pose_dim)
        for parameter in (self.null_text, self.null_scene):
            nn.init.normal_(parameter, std=0.02)
        for table in (self.person_class, self.object_class, self.identity):
            nn.init.normal_(table.weight, std=0.2)
        # Residual branches start small, so that depth does not blow up the first steps (GPT-2's scaling).
        for layer in self.layers:
            assert isinstance(layer, Layer)
            for out in (layer.attention.out, layer.contract):
                nn.init.normal_(out.weight, std=0.02 / math.sqrt(2 * config.layers))
                nn.init.zeros_(out.bias)

    def condition(
        self,
        text: Tensor,
        scene: Tensor,
        scene_class: Tensor,
        person_class: Tensor,
        identity: Tensor,
        keep_text: Tensor,
        keep_scene: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Embed what does not change over the denoising steps.

        Args:
            text: (B, P, Dt) text embedding of each person's prompt.
            scene: (B, S, 192) points of each group, flattened, metres, in the motion's frame.
            scene_class: (B, S) int64 object class, 0 = unknown.
            person_class: (B, P) int64, 0 = unknown.
            identity: (B, P) int64 rows of the identity table, distinct within a sample.
            keep_text: (B,) or (B, P), 1 = use the text, 0 = the null token in its place.
            keep_scene: (B,), 1 = use the scene, 0 = the null token in its place.

        Returns:
            prefix (B, P + S, d), the text and scene tokens, and person (B, P, d), added to every pose of a person.
        """
        who = self.identity(identity)  # (B, P, d)
        keep_t = keep_text.reshape(text.shape[0], -1, 1)  # (B, 1 or P, 1)
        words = keep_t * self.text_in(text) + (1 - keep_t) * self.null_text  # (B, P, d)
        keep_s = keep_scene.reshape(-1, 1, 1)
        groups = self.scene_in(scene) + self.object_class(scene_class)  # (B, S, d)
        groups = keep_s * groups + (1 - keep_s) * self.null_scene
        prefix = torch.cat([words + who, groups], dim=1)  # (B, P+S, d)
        person = who + self.person_class(person_class) + self.text_to_pose(words)  # (B, P, d)
        return prefix, person

    def denoise(self, x: Tensor, t: Tensor, prefix: Tensor, person: Tensor, key_bias: Tensor) -> Tensor:
        """Predict x0.

        Args:
            x: (B, P, T, D) noisy normalised pose vectors.
            t: (B,) diffusion step, 0 .. K-1.
            prefix: (B, P + S, d) from `condition`.
            person: (B, P, d) from `condition`.
            key_bias: (B, 1 + P + S + P*T), 0 for a token to attend to, -1e4 for one to ignore.

        Returns:
            (B, P, T, D) predicted clean pose vectors.
        """
        batch, persons, frames, _ = x.shape
        width = self.config.width
        time = self.time_in(sinusoidal(t, width)).reshape(batch, 1, width)  # (B, 1, d)
        frame = sinusoidal(torch.arange(frames, device=x.device), width)  # (T, d)
        poses = self.pose_in(x) + frame + person[:, :, None, :] + time[:, :, None, :]  # (B, P, T, d)
        poses = poses.reshape(batch, persons * frames, width)
        h = torch.cat([time, prefix, poses], dim=1)  # (B, N, d)
        bias = key_bias[:, None, None, :]  # (B, 1, 1, N)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            # Nothing reads the time, text and scene tokens after the last layer, so there only the poses are computed.
            h = layer(h, bias, 1 + prefix.shape[1] if index == last else 0)
        h = self.norm(h)  # (B, P*T, d)
        x0: Tensor = self.pose_out(h).reshape(batch, persons, frames, -1)
        return x0

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        text: Tensor,
        scene: Tensor,
        scene_class: Tensor,
        person_class: Tensor,
        identity: Tensor,
        keep_text: Tensor,
        keep_scene: Tensor,
        key_bias: Tensor,
    ) -> Tensor:
        """`condition`, then `denoise`."""
        prefix, person = self.condition(text, scene, scene_class, person_class, identity, keep_text, keep_scene)
        return self.denoise(x, t, prefix, person, key_bias)


def key_bias(text_mask: Tensor, scene_mask: Tensor, pose_mask: Tensor) -> Tensor:
    """Build the key-padding bias (B, 1 + P + S + P*T) from masks of what is really there.

    Args:
        text_mask: (B, P) bool, persons that exist.
        scene_mask: (B, S) bool, scene groups in use.
        pose_mask: (B, P, T) bool, frames of each person in use.
    """
    batch = text_mask.shape[0]
    time = torch.ones(batch, 1, dtype=torch.bool, device=text_mask.device)
    used = torch.cat([time, text_mask, scene_mask, pose_mask.reshape(batch, -1)], dim=1)
    return torch.where(used, 0.0, IGNORED).to(torch.float32)
