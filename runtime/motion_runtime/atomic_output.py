"""Files and folders that appear whole: `motion_preprocessing.atomic_output` under the name it once had."""

from motion_preprocessing.atomic_output import atomic_file, atomic_folder

__all__ = ["atomic_file", "atomic_folder"]
