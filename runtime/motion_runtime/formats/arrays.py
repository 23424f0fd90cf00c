"""Arrays in an .npz that is the same, byte for byte, on every machine and opens without pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file

_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays, stored without compression and with fixed time stamps.

    Raises:
        OutputError: The file could not be written.
    """
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            # Little-endian and C order whatever the machine; object arrays would need pickle and are refused.
            np.lib.format.write_array(
                buffer, array.astype(array.dtype.newbyteorder("<"), order="C", copy=False), allow_pickle=False
            )
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_EPOCH)
            entry.create_system = 3  # the default differs between Windows and the rest
            archive.writestr(entry, buffer.getvalue())
