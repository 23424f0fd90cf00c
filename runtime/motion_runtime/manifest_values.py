"""Typed access to the values of a manifest: whatever has the wrong type or is missing is named in one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError

MAX_INTEGER: Final = 2**31 - 1
"""No size of a model is larger."""
MAX_NAME: Final = 40
MAX_TEXT: Final = 4000
"""A summary is read in a terminal: what is longer belongs in a card."""


class Reader:
    """One JSON object and the place it stands at."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, Mapping):
            raise BundleError(f"expected a JSON object, got {_short(values)} for {where}; restore the bundle")
        self.values: Mapping[str, Any] = values
        self.where = where

    def text(self, key: str) -> str:
        """Read a string."""
        value = self._get(key, "a string")
        return value if isinstance(value, str) else self._refuse(key, "a string", value)

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """Read one of some strings."""
        value = self.text(key)
        return value if value in choices else self._refuse(key, f"one of {', '.join(choices)}", value)

    def integer(self, key: str, least: int = 1, most: int = MAX_INTEGER) -> int:
        """Read a whole number from `least` to `most`."""
        wanted = f"a whole number of at least {least}" + (f" and at most {most}" if most < MAX_INTEGER else "")
        value = self._get(key, wanted)
        return int(value) if _is_integer(value, least, most) else self._refuse(key, wanted, value)

    def number(self, key: str, *, positive: bool = False) -> float:
        """Read a finite number of at least 0, or above 0."""
        wanted = "a number above 0" if positive else "a number of at least 0"
        value = self._get(key, wanted)
        # Compared, not converted: JSON knows integers that no float holds.
        good = type(value) in (int, float) and 0 <= value <= sys.float_info.max and (value > 0 or not positive)
        return float(value) if good else self._refuse(key, wanted, value)

    def integers(self, key: str, least: int = 1, *, empty: bool = True) -> tuple[int, ...]:
        """Read a list of whole numbers."""
        wanted = f"a list of whole numbers of at least {least}"
        value = self._get(key, wanted)
        good = isinstance(value, list) and all(_is_integer(item, least) for item in value) and (empty or value)
        return tuple(value) if good else self._refuse(key, wanted, value)

    def interval(self, key: str) -> tuple[float, float]:
        """Read two numbers lo <= hi within 0 and 1."""
        wanted = "two numbers lo <= hi within 0 and 1"
        value = self._get(key, wanted)
        good = isinstance(value, list) and len(value) == 2 and all(type(item) in (int, float) for item in value)
        if not good or not 0 <= value[0] <= value[1] <= 1:
            self._refuse(key, wanted, value)
        return float(value[0]), float(value[1])

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings, at least one."""
        wanted = "a list of strings"
        value = self._get(key, wanted)
        good = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        return tuple(value) if good else self._refuse(key, wanted, value)

    def words(self) -> dict[str, str]:
        """Read the whole object as short texts by name, none of them empty."""
        for name, value in self.values.items():
            if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME):
                raise BundleError(
                    f"expected names of 1 to {MAX_NAME} characters, got {_short(name)} in {self.where}; rename it"
                )
            wanted = f"a text of 1 to {MAX_TEXT:,} characters"
            if not (isinstance(value, str) and value.strip() and len(value) <= MAX_TEXT):
                raise BundleError(f"expected {wanted}, got {_short(value)} for '{name}' in {self.where}; change it")
        return dict(self.values)

    def vector(self, key: str) -> NDArray[np.float32]:
        """Read a list of numbers."""
        wanted = "a list of numbers"
        value = self._get(key, wanted)
        if not isinstance(value, list) or not all(type(item) in (int, float) for item in value):
            self._refuse(key, wanted, value)
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, which the caller refuses
                array = np.array(value, dtype=np.float64).astype(np.float32)
        except OverflowError:  # an integer that no float holds
            self._refuse(key, wanted, value)
        array.setflags(write=False)
        return array

    def numbers(self, key: str) -> tuple[float, ...]:
        """Read a list of finite numbers of at least 0, ascending, at least one."""
        values = self.vector(key)
        ascending = len(values) and np.isfinite(values).all() and values[0] >= 0 and (np.diff(values) > 0).all()
        wanted = "ascending numbers of at least 0"
        return tuple(map(float, self.values[key])) if ascending else self._refuse(key, wanted, self.values[key])

    def matrix(self, key: str, rows: int, columns: int) -> tuple[tuple[float, ...], ...]:
        """Read a list of `rows` lists of `columns` finite numbers of at least 0."""
        wanted = f"{rows} lists of {columns} numbers of at least 0"
        value = self._get(key, wanted)
        try:
            array = np.array(value, dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            self._refuse(key, wanted, value)
        if array.shape != (rows, columns) or not np.isfinite(array).all() or (array < 0).any():
            self._refuse(key, wanted, value)
        return tuple(map(tuple, array.tolist()))

    def table(self, key: str) -> Reader:
        """Read a nested object."""
        return Reader(self._get(key, "a JSON object"), f"'{key}' in {self.where}")

    def tables(self, key: str) -> list[Reader]:
        """Read a list of objects."""
        value = self._get(key, "a list")
        if not isinstance(value, list):
            self._refuse(key, "a list", value)
        return [Reader(item, f"'{key}[{index}]' in {self.where}") for index, item in enumerate(value)]

    def _get(self, key: str, wanted: str) -> Any:
        if key not in self.values:
            raise BundleError(f"expected {wanted}, got nothing for '{key}' in {self.where}; restore the bundle")
        return self.values[key]

    def _refuse(self, key: str, wanted: str, value: object) -> Any:
        raise BundleError(f"expected {wanted}, got {_short(value)} for '{key}' in {self.where}; restore the bundle")


def _is_integer(value: object, least: int, most: int = MAX_INTEGER) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
