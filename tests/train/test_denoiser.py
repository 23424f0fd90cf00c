"""The denoiser's contract: masks, permutations, null tokens, traced form."""

from __future__ import annotations

import pytest
import torch

from motion_train.denoiser import Denoiser, DenoiserConfig, key_bias, sinusoidal

CONFIG = DenoiserConfig(width=32, layers=2, heads=2, feedforward=48, dropout=0.0, text_dim=12, identities=6)
B, P, T, S = 2, 3, 7, 4


@pytest.fixture
def model() -> Denoiser:
    torch.manual_seed(0)
    model = Denoiser(CONFIG).eval()
    for parameter in model.parameters():  # a fresh network's small outputs would hide differences
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def inputs(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(B, P, T, 258, generator=rng),
        "t": torch.tensor([3.0, 700.0]),
        "text": torch.randn(B, P, 12, generator=rng),
        "scene": torch.randn(B, S, 192, generator=rng),
        "scene_class": torch.randint(0, 20, (B, S), generator=rng),
        "person_class": torch.randint(0, 4, (B, P), generator=rng),
        "identity": torch.stack([torch.randperm(6, generator=rng)[:P] for _ in range(B)]),
        "keep_text": torch.ones(B),
        "keep_scene": torch.ones(B),
        "key_bias": key_bias(
            torch.ones(B, P, dtype=torch.bool),
            torch.ones(B, S, dtype=torch.bool),
            torch.ones(B, P, T, dtype=torch.bool),
        ),
    }


def test_permuting_persons_permutes_outputs(model):
    a = inputs()
    order = torch.tensor([2, 0, 1])
    b = dict(a)
    for name in ("x", "text", "person_class", "identity"):
        b[name] = a[name][:, order]
    torch.testing.assert_close(model(**b), model(**a)[:, order], atol=1e-5, rtol=1e-4)


def test_permuting_scene_groups_changes_nothing(model):
    a = inputs()
    order = torch.tensor([3, 1, 0, 2])
    b = {**a, "scene": a["scene"][:, order], "scene_class": a["scene_class"][:, order]}
    torch.testing.assert_close(model(**b), model(**a), atol=1e-5, rtol=1e-4)


def test_masked_persons_frames_and_groups_have_no_influence(model):
    a = inputs()
    pose_mask = torch.ones(B, P, T, dtype=torch.bool)
    pose_mask[:, 2] = False  # an absent person
    pose_mask[:, :, 5:] = False  # frames past the length
    text_mask = torch.tensor([[True, True, False]] * B)
    scene_mask = torch.tensor([[True, True, True, False]] * B)
    a["key_bias"] = key_bias(text_mask, scene_mask, pose_mask)
    b = {name: value.clone() for name, value in a.items()}
    b["x"][:, 2] = 9.0
    b["x"][:, :, 5:] = -9.0
    b["text"][:, 2] = 5.0
    b["scene"][:, 3] = 7.0
    keep = pose_mask[..., None].expand(B, P, T, 258)
    torch.testing.assert_close(model(**b)[keep], model(**a)[keep], atol=1e-6, rtol=1e-6)


def test_padding_to_a_larger_shape_changes_nothing(model):
    """A small request in a large kernel equals the same request in a kernel of its own size."""
    a = inputs()
    small = {**a}
    for name in ("text", "person_class", "identity"):
        small[name] = a[name][:, :2]
    small["x"] = a["x"][:, :2, :5]
    small["scene"], small["scene_class"] = a["scene"][:, :3], a["scene_class"][:, :3]
    small["key_bias"] = key_bias(*(torch.ones(*shape, dtype=torch.bool) for shape in ((B, 2), (B, 3), (B, 2, 5))))
    pose_mask = torch.zeros(B, P, T, dtype=torch.bool)
    pose_mask[:, :2, :5] = True
    a["key_bias"] = key_bias(
        torch.tensor([[True, True, False]] * B), torch.tensor([[True, True, True, False]] * B), pose_mask
    )
    torch.testing.assert_close(model(**a)[:, :2, :5], model(**small), atol=1e-5, rtol=1e-4)


def test_every_condition_matters_and_persons_attend_to_each_other(model):
    a = inputs()
    base = model(**a)
    for name in ("text", "scene", "x", "t"):
        assert (model(**{**a, name: 0.5 * a[name] + a[name].abs()}) - base).abs().max() > 1e-3, name
    for name, rows in (("scene_class", 20), ("person_class", 4), ("identity", 6)):
        assert (model(**{**a, name: (a[name] + 1) % rows}) - base).abs().max() > 1e-5, name
    other = a["x"].clone()
    other[:, 1] += 1.0
    assert (model(**{**a, "x": other}) - base)[:, 0].abs().max() > 1e-4


def test_dropped_conditions_do_not_depend_on_what_was_dropped(model):
    a = inputs()
    a["keep_text"] = torch.zeros(B)
    base = model(**a)
    torch.testing.assert_close(model(**{**a, "text": torch.randn(B, P, 12)}), base)
    assert (model(**{**a, "scene": a["scene"] + 1.0}) - base).abs().max() > 1e-3
    a["keep_text"], a["keep_scene"] = torch.ones(B), torch.zeros(B)
    base = model(**a)
    dropped = {**a, "scene": torch.randn(B, S, 192), "scene_class": torch.zeros(B, S, dtype=torch.int64)}
    torch.testing.assert_close(model(**dropped), base)
    assert (model(**{**a, "text": a["text"].abs()}) - base).abs().max() > 1e-3


def test_rows_may_keep_different_conditions(model):
    a = inputs()
    a["keep_text"] = torch.tensor([1.0, 0.0])
    both = model(**a)
    torch.testing.assert_close(both[0], model(**{**a, "keep_text": torch.ones(B)})[0])
    torch.testing.assert_close(both[1], model(**{**a, "keep_text": torch.zeros(B)})[1])


def test_explicit_attention_is_the_fused_kernel(model):
    a, results = inputs(), []
    for explicit in (False, True):
        for layer in model.layers:
            layer.attention.explicit = explicit
        results.append(model(**a))
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-4)


def test_attention_agrees_with_torchs_own(model):
    attention = model.layers[0].attention
    reference = torch.nn.MultiheadAttention(32, 2, batch_first=True)
    projections = (attention.query, attention.key, attention.value)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        reference.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        reference.out_proj.weight.copy_(attention.out.weight)
        reference.out_proj.bias.copy_(attention.out.bias)
    x = torch.randn(2, 9, 32)
    used = torch.rand(2, 9) > 0.3
    used[:, 0] = True
    bias = torch.where(used, 0.0, -1e4)[:, None, None, :]
    expected, _ = reference(x, x, x, key_padding_mask=~used, need_weights=False)
    torch.testing.assert_close(attention(x, bias, 0), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(attention(x, bias, 4), expected[:, 4:], atol=1e-5, rtol=1e-4)


def test_sinusoidal_encoding_by_scalar_arithmetic():
    import math

    got = sinusoidal(torch.tensor([5.0]), 8)[0]
    frequencies = [10000 ** (-i / 4) for i in range(4)]
    expected = [math.sin(5 * f) for f in frequencies] + [math.cos(5 * f) for f in frequencies]
    torch.testing.assert_close(got, torch.tensor(expected))


def test_width_must_fit_the_heads():
    with pytest.raises(ValueError, match="divisible"):
        DenoiserConfig(width=33)
