"""Camera files: JSON with one or several calibrated cameras, as docs/formats/cameras.md describes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_runtime.views.view_camera import ViewCamera

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]

FORMAT_VERSION: Final = 1
MAX_CAMERAS: Final = 64
ROOM: Final = "room"
SCAN: Final = "scan"
_LOOKED_AT: Final = 10_000
"""Points of a room that are looked for in a picture."""
_MAX_PIXELS: Final = 16384
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_POSES: Final = (("position", "look_at"), ("camera_from_room",), ("room_from_camera",), ("R", "t"))
_LENSES: Final = (("fx", "fy", "cx", "cy"), ("intrinsics",), ("fov_deg",))
_PLAIN: Final = ("name", "width", "height", "frame", "up", "lens", "distortion", "max_angle_deg", "format_version")
_PINHOLE: Final = "pinhole"
_FISHEYE: Final = "fisheye"
_WIDEST_DEG: Final = 240.0
_KEYS: Final = frozenset(_PLAIN).union(*_POSES, *_LENSES)
_STRETCHED: Final = 0.01
"""How far a rotation that was rounded may be from one."""
_SAME_M: Final = 0.01
_SAME_RAD: Final = math.radians(0.2)
"""A scan that was moved and turned by less, when it was read, has the room's own frame."""


def read_cameras(path: Path, scene: Scene | None = None) -> tuple[ViewCamera, ...]:
    """Read a camera file.

    Args:
        path: The file.
        scene: The room in which the cameras stand.

    Raises:
        InputError: It is no camera file, or a camera in it is not clear, or sees nothing of the room.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(f"expected a camera file in JSON, got '{reason}' for {path}; check the path") from None
    if isinstance(content, dict) and "cameras" in content:
        content, odd = content["cameras"], content.keys() - {"cameras", "format_version"}
        if odd:
            raise InputError(f"expected 'cameras' alone, got '{min(odd)}' for {path}; write it in each camera")
    listed = content if isinstance(content, list) else [content]
    if not 1 <= len(listed) <= MAX_CAMERAS:
        raise InputError(f"expected 1 to {MAX_CAMERAS} cameras, got {len(listed)} for {path}; correct the file")
    cameras: dict[str, ViewCamera] = {}
    for number, values in enumerate(listed):
        try:
            camera = _camera(values, f"camera_{number}", scene)
            _check_sight(camera, scene)
        except InputError as error:
            raise InputError(f"{error} (camera {number + 1} of {path})") from None
        if camera.name in cameras:
            raise InputError(f"expected a name for each camera, got '{camera.name}' twice for {path}; rename one")
        cameras[camera.name] = camera
    return tuple(cameras.values())


def cameras_text(cameras: Iterable[ViewCamera]) -> str:
    """A camera file of cameras, in the frame of the room."""
    rows = [
        {
            "name": camera.name,
            "width": camera.width,
            "height": camera.height,
            "intrinsics": [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]],
            "lens": _FISHEYE if camera.fisheye else _PINHOLE,
            "distortion": list(camera.distortion),
            **({"max_angle_deg": camera.max_angle_deg} if camera.fisheye else {}),
            "frame": ROOM,
            "camera_from_room": [list(row) for row in camera.camera_from_room],
        }
        for camera in cameras
    ]
    return json.dumps({"format_version": FORMAT_VERSION, "cameras": rows}, indent=1) + "\n"


def _camera(values: object, name: str, scene: Scene | None) -> ViewCamera:
    if not isinstance(values, dict):
        raise InputError(
            f"expected an object, got {_shown(values)} for a camera; write name, width, height, fov_deg ..."
        )
    odd = [key for key in values if key not in _KEYS]
    if odd:
        raise InputError(f"expected keys among {', '.join(sorted(_KEYS))}, got '{odd[0]:.40}'; correct the name")
    if values.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
        raise InputError(
            f"expected format version {FORMAT_VERSION}, got {_shown(values['format_version'])} for the camera; "
            "use the release that wrote it"
        )
    name = values.get("name", name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"expected a name of letters, digits, '.', '_' and '-', got {_shown(name)}; rename the camera")
    size: list[Any] = [values.get(side) for side in ("width", "height")]
    if not all(type(pixels) is int and 1 <= pixels <= _MAX_PIXELS for pixels in size):
        raise InputError(
            f"expected width and height in whole pixels up to {_MAX_PIXELS}, got {_shown(size)}; give the picture's"
        )
    width, height = size
    kind = values.get("lens", _PINHOLE)
    if kind not in (_PINHOLE, _FISHEYE):
        raise InputError(f"expected '{_PINHOLE}' or '{_FISHEYE}', got {_shown(kind)} for 'lens'; choose one")
    fisheye = kind == _FISHEYE
    pose = _pose(values, scene)
    return ViewCamera(
        name,
        width,
        height,
        *_lens(values, width, height, fisheye),
        tuple(map(tuple, pose.tolist())),
        _distortion(values, fisheye),
        fisheye,
        _max_angle(values, fisheye),
    )


def _lens(values: Mapping[str, Any], width: int, height: int, fisheye: bool) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy."""
    given = _one_of(values, _LENSES, "the lens")
    if given == ("fov_deg",):
        half = 0.5 * math.radians(_angle(values, "fov_deg", _WIDEST_DEG if fisheye else 180.0))
        focal = 0.5 * width / (half if fisheye else math.tan(half))
        return focal, focal, 0.5 * width, 0.5 * height
    if given == ("intrinsics",):
        matrix = _numbers(values, "intrinsics", (3, 3))
        if matrix[0, 1] or any(matrix[1:, 0]) or matrix[2, 1] or matrix[2, 2] != 1:
            raise InputError(
                f"expected rows fx 0 cx, 0 fy cy, 0 0 1, got {_shown(matrix.tolist())} for 'intrinsics'; transpose it?"
            )
        fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    else:
        fx, fy, cx, cy = (float(_numbers(values, key, ())) for key in given)
    if min(fx, fy) <= 0:
        raise InputError(f"expected focal lengths above 0 pixels, got {fx:g} and {fy:g}; correct them")
    return fx, fy, cx, cy


def _distortion(values: Mapping[str, Any], fisheye: bool) -> tuple[float, ...]:
    given = _flat(values.get("distortion", []))
    if not isinstance(given, list) or len(given) not in ((0, 4) if fisheye else (0, 4, 5)):
        wanted = "4 coefficients k1, k2, k3, k4" if fisheye else "4 or 5 coefficients k1, k2, p1, p2, k3"
        raise InputError(
            f"expected {wanted}, got {_shown(given)} for 'distortion' of a {_FISHEYE if fisheye else _PINHOLE}; "
            "calibrate without the rational model"
        )
    known = tuple(_numbers({"distortion": given}, "distortion", (len(given),)).tolist()) if given else ()
    return known + (0.0,) * ((4 if fisheye else 5) - len(known))


def _max_angle(values: Mapping[str, Any], fisheye: bool) -> float:
    """How far from its axis a lens sees, degrees."""
    if "max_angle_deg" in values and not fisheye:
        raise InputError(f"expected 'max_angle_deg' of a {_FISHEYE} alone, got it of a {_PINHOLE}; remove it")
    if "max_angle_deg" in values:
        return _angle(values, "max_angle_deg", 0.5 * _WIDEST_DEG)
    # Who gives the field of view says with it where the picture ends.
    return 0.5 * float(_numbers(values, "fov_deg", ())) if fisheye and "fov_deg" in values else 90.0


def _angle(values: Mapping[str, Any], key: str, most: float) -> float:
    angle = float(_numbers(values, key, ()))
    if not 0 < angle < most:
        raise InputError(f"expected an angle above 0 and below {most:g} degrees, got {angle:g} for '{key}'; correct it")
    return angle


def _pose(values: Mapping[str, Any], scene: Scene | None) -> Array:
    """camera_from_room (4, 4)."""
    rotation, shift, scale = _room_from_frame(values, scene)
    given = _one_of(values, _POSES, "the pose")
    if "up" in values and given != ("position", "look_at"):
        raise InputError("expected 'up' beside 'look_at' alone, got it beside another pose; remove it")
    if given == ("position", "look_at"):
        place, target = (rotation @ _numbers(values, key, (3,)) * scale + shift for key in given)
        return looking(place, target, rotation @ _numbers(values, "up", (3,)) if "up" in values else None)
    if given == ("R", "t"):
        move = _numbers(values, "t", (3,))
        vector = isinstance(values["R"], list) and len(_flat(values["R"])) == 3
        turn = _numbers(values, "R", (3,) if vector else (3, 3))
        turn = np.asarray(matrix_from_rotation_vector(turn)) if vector else turn
    else:
        matrix = _numbers(values, given[0], (4, 4))
        if np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-6:
            raise InputError(
                f"expected a last row 0 0 0 1, got {_shown(matrix[3].tolist())} for '{given[0]}'; transpose it?"
            )
        turn, move = matrix[:3, :3], matrix[:3, 3]
    turn = _rotation(turn, given[0])
    if given == ("room_from_camera",):
        turn, move = turn.T, -turn.T @ move
    pose = np.eye(4)
    # A point q of the scan is at rotation q scale + shift in the room; the camera's own lengths are the scan's.
    pose[:3, :3] = turn @ rotation.T
    pose[:3, 3] = scale * move - pose[:3, :3] @ shift
    return pose


def _room_from_frame(values: Mapping[str, Any], scene: Scene | None) -> tuple[Array, Array, float]:
    """Rotation, shift (m) and metres a unit that take the frame which a pose is given in to the room's."""
    frame = values.get("frame")
    if frame not in (None, ROOM, SCAN):
        raise InputError(f"expected '{ROOM}' or '{SCAN}', got {_shown(frame)} for 'frame'; choose one")
    if frame == SCAN and scene is None:
        raise InputError(f"expected a scene for 'frame': '{SCAN}', got none; name the room's file")
    if frame == ROOM or scene is None:
        return np.eye(3), np.zeros(3), 1.0
    matrix = scene.world_from_file
    scale = float(np.linalg.norm(matrix[:3, 0]))
    rotation, shift = matrix[:3, :3] / scale, matrix[:3, 3]
    if frame is None:
        moved = float(np.linalg.norm(shift))
        turned = math.acos(min(1.0, max(-1.0, (float(np.trace(rotation)) - 1) / 2)))
        if moved > _SAME_M or turned > _SAME_RAD or abs(scale - 1) > 1e-3:
            raise InputError(
                f"expected 'frame': '{SCAN}' (coordinates of the room's file) or '{ROOM}' (floor z = 0, as 'motion-run "
                f"inspect' has it), got none for a scan that was moved by {moved:.2f} m, turned by "
                f"{math.degrees(turned):.1f} degrees and scaled by {scale:g}; say which"
            )
    return rotation, shift, scale


def looking(place: Array, target: Array, up: Array | None) -> Array:
    """The pose (4, 4) of a camera at a place that looks at another one, level or with `up` towards its top."""
    forward = target - place
    if not np.linalg.norm(forward) > 1e-6:
        raise InputError("expected 'look_at' elsewhere than 'position', got the same place; move one")
    forward = forward / np.linalg.norm(forward)
    steep = abs(forward[2]) > math.cos(math.radians(0.1))
    top = up if up is not None else np.array([0.0, 1.0, 0.0] if steep else [0.0, 0.0, 1.0])
    right = np.cross(forward, top)
    if not np.linalg.norm(right) > 1e-6 * max(1.0, float(np.linalg.norm(top))):
        raise InputError(
            "expected 'up' across the line of sight, got one along it; choose what is at the picture's top"
        )
    right = right / np.linalg.norm(right)
    rows = np.stack([right, np.cross(forward, right), forward])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rows, -rows @ place
    return pose


def _rotation(matrix: Array, key: str) -> Array:
    """The rotation nearest to a matrix that was rounded."""
    left, sizes, right = np.linalg.svd(matrix)
    if np.abs(sizes - 1).max() > _STRETCHED or np.linalg.det(matrix) < 0:
        what = "a mirror" if np.linalg.det(matrix) < 0 else f"one that stretches by {sizes.max():.3g}"
        raise InputError(
            f"expected a rotation, got {what} for '{key}'; axes of the camera are x right, y down, z forward"
        )
    return np.asarray(left @ right)


def _check_sight(camera: ViewCamera, scene: Scene | None) -> None:
    """Refuse a camera that has nothing of the room in its picture."""
    if scene is not None and not camera.holds(camera.project(scene.points_m[:: len(scene) // _LOOKED_AT + 1])[0]).any():
        x, y, z = camera.position_m
        raise InputError(
            f"expected the room in the picture, got nothing of it for a camera at {x:.2f}, {y:.2f}, "
            f"{z:.2f} m; the pose takes the room's points to x right, y down, z forward"
        )


def _one_of(values: Mapping[str, Any], ways: tuple[tuple[str, ...], ...], what: str) -> tuple[str, ...]:
    """The one of several ways to say something that is used, whole."""
    used = [way for way in ways if any(key in values for key in way)]
    if len(used) != 1 or any(key not in values for key in used[0]):
        asked = "; or ".join(", ".join(way) for way in ways)
        got = ", ".join(key for way in used for key in way if key in values) or "none"
        raise InputError(f"expected one of {asked} for {what}, got {got}; give all of one")
    return used[0]


def _numbers(values: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> Array:
    """A number, or an array of numbers."""
    try:
        array = np.array(_flat(values[key]) if len(shape) == 1 else values[key])
        if array.dtype.kind not in "iuf" or array.shape != shape or not np.isfinite(array).all():
            raise ValueError
    except ValueError:
        wanted = " x ".join(map(str, shape)) + " finite numbers" if shape else "a finite number"
        raise InputError(f"expected {wanted}, got {_shown(values[key])} for '{key}'; correct it") from None
    return array.astype(np.float64)


def _flat(value: Any) -> Any:
    """Rows and columns, as OpenCV gives vectors, in one list; anything else as it is."""
    if not isinstance(value, list):
        return value
    return [number for row in value for number in (row if isinstance(row, list) else [row])]


def _shown(value: object) -> str:
    return f"{json.dumps(value):.60}"
