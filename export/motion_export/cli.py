"""`motion-export`: a training checkpoint in, a bundle out.

torch is imported inside the command, so that `--help` and a missing extra answer at once.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from motion_export.summary import put_into, read_summary
from motion_preprocessing.command import SETTINGS, OneLineCommand
from motion_preprocessing.errors import InputError, MissingExtraError

EXAMPLES = """\b
Examples:
  motion-export --checkpoint RUN --opset 17 --people 1 --frames 120 --out bundle/
  motion-export --checkpoint RUN --people 1,2,4 --frames 60,120,200 --out bundle/   (one weights file for all)
  motion-export --checkpoint RUN --precisions fp32,fp16,int8,bf16 --out bundle/
  motion-export --checkpoint RUN --batch 8 --out bundle/   (kernels of 8 requests too, for motion-run --jobs on a GPU)
  motion-export --summary summary.json --into bundle/   (only what is told about it: its manifest is written anew)
  motion-run --bundle bundle/ --prompt "a person walks forward" --out walk/
"""


def _counts(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Parse '1,2,4'."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"expected whole numbers with commas between them, got '{value}'; write 1,2") from None


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Parse 'fp32,int8'."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


@click.command(cls=OneLineCommand, epilog=EXAMPLES, context_settings=SETTINGS)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path),
    help="A checkpoint, or the folder of a training run, whose best one is taken.",
)  # fmt: skip
@click.option("--opset", type=int, default=17, show_default=True, help="ONNX opset of the plain graphs.")
@click.option(
    "--people", callback=_counts, default="1,2", show_default=True, metavar="P[,P..]",
    help="Person counts to make kernels for.",
)
@click.option(
    "--frames", callback=_counts, metavar="T[,T..]", help="Frame counts to make kernels for; default: the training's."
)
@click.option(
    "--batch", type=click.IntRange(1, 64), default=1, show_default=True, metavar="B",
    help="Make kernels of B requests too, which 'motion-run --jobs' takes on a GPU; 1 = none.",
)  # fmt: skip
@click.option(
    "--precisions", callback=_names, default="fp32", show_default=True, metavar="NAME[,NAME..]",
    help="Arithmetic of the step kernels: fp32, fp16, int8, bf16. All but fp32 must move like fp32 over --motions.",
)  # fmt: skip
@click.option(
    "--motions", type=click.IntRange(1, 4096), default=64, show_default=True,
    help="Motions that a reduced precision is compared over.",
)  # fmt: skip
@click.option(
    "--evaluator", type=click.Path(path_type=Path),
    help="Folder of 'motion-evaluate train-evaluator': precisions are compared by its features too.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the bundle.")
@click.option("--overwrite", is_flag=True, help="Replace an existing bundle.")
@click.option("--text-tower", type=click.Path(path_type=Path), help="Text tower's folder; default: the training's.")
@click.option(
    "--dataset", type=click.Path(path_type=Path),
    help="Dataset, for frame rate, credits and --calibrate; default: the training's.",
)  # fmt: skip
@click.option(
    "--calibrate", is_flag=True,
    help="Measure on the dataset's held-out clips what the network loses of quick movement; motion-run gives it back.",
)  # fmt: skip
@click.option("--fps", type=click.FloatRange(1, 1000), help="Frames a second of the data; default: the dataset's.")
@click.option("--name", default="scene-motion", show_default=True, help="What the model is called.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="Licence of the weights (SPDX).")
@click.option("--credits", "credits_file", type=click.Path(path_type=Path), help="Text file; default: the dataset's.")
@click.option("--sampler", default="dpm++", show_default=True, help="Default sampler: ddpm, ddim, dpm++, sde-dpm++.")
@click.option("--steps", type=click.IntRange(1, 1000), default=20, show_default=True, help="Default denoising steps.")
@click.option("--guidance", type=click.FloatRange(0, 100), default=2.5, show_default=True, help="Default guidance.")
@click.option("--guidance-interval", type=(float, float), default=(0.0, 1.0), show_default=True, metavar="LO HI",
              help="Steps that guidance counts in by default: 0 = the first, 1 = the last.")  # fmt: skip
@click.option("--fall-speed", type=click.FloatRange(0.5, 2.0), default=1.0, show_default=True,
              help="How much faster falls go than the network has them, as benchmarks/falls.py finds.")  # fmt: skip
@click.option("--fall-offset", type=click.FloatRange(0, 1), default=0.0, show_default=True, metavar="M/S",
              help="By how much more the pelvis sinks then, which is more for slow falls; from the same.")  # fmt: skip
@click.option("--summary", "summary_file", type=click.Path(path_type=Path), metavar="FILE",
              help="What people should know of the model, a JSON object of short texts: data, limits ...")  # fmt: skip
@click.option("--into", type=click.Path(path_type=Path), metavar="BUNDLE",
              help="Put --summary, --fall-speed or --fall-offset into this bundle; nothing is exported.")  # fmt: skip
@click.version_option(package_name="scene-motion", prog_name="motion-export")
@click.pass_context
def main(
    ctx: click.Context,
    checkpoint: Path | None,
    opset: int,
    people: tuple[int, ...],
    frames: tuple[int, ...] | None,
    batch: int,
    precisions: tuple[str, ...],
    motions: int,
    evaluator: Path | None,
    out: Path | None,
    overwrite: bool,
    text_tower: Path | None,
    dataset: Path | None,
    calibrate: bool,
    fps: float | None,
    name: str,
    licence: str,
    credits_file: Path | None,
    sampler: str,
    steps: int,
    guidance: float,
    guidance_interval: tuple[float, float],
    fall_speed: float,
    fall_offset: float,
    summary_file: Path | None,
    into: Path | None,
) -> None:
    """Export a trained model to ONNX, check it against PyTorch and write it as a bundle.

    Nothing appears at --out unless every graph agrees with PyTorch over 20 random inputs, and every reduced precision
    makes motions that measure what fp32's do.
    """
    summary = {} if summary_file is None else read_summary(summary_file)
    if into is not None:
        named = {option.opts[0]: ctx.get_parameter_source(option.name or "") for option in ctx.command.params}
        given = {option for option, source in named.items() if source is ParameterSource.COMMANDLINE} - {"--into"}
        if not given or given - {"--summary", "--fall-speed", "--fall-offset"}:
            raise InputError(
                "expected --summary, --fall-speed or --fall-offset alone beside --into, got "
                f"{', '.join(sorted(given)) or 'none'}; export first, then give both"
            )
        falls = {"fall_speed": fall_speed} if "--fall-speed" in given else {}
        falls |= {"fall_offset_m_s": fall_offset} if "--fall-offset" in given else {}
        bundle = put_into(into, summary or None, falls or None)
        told = [*summary, *(["fall speed"] if falls else [])]
        click.echo(f"{into}: {', '.join(told)}; sha256 {bundle.sha256[:12]}")
        return
    for name, value in (("--checkpoint", checkpoint), ("--out", out)):
        if value is None:
            raise click.UsageError(f"Missing option '{name}'.")
    assert checkpoint is not None
    assert out is not None
    for module in ("torch", "safetensors", "open_clip", "onnx"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError.for_extra(module, "export")
    from motion_export.bundle_writer import write_bundle
    from motion_export.checkpoint_model import calibrated, load_model
    from motion_export.graphs import check_opset
    from motion_runtime.guidance import Guidance
    from motion_runtime.manifest import SamplingDefaults
    from motion_runtime.sampler import SAMPLERS

    check_opset(opset)
    if sampler not in SAMPLERS:
        raise InputError(f"expected one of {', '.join(SAMPLERS)}, got '{sampler}' for --sampler; choose one of them")
    model = load_model(
        checkpoint,
        text_tower=text_tower,
        dataset=dataset,
        name=name,
        licence=licence,
        fps=fps,
        credits=_read(credits_file),
        default=SamplingDefaults(sampler, steps, guidance, Guidance(guidance, guidance, guidance_interval).interval),
    )
    model = replace(model, summary=summary, fall_speed=fall_speed, fall_offset_m_s=fall_offset)
    if calibrate:
        model = calibrated(model, checkpoint, dataset, click.echo)
    embed = None
    if evaluator is not None:
        from motion_train.evaluation.embedder import Evaluator

        embed = Evaluator.load(evaluator).embed_first
    if frames is None:
        frames = (int(model.training["config"]["data"]["frames"]),)
    bundle = write_bundle(
        model,
        out,
        people=people,
        frames=frames,
        batch=batch,
        precisions=precisions,
        motions=motions,
        embed=embed,
        overwrite=overwrite,
        report=click.echo,
    )
    size = sum(path.stat().st_size for path in out.iterdir())
    count = len(bundle.manifest.graphs) + len(bundle.manifest.batched)
    click.echo(f"{out}: {count} graphs, {size / 1e6:.1f} MB, sha256 {bundle.sha256[:12]}")


def _read(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a text file, got '{error}' for --credits; check the path") from None
    if not text:
        raise InputError(f"expected the credit that the data asks for, got the empty '{path}' for --credits; fill it")
    return text


if __name__ == "__main__":
    main()
