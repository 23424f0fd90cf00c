"""A benchmark's results as files: numbers for programs, a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motion_preprocessing.atomic_output import atomic_file


def write_results(out: Path, result: Mapping[str, Any], table: str) -> None:
    """Write `out`.json and `out`.md; missing folders are made, and figures that could not be measured are null."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # JSON has no NaN: what reads these files in another language refuses it.
    known = json.loads(json.dumps(result, default=float), parse_constant=lambda _: None)
    for suffix, text in ((".json", json.dumps(known, indent=1) + "\n"), (".md", table)):
        with atomic_file(out.with_name(out.name + suffix)) as path:
            path.write_text(text, encoding="utf-8")
