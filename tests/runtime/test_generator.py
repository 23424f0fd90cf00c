"""The generator on a tiny untrained bundle: what holds whatever the weights are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError, InputError
from motion_preprocessing.groups import SceneTokens
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.rotations import about_z, geodesic_angle
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import BONES, JOINT_COUNT, JOINT_INDEX, REST_OFFSETS_M, WORLD_FROM_BODY
from motion_runtime import second_pass, window_maker
from motion_runtime.conditioning import KernelShape, condition_inputs, key_bias, no_scene, padded
from motion_runtime.flips import FASTEST_RAD_S
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.placement import Placement, Room
from motion_runtime.sampler import SAMPLERS
from motion_runtime.second_pass import AGAIN, AGAIN_UNLEARNED
from motion_runtime.stage import Rest, Start, Use

TOY = Path(__file__).with_name("toy_bundle")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.load(TOY, "cpu")


def request(*prompts: str, **values: Any) -> GenerationRequest:
    return GenerationRequest(prompts or ("a person walks",), **({"seconds": 1.0} | values))


def difference(a: Motion, b: Motion) -> float:
    return float(np.abs(a.joints_m - b.joints_m).max())


def test_shapes_labels_and_settings(generator: Generator) -> None:
    motion = generator.generate(request("walks", "waves", person_classes=("staff", "patient"), seconds=1.5, seed=3))
    assert motion.joints_m.shape == (2, 30, 22, 3)
    assert motion.joints_m.dtype == motion.local_rotations.dtype == motion.root_position_m.dtype == np.float32
    assert (motion.prompts, motion.person_classes) == (("walks", "waves"), ("staff", "patient"))
    assert (motion.fps, motion.seed, motion.sampler, motion.steps, motion.guidance) == (20.0, 3, "dpm++", 4, 2.0)


def test_bones_keep_their_lengths(generator: Generator) -> None:
    joints = generator.generate(request(seconds=2)).joints_m.astype(np.float64)
    for parent, child in BONES:
        length = np.linalg.norm(joints[:, :, child] - joints[:, :, parent], axis=-1)
        np.testing.assert_allclose(length, np.linalg.norm(REST_OFFSETS_M[child]), atol=1e-6)


def test_the_room_is_the_requests_own_whatever_another_thread_asks_for() -> None:
    """On a device one thread predicts a job while another poses the one before, in another room, by one generator."""
    points = np.random.default_rng(0).uniform(-1, 1, size=(200, 3)).astype(np.float32)
    label = np.zeros(200, np.int32)
    ours, others = (Scene(points, label, label, None, ("floor",), np.eye(4)) for _ in range(2))

    class Raced(Generator):
        """Another thread sets its room right after ours is set."""

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, Room(others) if name == "_room" and value is not None else value)

    found = Raced.load(TOY, "cpu").room_of(request(scene=ours))
    assert found is not None
    assert found.scene is ours


def test_a_motion_is_its_prediction_posed(generator: Generator) -> None:
    """What the network says can be looked at before the body is fitted, for one run of the network."""
    wanted = request("a person walks", seconds=0.5, seed=4)
    made = generator.predict(wanted)
    posed, whole = generator.pose(wanted, made), generator.generate(wanted)
    np.testing.assert_array_equal(posed.joints_m, whole.joints_m)
    np.testing.assert_array_equal(posed.local_rotations, whole.local_rotations)
    assert made.pose_vectors.shape[:2] == posed.joints_m.shape[:2]


def test_who_has_come_to_rest_is_still_once_posed(generator: Generator) -> None:
    """The low pass of a request is that of `at_rest`: wider for still bodies, and none at 0."""
    wanted = request("a person stands", seconds=3.0, seed=4)
    rotations = np.tile(np.eye(3), (1, 60, 22, 1, 1))
    rotations[:, :, 0] = WORLD_FROM_BODY
    standing = encode(rotations, np.tile([0.0, 0.0, 0.9], (1, 60, 1)), 20.0)
    noise = 1e-3 * np.random.default_rng(0).normal(size=standing.shape)
    made = replace(generator.predict(wanted), pose_vectors=(standing + noise).astype(np.float32))
    trembling = [
        float(np.diff(generator.pose(replace(wanted, low_pass_s=low_pass_s), made).joints_m, axis=1).std())
        for low_pass_s in (0.0, 0.035)
    ]
    assert trembling[1] < 0.05 * trembling[0]


def test_nobody_is_turned_over_within_a_frame(generator: Generator) -> None:
    """But where nothing is to be smoothed, what the network says is what comes out."""
    wanted = request("a person turns around", seconds=3.0, seed=4)
    rotations = np.tile(np.eye(3), (1, 60, 22, 1, 1))
    rotations[0, :, 0] = about_z(np.where(np.arange(60) < 30, 0.0, 2.8)) @ WORLD_FROM_BODY
    turning = encode(rotations, np.tile([0.0, 0.0, 0.9], (1, 60, 1)), 20.0)
    made = replace(generator.predict(wanted), pose_vectors=turning.astype(np.float32))
    fastest = []
    for low_pass_s in (0.0, 0.035):
        root = generator.pose(replace(wanted, low_pass_s=low_pass_s), made).local_rotations[0, :, 0]
        fastest.append(float(geodesic_angle(root[1:], root[:-1]).max()) * 20.0)
    assert fastest[0] == pytest.approx(2.8 * 20.0, rel=1e-3)
    assert fastest[1] <= FASTEST_RAD_S * 1.001


def test_rotations_are_rotations(generator: Generator) -> None:
    rotations = generator.generate(request(heading_deg=30)).local_rotations.astype(np.float64)
    product = rotations @ rotations.swapaxes(-1, -2)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-6)


def test_the_first_person_stands_at_the_start_and_faces_the_heading(generator: Generator) -> None:
    # The toy's motion is small noise about a body that stands over the origin and faces +x.
    motion = generator.generate(request(start_m=(3.0, -1.0), heading_deg=90.0))
    np.testing.assert_allclose(motion.root_position_m[0, :, :2].mean(axis=0), [3, -1], atol=0.05)
    left = motion.joints_m[0, :, JOINT_INDEX["left_hip"]] - motion.joints_m[0, :, JOINT_INDEX["right_hip"]]
    np.testing.assert_allclose(left.mean(axis=0) / np.linalg.norm(left.mean(axis=0)), [-1, 0, 0], atol=0.2)
    np.testing.assert_allclose(motion.room_from_canonical[:2, 3], [3, -1])


def test_start_and_heading_move_the_motion_rigidly(generator: Generator) -> None:
    plain, moved = generator.generate(request()), generator.generate(request(start_m=(2.0, 5.0), heading_deg=130.0))
    turn = about_z(np.array(np.radians(130.0)))
    # Straight knees, which the toy has, turn by the square root of what rounding moves a foot.
    np.testing.assert_allclose(moved.joints_m, plain.joints_m @ turn.T + [2, 5, 0], atol=2e-4)
    here, there = plain.local_rotations, moved.local_rotations
    np.testing.assert_allclose(there[..., 0, :, :], turn @ here[..., 0, :, :], atol=1e-6)
    legs = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("hip", "knee", "ankle")]
    others = [joint for joint in range(1, JOINT_COUNT) if joint not in legs]
    np.testing.assert_array_equal(there[..., others, :, :], here[..., others, :, :])
    np.testing.assert_allclose(there[..., legs, :, :], here[..., legs, :, :], atol=2e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_request_gives_the_same_bytes_and_another_seed_others(generator: Generator, sampler: str) -> None:
    first = generator.generate(request(sampler=sampler, seed=1))
    again = Generator.load(TOY, "cpu").generate(request(sampler=sampler, seed=1))
    assert first.joints_m.tobytes() == again.joints_m.tobytes()
    assert first.local_rotations.tobytes() == again.local_rotations.tobytes()
    for other in (request(sampler=sampler, seed=2), request(sampler=sampler, seed=1, sample=1)):
        assert difference(first, generator.generate(other)) > 1e-3


@pytest.mark.parametrize(("persons", "seconds"), [(1, 1.0), (1, 0.5), (2, 0.8)])
def test_the_result_does_not_depend_on_the_kernel_that_serves_it(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, persons: int, seconds: float
) -> None:
    wanted = request(*["walks", "waves"][:persons], seconds=seconds)
    snug = generator.generate(wanted)
    assert generator.check(wanted).scene_tokens == 0  # and so there is nothing of a room to be masked
    monkeypatch.setattr(generator, "_kernel_shape", lambda *_: KernelShape(2, 40, 4))
    np.testing.assert_allclose(generator.generate(wanted).joints_m, snug.joints_m, atol=1e-5)


def test_guidance_0_ignores_the_prompt_and_1_is_not_0(generator: Generator) -> None:
    walks, sits = request("a person walks"), request("a person sits down")
    unconditional = [generator.generate(replace(wanted, guidance=0.0)) for wanted in (walks, sits)]
    assert difference(*unconditional) == 0.0
    conditional = [generator.generate(replace(wanted, guidance=1.0)) for wanted in (walks, sits)]
    assert difference(*conditional) > 1e-5
    assert difference(unconditional[0], conditional[0]) > 1e-5


def test_guidance_1_is_the_conditional_branch_alone(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = generator.generate(request(guidance=1.0))
    # With the conditions kept in both branches guidance has nothing to weigh: any scale gives the conditional motion.
    monkeypatch.setattr("motion_runtime.generator.condition_inputs", lambda *a, **_: condition_inputs(*a))
    for guidance in (1.0, 3.0):
        assert difference(plain, generator.generate(request(guidance=guidance))) < 1e-5


def test_conditions_reach_the_network(generator: Generator) -> None:
    plain = generator.generate(request())
    assert difference(plain, generator.generate(request("a person falls"))) > 1e-5
    assert difference(plain, generator.generate(request(person_classes=("patient",)))) > 1e-5
    one_for_all = generator.generate(request("walks", person_classes=("person", "person")))
    repeated = generator.generate(request("walks", "walks"))
    assert difference(one_for_all, repeated) == 0.0
    assert difference(repeated, generator.generate(request("walks", "falls"))) > 1e-5


def test_the_room_reaches_the_network_in_the_canonical_frame(generator: Generator) -> None:
    plain = generator.generate(request(start_m=(3.0, 3.0), heading_deg=0))
    near, turned = (chair_room(angle) for angle in (0.0, np.pi / 2))
    first = generator.generate(request(scene=near, start_m=(3.0, 3.0), heading_deg=0))
    assert difference(plain, first) > 1e-5
    # Room and person turned together: the model sees the same, and the motion turns with them.
    second = generator.generate(request(scene=turned, start_m=(-3.0, 3.0), heading_deg=90))
    turn = about_z(np.array(np.pi / 2))
    np.testing.assert_allclose(second.joints_m, first.joints_m @ turn.T, atol=2e-5)


def test_without_scene_tokens_only_the_network_does_not_know_the_room(generator: Generator) -> None:
    chair = chair_room(0.0)
    floor = chair.labels == 0
    bare = Scene(
        chair.points_m[floor], chair.labels[floor], chair.instances[floor], None, ("floor", "chair"), np.eye(4)
    )
    untold = generator.without_scene_tokens()
    free = request(scene=chair, start_m=(5.7, 3.0), heading_deg=0, walls=False, use=False, solid=False, ground=False)
    nothing_to_see = generator.generate(replace(free, scene=bare))
    assert difference(generator.generate(free), nothing_to_see) > 1e-5
    assert difference(untold.generate(free), nothing_to_see) == 0.0
    assert difference(untold.generate(replace(free, walls=True)), nothing_to_see) > 0.01


def chair_room(angle_rad: float) -> Scene:
    """A floor with a chair a metre in front of a person who stands at (3, 3), all of it turned about the origin."""
    xs, ys = np.meshgrid(np.arange(0, 6, 0.1), np.arange(0, 6, 0.1))
    floor = np.stack([xs.ravel(), ys.ravel(), np.zeros(xs.size)], axis=1)
    # In the middle of the cells that scene tokens are thinned by, so that rounding cannot move a point to the next.
    seat = 3 + 0.03 * np.stack(np.meshgrid(np.arange(30, 38), np.arange(-4, 4)), axis=-1).reshape(-1, 2) + 0.015
    chair = np.concatenate([seat, np.full((len(seat), 1), 0.435)], axis=1)
    points = np.concatenate([floor, chair + [0, 0, 0]]) @ about_z(np.array(angle_rad)).T
    labels = np.repeat([0, 1], [len(floor), len(chair)]).astype(np.int32)
    return Scene(points.astype(np.float32), labels, labels - 1, None, ("floor", "chair"), np.eye(4))


def test_progress_is_told_after_every_step(generator: Generator) -> None:
    seen: list[tuple[int, int]] = []
    generator.generate(request(steps=3), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_progress_of_people_made_one_by_one_goes_on(generator: Generator) -> None:
    seen: list[tuple[int, int]] = []
    asked = request("a person walks", "a person waves", steps=3, start_m=(0.0, 0.0), heading_deg=0.0,
                    others=(Start((2.0, 0.0), 0.0),), staged=True)  # fmt: skip
    generator.generate(asked, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"person_classes": ("cat",)}, InputError, "expected one of person, staff, patient, got 'cat'"),
        ({"seconds": 0.1}, InputError, "expected at least 0.2 s, got 0.1 s"),
        ({"person_classes": ("staff",) * 3}, BundleError, "expected at most 2 persons"),
        ({"sampler": "euler"}, InputError, "expected one of ddpm, ddim, dpm"),
        ({"steps": 1001}, InputError, "expected 1 to 1000 denoising steps, got 1001"),
    ],
)
def test_what_the_bundle_cannot_do_is_refused(
    generator: Generator, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        generator.generate(request(**values))


@pytest.mark.parametrize(
    ("said", "told", "again"),
    [
        ("a person lies down", "a person walks | a person lies", ["a person lies down"]),
        ("a person walks | a person sits on a sofa", "a person walks | a person sits on a chair", None),
    ],
)
def test_a_draft_is_gone_over_in_the_words_it_was_made_by_but_for_parts_that_nobody_asked_for(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, said: str, told: str, again: list[str] | None
) -> None:
    texts: list[str] = []
    begun: list[int] = []  # the noise level at which each loop began
    embed, loop = Generator._embed, window_maker.sample
    monkeypatch.setattr(Generator, "_embed", lambda self, text: (texts.append(text), embed(self, text))[1])
    monkeypatch.setattr(
        window_maker, "sample",
        lambda kernel, steps, *rest: (begun.append(steps[0].t), loop(kernel, steps, *rest))[1],
    )  # fmt: skip
    monkeypatch.setattr(second_pass, "come_to_rest", lambda x, *_: (x, Placement()))
    use = Use(0.5, Rest((0.0, 0.0), (0.1, 0.1), 0.0), (), True)
    generator.generate(request(said, told=(told,), uses=((use,),), seconds=3.0, staged=True, steps=20))
    # What the model has not learned as a whole is kept nearer to the draft.
    least, most = (0.0, AGAIN_UNLEARNED) if again else (AGAIN_UNLEARNED, AGAIN)
    assert begun[0] > 0.9 * generator._schedule.steps
    assert least < begun[-1] / generator._schedule.steps <= most
    first = [part.strip() for part in told.split("|")]
    assert list(dict.fromkeys(texts)) == [*first, *(again or [])]
    assert texts[-1] == (again or first)[-1]


@pytest.mark.parametrize("prompts", [("a person walks",), ("a nurse helps a patient stand up", "a patient stands up")])
def test_a_network_that_gives_nan_is_an_error(monkeypatch: pytest.MonkeyPatch, prompts: tuple[str, ...]) -> None:
    """Corrections in the loop, that of hands among them, have no motion to correct then."""
    generator = Generator.load(TOY, "cpu")
    generator.generate(request(*prompts))
    session = generator._session("step", len(prompts), 20, 2, 0)
    monkeypatch.setattr(session, "bind", lambda fixed: lambda inputs: (inputs["x"] * np.nan, inputs["x"] * np.nan))
    with pytest.raises(BundleError, match="expected numbers, got NaN or infinity from the network"):
        generator.generate(request(*prompts))


def test_a_session_takes_as_much_of_a_room_as_there_may_be_where_nothing_is_said() -> None:
    """As `Bundle.find` and `GraphSession.load` do."""
    generator = Generator.load(TOY, "cpu")
    whole = generator.bundle.manifest.scene_tokens
    assert whole > 0
    assert generator._session("condition", 1).spec.scene_tokens == whole
    assert generator._session("step", 1, 20, 2).spec.scene_tokens == whole
    assert generator._session("step", 1, 20, 2, 0).spec.scene_tokens == 0
    assert generator._session("text_encoder").spec.scene_tokens == 0


def test_a_bundle_of_another_pose_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motion_runtime.generator.POSE_DIM", 262)
    with pytest.raises(BundleError, match="expected 262 numbers a pose, got 258"):
        Generator.load(TOY, "cpu")


def test_key_bias_is_the_one_of_training() -> None:
    torch = pytest.importorskip("torch")
    from motion_train.denoiser import key_bias as reference

    shape = KernelShape(people=3, frames=5, scene_tokens=4)
    scene_mask = np.array([True, False, True, False])
    pose_mask = torch.zeros(1, 3, 5, dtype=torch.bool)
    pose_mask[0, :2, :4] = True
    expected = reference(torch.tensor([[True, True, False]]), torch.from_numpy(scene_mask)[None], pose_mask)
    np.testing.assert_array_equal(key_bias(shape, 2, 4, scene_mask), expected[0].numpy())


def test_condition_inputs_fill_the_kernel() -> None:
    shape = KernelShape(people=3, frames=5, scene_tokens=2)
    scene = SceneTokens(
        np.arange(2 * 64 * 3, dtype=np.float32).reshape(2, 64, 3), np.array([4, 0]), np.array([True, False])
    )
    inputs = condition_inputs(shape, np.ones((2, 8), np.float32), np.array([2, 3]), scene)
    assert {name: value.shape for name, value in inputs.items()} == {
        "text": (1, 3, 8), "scene": (1, 2, 192), "scene_class": (1, 2), "person_class": (1, 3), "identity": (1, 3),
        "keep_text": (1, 3), "keep_scene": (1,),
    }  # fmt: skip
    np.testing.assert_array_equal(inputs["scene"][0, 1, :6], [192, 193, 194, 195, 196, 197])  # point by point, x y z
    assert inputs["person_class"].tolist() == [[2, 3, 0]]
    assert len(set(inputs["identity"][0].tolist())) == 3
    text, classes = np.ones((2, 8), np.float32), np.array([2, 3])
    dropped = condition_inputs(shape, text, classes, scene, keep_text=False, keep_scene=False)
    assert not dropped["keep_text"].any()
    assert not dropped["keep_scene"].any()
    assert not no_scene(shape, 64).mask.any()
    assert padded(np.ones((2, 4, 7), np.float32), shape).sum() == 2 * 4 * 7


@pytest.mark.parametrize(
    ("prompts", "others", "expected"),
    [
        (("a person walks", "a person lies down"), (Start((1.5, 1.0), 0.0),), [[0], [1]]),
        (("a nurse helps a patient up", "a patient is helped up"), (Start((1.5, 1.0), 0.0),), [[0, 1]]),
        (("a person walks", "a person lies down"), (), [[0, 1]]),
    ],
)
def test_who_does_nothing_with_others_is_made_alone(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, prompts: tuple[str, ...], others: Any, expected: Any
) -> None:
    """Shown to each other, those who stand near do what the others were told."""
    seen: list[list[int]] = []
    made = window_maker.WindowMaker.__call__

    def watched(self: Any, window: Any, people: list[int], *rest: Any) -> np.ndarray:
        seen.append(people)
        return made(self, window, people, *rest)

    monkeypatch.setattr(window_maker.WindowMaker, "__call__", watched)
    generator.generate(request(*prompts, others=others, start_m=(0.0, 1.0), heading_deg=0.0, staged=True))
    assert seen == expected


def test_who_is_made_alone_has_windows_of_their_own(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the prompt of one changes, the motion of another goes on in one piece."""
    seen: list[tuple[int, int, int]] = []
    made = window_maker.WindowMaker.__call__

    def watched(self: Any, window: Any, people: list[int], *rest: Any) -> np.ndarray:
        seen.append((people[0], window.start, window.end))
        return made(self, window, people, *rest)

    monkeypatch.setattr(window_maker.WindowMaker, "__call__", watched)
    prompts = "a person walks | a person lies down", "a person walks"
    motion = generator.generate(
        request(*prompts, others=(Start((2.0, 1.0), 0.0),), start_m=(0.0, 1.0), heading_deg=0.0, staged=True,
                seconds=2.0)
    )  # fmt: skip
    assert seen == [(0, 0, 20), (0, 20, 40), (1, 0, 40)]
    assert motion.frames == 40
