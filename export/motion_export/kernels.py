"""What is exported of the denoiser: the step kernel and the condition graph, as modules with fixed interfaces.

    x0 = w_1 x0_1 + .. + w_K x0_K                    guidance over K branches
    x' = a x + b x0 + c x0_prev + s z

The branches pass the network in one batch; they differ in their conditions only:

    K = 1  [all]                    w = [1]                                       no guidance
    K = 2  [all, none]              w = [g, 1 - g]                                classifier-free guidance     (3.21)
    K = 3  [all, scene, none]       w = [g_t, g_s - g_t, 1 - g_s]                 text and scene weighed apart, as
                                                                                  Brooks et al. 2023, eq. 3

The host computes (a, b, c, s, w_1 .. w_K) in float64, so DDPM, DDIM and DPM-Solver++(2M) share one graph.

A kernel of a batch takes a step of B requests in one call. Each has noise level, coefficients and conditions of its
own, so that they need not be at the same step, nor of the same sampler.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from motion_train.denoiser import Attention, Denoiser


def traceable(denoiser: Denoiser) -> Denoiser:
    """Copy a denoiser for tracing: evaluation mode, attention spelt out, on the CPU in fp32."""
    return _twin(denoiser, explicit=True)


def reference(denoiser: Denoiser) -> Denoiser:
    """Copy a denoiser to compare with: the same, but attention by PyTorch's own kernel."""
    return _twin(denoiser, explicit=False)


def _twin(denoiser: Denoiser, *, explicit: bool) -> Denoiser:
    twin = copy.deepcopy(denoiser).to(device="cpu", dtype=torch.float32).eval().requires_grad_(False)
    for module in twin.modules():
        if isinstance(module, Attention):
            module.explicit = explicit
    return twin


class StepKernel(nn.Module):
    """Network, guidance and sampler update of one denoising step."""

    def __init__(self, denoiser: Denoiser, branches: int) -> None:
        """Wrap `denoiser`, which `traceable` made, for K = `branches`."""
        super().__init__()
        self.denoiser = denoiser
        self.branches = branches

    def forward(
        self,
        x: Tensor,
        x0_prev: Tensor,
        noise: Tensor,
        t: Tensor,
        coefficients: Tensor,
        prefix: Tensor,
        person: Tensor,
        key_bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            x: (1, P, T, D) noisy poses.
            x0_prev: (1, P, T, D) x0 of the step before.
            noise: (1, P, T, D) standard normal numbers.
            t: (1,) diffusion step.
            coefficients: (4 + K,) a, b, c, s, w_1 .. w_K.
            prefix: (K, P + S, d) of the condition graph.
            person: (K, P, d) of the condition graph.
            key_bias: (K, 1 + P + S + P*T), 0 or -1e4.

        Returns:
            x' and x0, both (1, P, T, D).
        """
        *update, weights = torch.split(coefficients, [1, 1, 1, 1, self.branches])
        a, b, c, s = (value.reshape(1, 1, 1, 1) for value in update)
        if self.branches > 1:  # a concatenation of one is a node that some runtimes rename the input for
            repeated, times = torch.cat([x] * self.branches), torch.cat([t] * self.branches)  # (K, P, T, D), (K,)
        else:
            repeated, times = x, t
        predicted = self.denoiser.denoise(repeated, times, prefix, person, key_bias)
        x0 = weights.reshape(-1, 1, 1, 1) * predicted  # (K, P, T, D)
        if self.branches > 1:
            x0 = x0.sum(0, keepdim=True)  # (1, P, T, D)
        return a * x + b * x0 + c * x0_prev + s * noise, x0


class BatchedStepKernel(nn.Module):
    """`StepKernel` for B requests: its inputs and outputs are those of B kernels, stacked along a first axis."""

    def __init__(self, denoiser: Denoiser, branches: int, batch: int) -> None:
        """Wrap `denoiser`, which `traceable` made, for K = `branches` of each of B = `batch` requests."""
        super().__init__()
        self.denoiser = denoiser
        self.branches = branches
        self.batch = batch

    def forward(
        self,
        x: Tensor,
        x0_prev: Tensor,
        noise: Tensor,
        t: Tensor,
        coefficients: Tensor,
        prefix: Tensor,
        person: Tensor,
        key_bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Take one step of each request.

        Args:
            x: (B, 1, P, T, D).
            x0_prev: (B, 1, P, T, D).
            noise: (B, 1, P, T, D).
            t: (B, 1).
            coefficients: (B, 4 + K).
            prefix: (B, K, P + S, d).
            person: (B, K, P, d).
            key_bias: (B, K, 1 + P + S + P*T).

        Returns:
            x' and x0, both (B, 1, P, T, D).
        """
        batch, branches = self.batch, self.branches
        *update, weights = torch.split(coefficients, [1, 1, 1, 1, branches], dim=1)  # (B, 1) each, (B, K)
        a, b, c, s = (value.reshape(batch, 1, 1, 1, 1) for value in update)
        if branches > 1:  # as in `StepKernel`
            repeated, times = torch.cat([x] * branches, 1), torch.cat([t] * branches, 1)  # (B, K, P, T, D), (B, K)
        else:
            repeated, times = x, t
        # Not `flatten`: it is traced as a computation of shapes, which a recording of launches cannot hold.
        rows = (value.reshape(batch * branches, *value.shape[2:])  # (B*K, ..)
                for value in (repeated, times, prefix, person, key_bias))  # fmt: skip
        predicted = self.denoiser.denoise(*rows)  # (B*K, P, T, D)
        predicted = predicted.reshape(batch, branches, *predicted.shape[1:])
        x0 = (weights.reshape(batch, branches, 1, 1, 1) * predicted).sum(1, keepdim=True)  # (B, 1, P, T, D)
        return a * x + b * x0 + c * x0_prev + s * noise, x0


class ConditionKernel(nn.Module):
    """Everything that a request conditions on, embedded once before the loop; the host runs it once a branch."""

    def __init__(self, denoiser: Denoiser) -> None:
        """Wrap `denoiser`."""
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self,
        text: Tensor,
        scene: Tensor,
        scene_class: Tensor,
        person_class: Tensor,
        identity: Tensor,
        keep_text: Tensor,
        keep_scene: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """`Denoiser.condition` for a batch of one."""
        return self.denoiser.condition(text, scene, scene_class, person_class, identity, keep_text, keep_scene)


class TextKernel(nn.Module):
    """A text tower's `encode` under the graph's name for it."""

    def __init__(self, tower: nn.Module) -> None:
        """Wrap a tower whose forward maps tokens (B, L) to (B, Dt)."""
        super().__init__()
        self.tower = tower

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens (1, L) as (1, Dt)."""
        embedding: Tensor = self.tower(tokens)
        return embedding
