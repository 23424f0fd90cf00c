"""Falls: how quick they are against simulated ones of the same words, whether bodies could have them, and out of bed.

Hanging: who is lower than 75 cm with the pelvis, and with every joint more than 8 cm above where it would lie on the
floor (`come_down.clearance_m`), for at least a fifth of a second, without their centre of mass falling at half of
gravity or more. Held up: the trunk of who has come to rest is more than 8 cm above where it would lie; 98 % of the
simulated bodies' are lower. 'Hanging' as a column is without what brings bodies down (`come_down`, and limbs turned out
of the floor by `above_floor`, which then raises bodies by their limbs).

    python benchmarks/falls.py --out benchmarks/results/falls [--bundle B] [--samples 11] [--data FALLS] [--room R ...]

Protocol. Falls: 12 prompts that the evaluation does not have, each with `--samples` draws of seeds 5000 and up, 6 s, on
the same noise with and without what changes their time (`fall_speed`); a fall's physics as in docs/metrics.md, skate
and jerk as well; the head's speed is its greatest from half a second before the fall until half a second after the
impact. Others: motions told to lie down, sit down, kneel, crouch, jump, get up and walk, of which the share is counted
that is the same to the bit with and without.

Pairs (--data, what `motion-preprocess simulate FALLS --kinds falls --seed 2 --count 640 --starts MOCAP` makes): one
motion of the first caption of each simulated fall but those out of bed and off missed seats, both corrected alike but
for their time; the deciles of how fast the pelvis sinks at most, and how long it takes from .3 m/s to the impact.
'Timed' are the generated ones with what the bundle says of its falls' speed. Where their deciles are not the simulated
ones, the line through both corrects what the bundle says, for `motion-export --fall-speed --fall-offset --into`; not
all of what is asked comes about (time is smoothed, and held within gravity), so twice or three times.

Out of bed (--room, several): three wordings, 12 draws a room. Lies first: half of the first half second is 'lying' to
the labels; penetration is the share of frames in which a body is more than 2 cm inside of a thing of the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import click
import numpy as np
from machine import describe, in_words
from numpy.typing import NDArray
from recorded import write_results

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.frame_labels import ACTIONS, omnifall_labels
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.motion_features import runs
from motion_preprocessing.scene import load_scene
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime import GenerationRequest, Generator, Motion
from motion_runtime.above_floor import LOWEST
from motion_runtime.come_down import clearance_m
from motion_runtime.free_fall import GRAVITY_M_S2, MASSES
from motion_runtime.placement import Room
from motion_runtime.prediction import Prediction
from motion_train.evaluation.falls import LYING, fall_physics, lies

Array = NDArray[np.float64]

SEED, SECONDS = 5000, 6.0
FALLS: Final = (
    "a person falls forward", "a person falls backward and lies on the back", "a person falls onto their right side",
    "a person faints", "a patient faints and falls to the floor", "a resident slips on the floor and falls",
    "a person walks forward, trips and falls", "an elderly person loses balance and falls down", "a person collapses",
    "a person is pushed from behind and falls", "a person stumbles while walking and falls to the ground",
    "a person tries to stand up and falls",
)  # fmt: skip
OTHERS: Final = (
    "a person lies down on the floor", "a person slowly lies down on the floor", "a person sits down on a chair",
    "a person sits down on the floor", "a person kneels down", "a person squats down", "a person jumps up",
    "a person gets up from the floor", "a person walks forward", "a person crouches",
)  # fmt: skip
OUT_OF_BED: Final = (
    "a patient falls out of bed", "an old man rolls off the bed",
    "a person is lying in bed and slides out of bed onto the floor",
)  # fmt: skip
PHYSICS: Final = {
    "plausible": "all of a fall's physics", "acceleration": "gravity", "onset_to_impact": "onset to impact",
    "descent": "descent", "impact_speed": "impact at 1.5 to 4.5 m/s", "ends_low": "pelvis ends low",
    "settles": "lies still for a second",
}  # fmt: skip
HEIGHTS: Final = {
    "pelvis_m": "pelvis", "spine3_m": "upper spine", "head_m": "head", "trunk_m": "lowest of the trunk over its place",
    "ankle_m": "higher ankle", "wrist_m": "higher wrist",
}  # fmt: skip
_LIMBS: Final = ("ankle", "wrist")
_TRUNK: Final = ("pelvis", "left_hip", "right_hip", "spine1", "spine2", "spine3", "neck", "left_collar",
                 "right_collar", "head")  # fmt: skip
_HANGS_M, _HANGS_S, _FALLING_M, _HELD_UP_M = 0.08, 0.2, 0.75, 0.08
DECILES: Final = np.arange(0.1, 0.95, 0.1)
_DRAWS_IN_ROOMS: Final = 12
_INSIDE_M: Final = 0.02


def untimed(x: Array, *_: Any) -> Array:
    """In place of `fall_rates`: every frame takes as much time as it does."""
    return np.ones(np.shape(x)[:2])


def posed(generator: Generator, request: GenerationRequest, made: Prediction, *, timed: bool) -> Motion:
    """A motion with or without what changes the time of falls."""
    if timed:
        return generator.pose(request, made)
    with patch("motion_runtime.corrections.fall_rates", untimed):
        return generator.pose(request, made)


def undropped(x: Array, *_: Any) -> Array:
    """In place of `come_down`: nobody is lowered."""
    return x


def left_hanging(generator: Generator, request: GenerationRequest, made: Prediction, *, timed: bool = True) -> Motion:
    """A motion whose body neither comes down nor turns limbs out of the floor; by these it is raised as a whole."""
    with (
        patch("motion_runtime.corrections.come_down", undropped),
        patch("motion_runtime.above_floor.TRUNK_LIES_M", (-2.0, -1.0)),
    ):
        return posed(generator, request, made, timed=timed)


def hangs_s(joints: Array, fps: float) -> float:
    """The longest that somebody (T, 22, 3) hangs in the air, seconds."""
    centre = joints[..., 2] @ MASSES
    step = max(1, round(0.1 * fps))
    around = np.pad(centre, step, mode="edge")
    falls = -(around[2 * step :] - 2 * centre + around[: -2 * step]) * (fps / step) ** 2 > 0.5 * GRAVITY_M_S2
    hangs = (clearance_m(joints) > _HANGS_M) & (joints[:, 0, 2] < _FALLING_M) & ~falls
    return max((last - first for first, last in runs(hangs)), default=0) / fps


def at_rest_m(joints: Array, fps: float) -> dict[str, float]:
    """Heights over the last half second of (T, 22, 3), metres."""
    height = joints[-max(1, round(0.5 * fps)) :, :, 2].mean(axis=0)
    highest = {f"{name}_m": max(height[JOINT_INDEX[f"{side}_{name}"]] for side in ("left", "right")) for name in _LIMBS}
    trunk = [JOINT_INDEX[name] for name in _TRUNK]
    own = {f"{name}_m": height[JOINT_INDEX[name]] for name in ("pelvis", "spine3", "head")}
    return {name: float(m) for name, m in (own | highest | {"trunk_m": (height - LOWEST)[trunk].min()}).items()}


def descent_of(joints: Array, fps: float) -> tuple[float, float, int, int] | None:
    """How fast the pelvis sinks at most (m/s), how long from .3 m/s to the impact (s), and both frames' numbers."""
    if fall_physics(joints, fps) is None:
        return None
    height = joints[:, 0, 2]
    up, low = np.flatnonzero(height > 0.6), np.flatnonzero(height < 0.35)
    speed = np.gradient(height) * fps
    peak = int(up[0] + np.argmin(speed[up[0] : low[-1] + 1]))
    stops = np.flatnonzero(speed[peak:] > -0.3)
    impact = peak + int(stops[0]) if len(stops) else len(joints) - 1
    slow = np.flatnonzero(speed[: peak + 1] > -0.3)
    begins = int(slow[-1]) if len(slow) else 0
    return float(-speed[peak]), (impact - begins) / fps, begins, impact


def figures_of(motion: Motion) -> dict[str, Any]:
    """Of one person's motion."""
    joints, fps = motion.joints_m[0].astype(np.float64), motion.fps
    labels = omnifall_labels(joints, fps)
    metrics = evaluate_motion(motion.joints_m, fps, local_rotations=motion.local_rotations)
    jerk = np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1) * fps**3
    found: dict[str, Any] = {
        "labelled": bool((labels == ACTIONS.index("fall")).any()), "skate": metrics.foot_skate_ratio,
        "jerk": float(jerk.mean()), "jerk_95": float(np.quantile(jerk, 0.95)), "jerk_most": float(jerk.max()),
    }  # fmt: skip
    physics, way = fall_physics(joints, fps), descent_of(joints, fps)
    found["falls"] = physics is not None
    if physics is not None and way is not None:
        head = np.linalg.norm(np.gradient(joints[:, JOINT_INDEX["head"]], axis=0), axis=1) * fps
        near = slice(max(0, way[2] - round(0.5 * fps)), way[3] + round(0.5 * fps))
        found |= {name: getattr(physics, name) for name in PHYSICS}
        found |= {"sinks_m_s": way[0], "descent_s": way[1], "head_m_s": float(head[near].max())}
        found["lies"] = lies(joints, fps)
        found |= at_rest_m(joints, fps)
        found["held_up"] = found["trunk_m"] > _HELD_UP_M
        found["hangs"] = hangs_s(joints, fps) >= _HANGS_S
        found["sunk_m"] = float(np.maximum(-clearance_m(joints), 0.0).max())
    return found


def summed(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means over motions; of physics over those that fall."""
    fell = [row for row in rows if row["falls"]]
    found = {"motions": len(rows), "falls": len(fell), "labelled": float(np.mean([row["labelled"] for row in rows]))}
    for name in (*PHYSICS, "hangs", "held_up", "skate", "jerk", "jerk_95", "jerk_most"):
        found[name] = float(np.nanmean([row[name] for row in fell]))
    for name in ("sinks_m_s", "descent_s", "head_m_s", *HEIGHTS):
        found[name] = float(np.median([row[name] for row in fell]))
    for name in HEIGHTS:
        found[f"{name}_most"] = float(np.quantile([row[name] for row in fell], 0.95))
    found["sunk_m"] = float(np.max([row["sunk_m"] for row in fell]))
    return found | {way: float(np.mean([row["lies"] == way for row in fell])) for way in LYING}


def falls_and_others(generator: Generator, samples: int) -> dict[str, Any]:
    """Falls without and with what changes their time, and how many other motions it leaves as they are."""
    rows: dict[str, list[dict[str, Any]]] = {"as they are": [], "hanging": [], "timed": []}
    for number, prompt in enumerate(FALLS):
        for sample in range(samples):
            request = GenerationRequest((prompt,), seconds=SECONDS, seed=SEED + number, sample=sample)
            made = generator.predict(request)
            for name, found in rows.items():
                pose = left_hanging if name == "hanging" else posed
                found.append(figures_of(pose(generator, request, made, timed=name != "as they are")))
    same = []
    for number, prompt in enumerate(OTHERS):
        for sample in range(max(1, samples // 2)):
            request = GenerationRequest((prompt,), seconds=SECONDS, seed=SEED + 100 + number, sample=sample)
            made = generator.predict(request)
            two = [posed(generator, request, made, timed=timed).joints_m for timed in (False, True)]
            same.append(np.array_equal(*two))
    return {name: summed(found) for name, found in rows.items()} | {"others": len(same), "same": int(np.sum(same))}


def pairs(generator: Generator, data: Path) -> dict[str, Any]:
    """Simulated falls against generated ones of the same words, both corrected alike but for their time."""
    found: list[tuple[float, float, float, float, float]] = []
    simulated, same_words = [], []
    for number, record in enumerate(MotionDataset.open(data)):
        if "out_of_bed" in record.label or "missed" in record.label:
            continue
        request = GenerationRequest((record.captions[0],), seconds=SECONDS, seed=SEED + 2000 + number)
        made = generator.predict(request)
        two = [made, Prediction(**{**vars(made), "pose_vectors": np.asarray(record.pose, np.float32)[None]})]
        motions = [posed(generator, request, one, timed=False) for one in two]
        ways = [descent_of(motion.joints_m[0].astype(np.float64), motion.fps) for motion in motions]
        simulated.append(figures_of(left_hanging(generator, request, two[1], timed=False)))
        timed = posed(generator, request, made, timed=True)
        ways.append(descent_of(timed.joints_m[0].astype(np.float64), timed.fps))
        same_words.append(figures_of(timed))
        if all(way is not None for way in ways):
            found.append((*ways[0][:2], *ways[1][:2], ways[2][0]))
    made_m_s, made_s, real_m_s, real_s, timed_m_s = np.array(found).T
    quantiles = [np.quantile(speeds, DECILES) for speeds in (made_m_s, timed_m_s, real_m_s)]
    ratio = quantiles[2] / quantiles[1]
    slope, more_m_s = np.polyfit(quantiles[1], quantiles[2], 1)
    manifest = generator.bundle.manifest
    return {
        "pairs": len(found), "generated_m_s": quantiles[0].tolist(), "timed_m_s": quantiles[1].tolist(),
        "simulated_m_s": quantiles[2].tolist(), "ratio": ratio.tolist(), "ratio_mean": float(ratio.mean()),
        "line": (float(slope * manifest.fall_speed), float(slope * manifest.fall_offset_m_s + more_m_s)),
        "descent_ratio": float(made_s.mean() / real_s.mean()), "same words": summed(same_words),
        "simulated": summed(simulated),
    }  # fmt: skip


def inside(joints: Array, room: Room) -> float:
    """Share of the frames in which somebody (T, 22, 3) is more than 2 cm inside of a thing."""
    capsules = body_capsules(joints)
    along = np.linspace(0.0, 1.0, 5)[:, None, None, None]
    places = (1 - along) * capsules.starts_m + along * capsules.ends_m  # (5, T, C, 3)
    radii = np.broadcast_to(capsules.radii_m, places.shape[:-1])
    depth, _ = room.solids.depth(places.reshape(-1, 3), radii.reshape(-1))
    return float((depth.reshape(places.shape[:-1]).max(axis=(0, 2)) > _INSIDE_M).mean())


def out_of_bed(generator: Generator, path: Path) -> dict[str, float]:
    """Falls out of the bed of one room."""
    room = Room(load_scene(path))
    rows = []
    for sample in range(_DRAWS_IN_ROOMS):
        prompt = OUT_OF_BED[sample % len(OUT_OF_BED)]
        request = GenerationRequest((prompt,), seconds=SECONDS, scene=room.scene, seed=SEED, sample=sample)
        (way,) = generator.staged(request).rolls or (None,)
        motion = generator.generate(request)
        joints = motion.joints_m[0].astype(np.float64)
        labels = np.array(ACTIONS)[omnifall_labels(joints, motion.fps)]
        physics = fall_physics(joints, motion.fps)
        beside = -np.inf if way is None else float((joints[-1, 0, :2] - way.place_m) @ way.out) - way.edge_m
        rows.append(
            (
                (labels[: round(0.5 * motion.fps)] == "lying").mean() > 0.5, joints[-1, 0, 2] < 0.35 and beside > 0.0,
                "fall" in labels, labels[-1] == "fallen", physics is not None and physics.acceleration,
                physics is not None and physics.settles, physics is not None and physics.plausible,
                inside(joints, room),
            )
        )  # fmt: skip
    names = ("lies first", "on the floor beside it", "labelled fall", "labelled fallen at last", "gravity",
             "lies still for a second", "all of a fall's physics", "frames > 2 cm in a thing")  # fmt: skip
    return {name: float(np.mean([row[k] for row in rows])) for k, name in enumerate(names)}


def table_of(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    columns = ["as they are", "hanging", "timed"] + (["same words", "simulated"] if "pairs" in result else [])
    sums = [result["falls"][name] for name in columns[:3]] + [result["pairs"][name] for name in columns[3:]]
    lines = [
        "# Falls", "", f"`{result['command']}`, bundle {result['bundle']}; {result['machine']}.", "",
        f"{sums[0]['motions']} motions of {len(FALLS)} prompts; 'as they are' without, 'timed' with what changes their "
        f"time (a speed v of falls becomes {result['quicker'][0]:g} v + {result['quicker'][1]:g} m/s, and rest), "
        f"'hanging' so too but without what brings bodies down. Of {result['falls']['others']} motions told to do "
        f"something else {result['falls']['same']} are the same to the bit with it. 'Same words' are timed motions of "
        "the simulated falls' own captions.", "",
        "| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|",
    ]  # fmt: skip
    shares = {"labelled": "labelled as a fall", **PHYSICS, "hangs": "hangs in the air for .2 s", "held_up":
              "trunk is held up at rest", **{way: f"lies {way}" for way in LYING}}
    others = {
        "sinks_m_s": "pelvis sinks at most, m/s (median)", "descent_s": "descent, s (median)",
        "head_m_s": "head at most, m/s (median)", "skate": "foot-skate ratio", "jerk": "jerk, mean, m/s^3",
        "jerk_95": "jerk, 95 %", "jerk_most": "jerk, peak", "sunk_m": "deepest joint under where it lies, m",
    }  # fmt: skip
    for name, words in (shares | others).items():
        cells = [f"{100 * one[name]:.0f} %" if name in shares else f"{one[name]:.3g}" for one in sums]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    for name, words in HEIGHTS.items():
        cells = [f"{one[name]:.2f}, {one[f'{name}_most']:.2f}" for one in sums]
        lines.append(f"| {words} at rest, m (median, 95 %) | " + " | ".join(cells) + " |")
    if "pairs" in result:
        two = result["pairs"]
        lines += [
            "", f"Pelvis' greatest speed downwards over {two['pairs']} pairs of the same words, at each decile; the "
            f"ratio of simulated to timed ones is {two['ratio_mean']:.3f} on the mean, that of descents as they are "
            f"{two['descent_ratio']:.3f}. To tell next: speed {two['line'][0]:.2f}, offset {two['line'][1]:.2f} m/s.",
            "",
            "| decile | " + " | ".join(f"{10 * k}" for k in range(1, 10)) + " |", "|---" * 10 + "|",
        ]  # fmt: skip
        for name in ("generated_m_s", "timed_m_s", "simulated_m_s", "ratio"):
            lines.append(f"| {name.replace('_m_s', ', m/s')} | " + " | ".join(f"{x:.2f}" for x in two[name]) + " |")
    if result["out_of_bed"]:
        rooms = result["out_of_bed"]
        lines += ["", f"Out of bed, {_DRAWS_IN_ROOMS} motions a room:", "", "| | " + " | ".join(rooms) + " |"]
        lines.append("|---" * (len(rooms) + 1) + "|")
        for name in next(iter(rooms.values())):
            lines.append(f"| {name} | " + " | ".join(f"{100 * room[name]:.0f} %" for room in rooms.values()) + " |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--samples", default=11, show_default=True, help="Motions a prompt.")
@click.option("--data", type=click.Path(path_type=Path), help="Simulated falls, for the pairs.")
@click.option("--room", "rooms", multiple=True, type=click.Path(path_type=Path), help="A room with a bed; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, samples: int, data: Path | None, rooms: tuple[Path, ...], out: Path) -> None:
    """Measure falls."""
    generator = Generator.load(bundle, provider="cpu")
    manifest = generator.bundle.manifest
    given = f" --samples {samples}" + " --data FALLS" * (data is not None) + "".join(f" --room {r.name}" for r in rooms)
    result: dict[str, Any] = {
        "command": f"python benchmarks/falls.py{given}", "bundle": generator.bundle.sha256[:12],
        "machine": in_words(describe()), "quicker": (manifest.fall_speed, manifest.fall_offset_m_s),
        "falls": falls_and_others(generator, samples),
    }  # fmt: skip
    if data is not None:
        result["pairs"] = pairs(generator, data)
    result["out_of_bed"] = {path.stem: out_of_bed(generator, path) for path in rooms}
    table = table_of(result)
    write_results(out, result, table)
    print(table)


if __name__ == "__main__":
    main()
