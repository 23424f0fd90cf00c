"""Licence terms and credits of the datasets that are read here.

The licence of a sequence whose terms forbid commercial use starts with `NON_COMMERCIAL`, so that whoever trains a model
to be sold can leave those sequences out. These are pointers, not legal advice: the terms that came with the data hold.
"""

from __future__ import annotations

from typing import Final

NON_COMMERCIAL: Final = "NON-COMMERCIAL: "

AMASS: Final = (
    NON_COMMERCIAL
    + "AMASS, research and education only, no redistribution (https://amass.is.tue.mpg.de/license.html); "
    "its sub-datasets have terms of their own"
)
HUMANML3D: Final = (
    NON_COMMERCIAL
    + "motion of AMASS and HumanAct12, research and education only, no redistribution "
    "(https://amass.is.tue.mpg.de/license.html); HumanML3D's texts are MIT"
)
INTERHUMAN: Final = NON_COMMERCIAL + "InterHuman, CC BY-NC-SA 4.0, no redistribution"

AMASS_CREDITS: Final = (
    "N. Mahmood, N. Ghorbani, N. F. Troje, G. Pons-Moll, M. J. Black: AMASS: Archive of Motion Capture as Surface "
    "Shapes. ICCV 2019.",
    "AMASS asks that the sub-datasets used are cited as well; see https://amass.is.tue.mpg.de.",
)
HUMANML3D_CREDITS: Final = (
    "C. Guo, S. Zou, X. Zuo, S. Wang, W. Ji, X. Li, L. Cheng: Generating Diverse and Natural 3D Human Motions from "
    "Text. CVPR 2022 (HumanML3D).",
    *AMASS_CREDITS,
)
INTERHUMAN_CREDITS: Final = (
    "H. Liang, W. Zhang, W. Li, J. Yu, L. Xu: InterGen: Diffusion-based Multi-human Motion Generation under Complex "
    "Interactions. IJCV 2024 (InterHuman).",
)


def is_non_commercial(licence: str) -> bool:
    """Say whether a sequence's licence is marked as forbidding commercial use."""
    return licence.startswith(NON_COMMERCIAL)
