"""Checks parsed JSON against the part of JSON Schema (2020-12) that `capture.schema.json` uses.

Every fault is reported, not the first only, each with the path of its field ('frames[3].people[0].box[2]'). A keyword
that this module does not know raises: a schema must not promise what nobody checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
}  # fmt: skip
_WORDS: Final = {
    "object": "an object", "array": "an array", "string": "text", "integer": "a whole number", "number": "a number",
}  # fmt: skip
_KEYWORDS: Final = frozenset(
    ("$schema", "$defs", "title", "type", "required", "additionalProperties", "properties", "items", "minItems",
     "maxItems", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "$ref")
)  # fmt: skip
_SHOWN: Final = 60


@cache
def capture_schema() -> Any:
    """Return the schema of capture.json."""
    return json.loads(files("motion_preprocessing.captures").joinpath("capture.schema.json").read_text("utf-8"))


def violations(value: Any, schema: Any, root: Any = None, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield (field, what is wrong) for everything in `value` that the schema does not allow."""
    root = schema if root is None else root
    unknown = set(schema) - _KEYWORDS
    if unknown:
        raise NotImplementedError(f"schema keywords {sorted(unknown)}")
    if "$ref" in schema:
        yield from violations(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, field)
        return
    where = field or "the file"
    if "const" in schema and (value != schema["const"] or isinstance(value, bool)):
        yield where, f"expected {_show(schema['const'])}, got {_show(value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield where, f"expected one of {', '.join(map(str, schema['enum']))}, got {_show(value)}"
        return
    expected = schema.get("type")
    # JSON's true is no number, though Python's is.
    if expected and (not isinstance(value, _TYPES[expected]) or isinstance(value, bool)):
        yield where, f"expected {_WORDS[expected]}, got {_show(value)}"
        return
    if isinstance(value, dict):
        yield from _object(value, schema, root, field)
    elif isinstance(value, list):
        yield from _array(value, schema, root, field)
    elif isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield where, f"expected text like {schema['pattern']}, got {_show(value)}"
    elif isinstance(value, int | float):
        if "minimum" in schema and value < schema["minimum"]:
            yield where, f"expected {schema['minimum']} or more, got {_show(value)}"
        if "maximum" in schema and value > schema["maximum"]:
            yield where, f"expected {schema['maximum']} or less, got {_show(value)}"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield where, f"expected more than {schema['exclusiveMinimum']}, got {_show(value)}"


def _object(value: dict[str, Any], schema: Any, root: Any, field: str) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield _join(field, name), "expected this field, got nothing"
    for name, item in value.items():
        if name in properties:
            yield from violations(item, properties[name], root, _join(field, name))
        elif schema.get("additionalProperties") is False:
            yield _join(field, name), f"expected one of {', '.join(properties)}, got an unknown field"


def _array(value: list[Any], schema: Any, root: Any, field: str) -> Iterator[tuple[str, str]]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
    if not least <= len(value) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        yield field or "the file", f"expected {count} entries, got {len(value)}"
        return
    if "items" in schema:
        for index, item in enumerate(value):
            yield from violations(item, schema["items"], root, f"{field}[{index}]")


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _show(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"an array of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
