"""The exception tree of the whole project.

Every message reads 'expected X, got Y for Z; do W' in one line. The command lines turn these into one line on stderr
and the exit code written beside each class; anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class MotionError(Exception):
    """Base of every error that is the caller's to mend."""

    exit_code: int = 1


class InputError(MotionError):
    """A file or an argument from outside does not hold what it must."""

    exit_code = 2


class MissingExtraError(MotionError):
    """A part of the project was used whose optional dependencies are not installed."""

    exit_code = 3

    @classmethod
    def for_extra(cls, module: str, extra: str) -> MissingExtraError:
        """Say which command installs what is missing."""
        return cls(f"expected the package '{module}', which is not installed; run: pip install 'scene-motion[{extra}]'")


class BundleError(MotionError):
    """A model bundle is incomplete, altered, of another format version, or does not fit the request."""

    exit_code = 4


class ProviderError(MotionError):
    """The execution provider that was asked for is not available or did not come into use."""

    exit_code = 5


class ParityError(MotionError):
    """An exported graph does not compute what the PyTorch module computes."""

    exit_code = 6


class OutputError(MotionError):
    """The result could not be written."""

    exit_code = 7
