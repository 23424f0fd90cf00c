"""What people should know of a model: read from a JSON file, and put into a bundle that is there already.

Only `manifest.json` is written, beside its place and renamed into it, and the bundle is verified before and after. The
name of a bundle that `motion-export` wrote (`Bundle.sha256`) stays what it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import BundleError, InputError
from motion_runtime.bundle import MANIFEST_FILE, Bundle
from motion_runtime.manifest import to_json
from motion_runtime.manifest_reader import parse_manifest
from motion_runtime.manifest_values import Reader


def read_summary(path: Path) -> dict[str, str]:
    """Read short texts by subject.

    Raises:
        InputError: It is no JSON object of texts, or says nothing.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "something else"
        raise InputError(f"expected a JSON object of texts, got {reason} for --summary {path}; check it") from None
    try:
        summary = Reader(values, f"--summary {path}").words()
    except BundleError as error:
        raise InputError(str(error).replace("restore the bundle", "write names and texts")) from None
    if not summary:
        raise InputError(f"expected texts such as 'data' and 'limits', got none in --summary {path}; write some")
    return summary


def put_into(
    folder: Path, summary: Mapping[str, str] | None = None, falls: Mapping[str, float] | None = None
) -> Bundle:
    """Put what is known of a bundle only once it is there into it, in the place of what it says.

    Args:
        folder: The bundle.
        summary: What people should know of it; None = as it is.
        falls: How much faster its falls are gone through, in the manifest's names, which makes another bundle of it;
            None = as it is.

    Returns:
        The bundle, opened and verified again.

    Raises:
        BundleError: The folder is no bundle, or not whole.
        OutputError: Its manifest cannot be written.
    """
    Bundle.open(folder)
    path = folder / MANIFEST_FILE
    values = json.loads(path.read_bytes())
    if summary is not None:
        values["summary"] = dict(summary)
    if falls is not None:
        values |= falls
    content = to_json(values)
    parse_manifest(content, str(path))
    with atomic_file(path) as part:
        part.write_bytes(content)
    return Bundle.open(folder)
