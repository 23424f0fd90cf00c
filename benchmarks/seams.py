"""Whether long motion shows its seams: jerk where windows overlap, beside jerk elsewhere and that of recordings.

    python benchmarks/seams.py --out benchmarks/results/seams [--bundle B] [--seeds 4]

Protocol. One prompt for 20 s, prompts in two and three parts, and two persons, each with several seeds, generated with
the bundle's defaults. 'At seams' are the third differences that touch a frame in which two windows are blended;
'elsewhere' all others of the same motions. Recordings' percentiles come from recording_metrics.json, made by
`python benchmarks/recording_metrics.py DATASET`. A seam is not seen where the 99th percentile at seams is at most that
of recordings.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from recorded import write_results

from motion_preprocessing.metrics import jerk_m_s3
from motion_runtime import GenerationRequest, Generator, Motion
from motion_runtime.editing.windows import SURE, Window

PROMPTS = {
    "one prompt, 20 s": ("20s: a person walks forward",),
    "two parts": ("5s: a person walks forward | 5s: a person sits down on a chair",),
    "three parts": ("4s: a person walks forward | 4s: a person turns left by 90 degrees | 4s: a person bends over",),
    "two persons": ("4s: a person walks forward | 4s: a person turns left", "8s: a person waves with the right hand"),
}
RECORDINGS = Path(__file__).parent / "results" / "recording_metrics.json"
QUANTILES = (0.5, 0.95, 0.99)


def at_seams(windows: list[Window], frames: int) -> NDArray[np.bool_]:
    """(T - 3,) third differences of frames t .. t + 3 that touch a blended frame."""
    blended = np.zeros(frames, np.bool_)
    for window in windows[1:]:
        blended[window.first + round(SURE * window.overlap) - 1 : window.start + 1] = True
    return np.asarray(blended[:-3] | blended[1:-2] | blended[2:-1] | blended[3:])


def seam_jerk(motion: Motion, windows: list[Window]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jerks of all joints at seams, and elsewhere."""
    touched = at_seams(windows, motion.frames)
    jerk = np.stack([jerk_m_s3(person, motion.fps) for person in motion.joints_m])  # (P, T-3, 22)
    return jerk[:, touched].reshape(-1), jerk[:, ~touched].reshape(-1)


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--seeds", default=4, show_default=True, help="Motions a prompt.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, seeds: int, out: Path) -> None:
    """Measure seams."""
    generator = Generator.load(bundle, provider="cpu")
    recordings = json.loads(RECORDINGS.read_text(encoding="utf-8"))["kinds"]["all recordings"]
    rows = []
    for name, prompts in PROMPTS.items():
        parts: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for seed in range(seeds):
            request = GenerationRequest(prompts, seed=seed)
            parts.append(seam_jerk(generator.generate(request), generator.windows_of(request)))
        seams, elsewhere = (np.concatenate(values) for values in zip(*parts, strict=True))
        rows.append(
            {
                "what": name,
                "seams": {f"q{100 * q:g}": float(np.quantile(seams, q)) for q in QUANTILES} | {"peak": seams.max()},
                "elsewhere": {f"q{100 * q:g}": float(np.quantile(elsewhere, q)) for q in QUANTILES}
                | {"peak": elsewhere.max()},
            }
        )
        click.echo(f"{name}: done", err=True)
    keys = [f"q{100 * q:g}" for q in QUANTILES]
    real = [recordings[f"jerk_{key}_m_s3"] for key in keys]
    lines = [
        "# Seams of long motion", "",
        f"Jerk of all joints, m/s^3, {seeds} motions a row, bundle {generator.bundle.sha256[:12]}.", "",
        "| motion | " + " | ".join(f"{key} at seams / elsewhere" for key in [*keys, "peak"]) + " |",
        "|---" * (len(keys) + 2) + "|",
    ]  # fmt: skip
    lines += [
        f"| {row['what']} | "
        + " | ".join(f"{row['seams'][key]:.0f} / {row['elsewhere'][key]:.0f}" for key in [*keys, "peak"])
        + " |"
        for row in rows
    ]
    lines.append(
        "| recordings | " + " | ".join(f"{value:.0f}" for value in real)
        + f" | {recordings['jerk_peak_median_m_s3']:.0f} (median of clips) |"
    )  # fmt: skip
    text = "\n".join(lines)
    result = {
        "protocol": __doc__, "bundle": generator.bundle.sha256, "seeds": seeds, "rows": rows,
        "recordings": dict(zip(keys, real, strict=True)),
    }  # fmt: skip
    write_results(out, result, text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()
