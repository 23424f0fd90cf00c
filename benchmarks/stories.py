"""Long motion in three or four parts: who jerks, at seams and elsewhere, and whom the network flips.

    python benchmarks/stories.py --out benchmarks/results/stories [--bundle B] [--count 60]

Protocol. Prompts of three or four parts of four seconds are drawn from walking, turning left, right and round, bending
over, sitting down, standing up, waving, falling, getting up, running and jumping; who sits or falls gets up next. Every
fourth motion has two persons, another fourth is in a room. A person's motion counts as beyond recordings where the 99th
percentile of jerk at its seams is more than that of all recordings (recording_metrics.json), as jerking where jerk of a
joint is anywhere more than 1,500 m/s^3, and as flipped where its body, once fitted, turned faster than 600 degrees/s
(`flips`), before that was stretched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray
from recorded import write_results
from seams import RECORDINGS, seam_jerk

from motion_preprocessing.scene import load_scene
from motion_runtime import GenerationRequest, Generator, Motion, corrections
from motion_runtime.flips import stretched

ACTS: Final = {
    "walk": "walks forward", "left": "turns left", "right": "turns right", "left90": "turns left by 90 degrees",
    "round": "turns around", "bend": "bends over", "wave": "waves with the right hand", "run": "runs forward",
    "jump": "jumps", "sit": "sits down on a chair", "stand": "stands up", "fall": "falls to the floor",
    "up": "gets up from the floor",
}  # fmt: skip
AFTER: Final = {"sit": "stand", "fall": "up"}
DRAWN: Final = [act for act in ACTS if act not in AFTER.values()]
JERKS_M_S3: Final = 1500.0
SEED: Final = 4000
WARD: Final = Path(__file__).parents[1] / "examples" / "ward.ply"


def story(rng: np.random.Generator) -> list[str]:
    """Three or four acts, none twice in a row."""
    acts: list[str] = []
    for _ in range(int(rng.integers(3, 5))):
        last = acts[-1] if acts else ""
        acts.append(AFTER.get(last) or str(rng.choice([act for act in DRAWN if act != last])))
    return acts


def flipped(generator: Generator, request: GenerationRequest) -> tuple[Motion, list[bool]]:
    """A motion, and whether each of its people was flipped before that was mended."""
    found: list[bool] = []
    mend = corrections.without_flips

    def noting(rotations: NDArray[np.float64], root_m: NDArray[np.float64], fps: float) -> Any:
        found.extend(bool(stretched(person[:, 0], fps)[1]) for person in rotations)
        return mend(rotations, root_m, fps)

    corrections.without_flips = noting
    try:
        return generator.generate(request), found
    finally:
        corrections.without_flips = mend


def measured(
    generator: Generator, count: int, most: float, told: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """A row a person of so many motions; `most` is recordings' percentile."""
    rng, ward, rows = np.random.default_rng(SEED), load_scene(WARD), []
    for index in range(count):
        stories = [story(rng) for _ in range(2 if index % 4 == 3 else 1)]
        prompts = tuple(" | ".join(f"4s: a person {ACTS[act]}" for act in acts) for acts in stories)
        request = GenerationRequest(prompts, seed=SEED + index, scene=ward if index % 4 == 1 else None)
        motion, flips = flipped(generator, request)
        for person, acts in enumerate(stories):
            # People who do nothing with each other are made one by one, in windows of their own.
            alone = GenerationRequest((prompts[person],), seconds=motion.seconds)
            one = Motion(
                motion.joints_m[person : person + 1], motion.local_rotations[person : person + 1],
                motion.root_position_m[person : person + 1], motion.fps, ("person",), (prompts[person],), motion.seed,
            )  # fmt: skip
            seams, elsewhere = seam_jerk(one, generator.windows_of(alone))
            q99 = float(np.quantile(seams, 0.99))
            rows.append(
                {
                    "motion": index, "person": person, "room": request.scene is not None, "acts": acts,
                    "seam_q99": q99, "seam_peak": float(seams.max()), "peak": float(elsewhere.max()),
                    "beyond": q99 > most, "jerks_at_seam": bool(seams.max() > JERKS_M_S3),
                    "jerks_elsewhere": bool(elsewhere.max() > JERKS_M_S3), "flipped": flips[person],
                }
            )  # fmt: skip
        told(f"{index + 1} of {count}")
    return rows


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--count", default=60, show_default=True, help="Motions.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, count: int, out: Path) -> None:
    """Measure long motion of many parts."""
    generator = Generator.load(bundle, provider="cpu")
    recordings = json.loads(RECORDINGS.read_text(encoding="utf-8"))["kinds"]["all recordings"]
    rows = measured(generator, count, recordings["jerk_q99_m_s3"], lambda line: click.echo(line, err=True))
    kinds = {"all": ACTS, **{act: (act,) for act in ACTS}}
    marks = ("beyond", "jerks_at_seam", "jerks_elsewhere", "flipped")
    lines = [
        "# Long motion of many parts", "",
        f"People of {count} motions, bundle {generator.bundle.sha256[:12]}.", "",
        "| with | people | beyond recordings at seams | jerks at a seam | jerks elsewhere | flipped, and mended |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, acts in kinds.items():
        of_kind = [row for row in rows if set(row["acts"]) & set(acts)]
        counts = " | ".join(str(sum(row[mark] for row in of_kind)) for mark in marks)
        lines.append(f"| {name} | {len(of_kind)} | {counts} |")
    text = "\n".join(lines)
    write_results(out, {"protocol": __doc__, "bundle": generator.bundle.sha256, "rows": rows}, text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()
