"""Write docs/third-party.md: the packages that the base install brings, with their licences, as installed here.

Nothing is looked up elsewhere: names, versions, licences, bundled libraries and sizes are those of the files that pip
put into the environment this runs in. Run `python docs/_site/third_party.py` where the base install is.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).parents[1] / "third-party.md"
HEAD = """\
# Third-party packages of the base install

What `pip install .` brings, and what these packages bring in turn; measured on {platform} by
`python docs/_site/third_party.py`, which reads the installed files. Versions are the newest that fitted on that day, no
promise. Nothing of this lies in our own wheel: pip fetches it.

| package | version | licence, as the package states it | MB | libraries inside its wheel |
|---|---|---|---|---|
"""
FOOT = """
{count} packages, {size:.0f} MB. Wheels that carry compiled libraries state those libraries' licences in their own
licence files, under `*.dist-info/licenses` or beside it; read these where they matter to you. numpy carries GCC's
runtime libraries `libgfortran` and `libquadmath`: GPL with GCC's runtime exception, which allows their use in programs
of any licence, and LGPL. MPL-2.0 binds changes to the files of its own package alone. huggingface-hub comes with
`tokenizers`; nothing of the project calls it, and it fetches nothing by itself.
"""


def closure(name: str) -> dict[str, Distribution]:
    """Installed distributions that a package needs without extras, itself left out, by name."""
    found: dict[str, Distribution] = {}
    open_names = [name]
    while open_names:
        current = distribution(open_names.pop())
        for line in current.requires or []:
            requirement = Requirement(line)
            key = canonicalize_name(requirement.name)
            if key in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            try:
                found[key] = distribution(requirement.name)
            except PackageNotFoundError:
                raise SystemExit(f"expected '{requirement.name}' to be installed; install the base install") from None
            open_names.append(requirement.name)
    return found


def licence_of(package: Distribution) -> str:
    """The SPDX expression, else the first line of the licence field, else the classifiers."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return str(expression)
    field = str(meta.get("License") or "").strip()
    if field not in ("", "UNKNOWN") and "\n" not in field and len(field) < 60:
        return field
    classes = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    return "; ".join(classes) or "not stated"


def libraries_of(package: Distribution) -> list[str]:
    """Shared libraries that a wheel brings for itself, without version and hash."""
    names = set()
    for file in package.files or []:
        if ".libs" in file.parts[0] or "capi" in file.parts:
            stem = file.name.partition(".so")[0] if ".so" in file.name else ""
            if stem and not stem.startswith("onnxruntime_pybind"):
                names.add(re.sub(r"-[0-9a-f]{8}$", "", stem))
    return sorted(names)


def megabytes(package: Distribution) -> float:
    """Size of the installed files."""
    paths = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> None:
    """Measure and write."""
    packages = closure("scene-motion")
    rows, total = [], 0.0
    for name, package in sorted(packages.items()):
        size = megabytes(package)
        total += size
        libraries = ", ".join(f"`{library}`" for library in libraries_of(package))
        rows.append(f"| {name} | {package.version} | {licence_of(package)} | {size:.1f} | {libraries} |\n")
    platform = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
    PAGE.write_text(
        HEAD.format(platform=platform) + "".join(rows) + FOOT.format(count=len(rows), size=total), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
