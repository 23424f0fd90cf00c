"""Make the clip and the pictures at the top of README and in the docs, with the built-in model.

Run `python examples/make_readme_pictures.py [FOLDER]` after the model has changed. Samples are tried in order, and the
first is shown in which the patient is measured to fall and nobody is inside furniture in more than a tenth of the
frames: a picture of what the model can do, not of its average, which docs/model-card.md has.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from motion_preprocessing.describe import ACTIONS
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.scene import Scene, load_scene, object_points
from motion_runtime import GenerationRequest, Generator, Motion
from motion_runtime.editing import Edits, Hold, Pose, RootPath
from motion_runtime.formats.action_segments import frame_actions
from motion_runtime.preview import render_contact_sheet, render_preview
from motion_runtime.room_plan import draw_room_plan

ROOT = Path(__file__).parents[1]
TRIES = 12
MOST_INSIDE = 0.1
"""Share of frames in which somebody may be more than 2 cm inside furniture."""
SIZE = (640, 480)
PAIR = GenerationRequest(
    prompts=("a person walks forward", "a person walks forward and falls"),
    person_classes=("staff", "patient"),
    seconds=5.0,
    seed=5,
)
CARE = GenerationRequest(
    prompts=("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed"),
    person_classes=("staff", "patient"),
    seconds=5.0,
    seed=1,
)
HELP = GenerationRequest(
    prompts=("a carer helps a patient stand up", "a patient stands up from the chair with the help of a carer"),
    person_classes=("staff", "patient"),
    seconds=6.0,
    seed=0,
)
OUT_OF_BED = GenerationRequest(("a patient falls out of bed",), person_classes=("patient",), seed=1)
SEAT = GenerationRequest(prompts=("a person walks to the chair and sits down",), seconds=6.0, seed=3)
ALONE = GenerationRequest(
    prompts=("a person walks forward and falls",), person_classes=("patient",), seconds=6.0, seed=9
)


def good_sample(generator: Generator, request: GenerationRequest, room: Scene) -> Motion:
    """The first sample in which the last person falls and the room is respected, or the last one tried."""
    obstacles, _ = object_points(room)
    for sample in range(TRIES):
        motion = generator.generate(replace(request, scene=room, sample=sample))
        falls = bool((frame_actions(motion)[-1] == ACTIONS.index("fall")).any())
        inside = evaluate_motion(motion.joints_m, motion.fps, obstacles).scene_penetration_share
        print(f"sample {sample}: {'falls' if falls else 'does not fall'}, inside furniture {inside:.0%}")
        if falls and inside <= MOST_INSIDE:
            break
    return motion


def edited(generator: Generator, folder: Path) -> list[Path]:
    """Sheets of what docs/editing.md tells of: motion in parts, between two poses, on a path, with an arm held."""

    def made(prompt: str, **settings: Any) -> Motion:
        return generator.generate(GenerationRequest(prompts=(prompt,), **settings))

    walk = made("a person walks forward", seed=1)
    bend = made("a person bends over", seed=4, start_m=(2.5, 0.5))
    wave = made("a person waves with the right hand", seed=3)
    ends = Edits(start_pose=Pose.of(walk, 1.0), end_pose=Pose.of(bend, 3.0))
    round_it = Edits(paths=(RootPath.parse("0:0,0 2:1.8,0 4:1.8,1.8 6:0,1.8"),))
    arm = Edits(holds=(Hold.of("right_arm", wave, 2.0),))
    sheets = {
        "long_motion": made("4s: a person walks forward | 5s: a person sits down on a chair", seconds=9.0, seed=2),
        "in_between": made("a person walks forward", seed=5, edits=ends),
        "path": made("a person walks forward", seed=2, edits=round_it),
        "hold": made("a person walks forward", seed=1, seconds=5.0, edits=arm),
    }
    for name, motion in sheets.items():
        render_contact_sheet(folder / f"{name}.png", motion)
    return [folder / f"{name}.png" for name in sheets]


def main(folder: Path) -> None:
    """Write ward.gif, room.png and contact_sheet.png, sheets of a seat, a bed and two people, and those of edits."""
    generator, ward = Generator.load(), load_scene(ROOT / "examples" / "ward.ply")
    folder.mkdir(parents=True, exist_ok=True)
    alone = good_sample(generator, ALONE, ward)
    sheet, plan = folder / "contact_sheet.png", folder / "room.png"
    render_contact_sheet(sheet, alone, ward)
    draw_room_plan(plan, ward, [alone])
    seat = folder / "seat.png"
    render_contact_sheet(seat, generator.generate(replace(SEAT, scene=ward)), ward)
    fallen = folder / "out_of_bed.png"
    render_contact_sheet(fallen, generator.generate(replace(OUT_OF_BED, scene=ward)), ward)
    wheelchair, helping = folder / "wheelchair.png", folder / "help.png"
    for picture, request in ((wheelchair, CARE), (helping, HELP)):
        render_contact_sheet(picture, generator.generate(request))
    # A third of the bytes, and no difference to the eye.
    for picture in (sheet, plan, seat, fallen, wheelchair, helping, *edited(generator, folder)):
        Image.open(picture).quantize(256).save(picture, optimize=True)
    render_preview(folder / "ward.gif", good_sample(generator, PAIR, ward), ward, size=SIZE)
    print(f"wrote the pictures to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
