"""Make the clip and the pictures at the top of README and in the docs, with the built-in model.

Run `python examples/make_readme_pictures.py [FOLDER]` after the model has changed. Samples are tried in order, and the
first is shown in which the patient is measured to fall and nobody is inside furniture in more than a tenth of the
frames: a picture of what the model can do, not of its average, which docs/model-card.md has.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image

from motion_preprocessing.describe import ACTIONS
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.scene import Scene, load_scene, object_points
from motion_runtime import GenerationRequest, Generator, Motion
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


def main(folder: Path) -> None:
    """Write ward.gif, room.png, contact_sheet.png, seat.png, and the sheets of two: wheelchair.png and help.png."""
    generator, ward = Generator.load(), load_scene(ROOT / "examples" / "ward.ply")
    folder.mkdir(parents=True, exist_ok=True)
    alone = good_sample(generator, ALONE, ward)
    sheet, plan = folder / "contact_sheet.png", folder / "room.png"
    render_contact_sheet(sheet, alone, ward)
    draw_room_plan(plan, ward, [alone])
    seat = folder / "seat.png"
    render_contact_sheet(seat, generator.generate(replace(SEAT, scene=ward)), ward)
    wheelchair, helping = folder / "wheelchair.png", folder / "help.png"
    for picture, request in ((wheelchair, CARE), (helping, HELP)):
        render_contact_sheet(picture, generator.generate(request))
    for picture in (sheet, plan, seat, wheelchair, helping):  # a third of the bytes, and no difference to the eye
        Image.open(picture).quantize(256).save(picture, optimize=True)
    render_preview(folder / "ward.gif", good_sample(generator, PAIR, ward), ward, size=SIZE)
    print(f"wrote the pictures to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
