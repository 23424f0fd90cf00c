"""Rotations as matrices, 6D, quaternions and rotation vectors, for numpy and torch alike.

Every function takes arrays of any library of the array API standard (`array_api_compat.array_namespace`) with any
leading shape and returns the same library, dtype and device. Matrices act on column vectors. Quaternions are ordered
w, x, y, z (scalar first) and unit; the sign with w >= 0 is returned. Rotation vectors are axis * angle_rad.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

Array = Any
"""An array of any array-API library; shapes stand in the docstrings."""


def _unit(xp: Any, v: Array) -> Array:
    """Normalise (..., 3) or (..., 4); a zero vector stays (about) zero instead of turning into NaN."""
    square = xp.sum(v * v, axis=-1, keepdims=True)
    # Below this a square has lost digits to underflow, so the vector counts as zero.
    limits = xp.finfo(v.dtype)
    least = float(limits.smallest_normal) / float(limits.eps)
    # The root is taken of a positive number in every case: its gradient at zero would be infinite.
    return v / xp.sqrt(xp.where(square > least, square, xp.ones_like(square)))


def _cross(xp: Any, a: Array, b: Array) -> Array:
    # Written out: torch's linalg.cross and numpy's differ in broadcasting.
    return xp.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        axis=-1,
    )


def _axis(xp: Any, like: Array, index: int) -> Array:
    """Unit vectors along an axis, shaped like (..., 3); made where `like` is: a copy to a GPU would be waited for."""
    one, zero = xp.ones_like(like[..., 0]), xp.zeros_like(like[..., 0])
    return xp.stack([one if i == index else zero for i in range(3)], axis=-1)


def transpose(matrix: Array) -> Array:
    """Invert rotations (..., 3, 3)."""
    xp = array_namespace(matrix)
    return xp.matrix_transpose(matrix)


def matrix_to_6d(matrix: Array) -> Array:
    """Return the first two COLUMNS of (..., 3, 3) one after the other, (..., 6) (Zhou et al. 2019)."""
    xp = array_namespace(matrix)
    return xp.concat([matrix[..., :, 0], matrix[..., :, 1]], axis=-1)


def matrix_from_6d(six: Array) -> Array:
    """Orthonormalise (..., 6) to rotations (..., 3, 3) by Gram-Schmidt (Zhou et al. 2019, eq. 15).

    Any pair of independent vectors gives a proper rotation. Parallel or zero vectors fall back on a fixed axis, so that
    an untrained network's output never yields NaN.
    """
    xp = array_namespace(six)
    a, b = six[..., 0:3], six[..., 3:6]
    x = _unit(xp, a)
    e0 = _axis(xp, x, 0)
    x = xp.where(xp.sum(x * x, axis=-1, keepdims=True) > 0.5, x, e0)
    y = b - xp.sum(x * b, axis=-1, keepdims=True) * x
    # A second vector that is parallel to the first leaves no direction: take the axis least aligned with x.
    scale = xp.sum(b * b, axis=-1, keepdims=True)
    degenerate = xp.sum(y * y, axis=-1, keepdims=True) <= 1e-12 * scale + 1e-24
    e1 = _axis(xp, x, 1)
    spare = xp.where(xp.abs(x[..., 1:2]) < 0.9, e1, e0)
    spare = spare - xp.sum(x * spare, axis=-1, keepdims=True) * x
    y = _unit(xp, xp.where(degenerate, spare, y))
    return xp.stack([x, y, _cross(xp, x, y)], axis=-1)


def matrix_from_quaternion(quaternion: Array) -> Array:
    """Turn (..., 4) w x y z into matrices (..., 3, 3); the input is normalised first."""
    xp = array_namespace(quaternion)
    q = _unit(xp, quaternion)
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        xp.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=-1),
        xp.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=-1),
        xp.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=-1),
    ]
    return xp.stack(rows, axis=-2)


def quaternion_from_matrix(matrix: Array) -> Array:
    """Turn (..., 3, 3) into quaternions (..., 4) w x y z with w >= 0.

    Bar-Itzhack's idea without the eigenproblem: of the four rows that are each proportional to the quaternion, the one
    with the largest diagonal is taken, which is well conditioned at every angle (Shepperd 1978).
    """
    xp = array_namespace(matrix)
    m = matrix
    t0, t1, t2 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a, b, c = m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]
    d, e, f = m[..., 1, 2], m[..., 2, 0], m[..., 0, 1]
    rows = xp.stack(
        [
            xp.stack([1 + t0 + t1 + t2, a - d, b - e, c - f], axis=-1),
            xp.stack([a - d, 1 + t0 - t1 - t2, f + c, b + e], axis=-1),
            xp.stack([b - e, f + c, 1 - t0 + t1 - t2, d + a], axis=-1),
            xp.stack([c - f, b + e, d + a, 1 - t0 - t1 + t2], axis=-1),
        ],
        axis=-2,
    )  # (..., 4, 4), row i = 4 q_i q
    diagonal = xp.stack([rows[..., i, i] for i in range(4)], axis=-1)
    best = xp.argmax(diagonal, axis=-1)[..., None]
    q = rows[..., 0, :]
    for i in (1, 2, 3):
        q = xp.where(best == i, rows[..., i, :], q)
    q = _unit(xp, q)
    return xp.where(q[..., 0:1] < 0, -q, q)


def quaternion_from_rotation_vector(rotation_vector: Array) -> Array:
    """Turn axis * angle_rad (..., 3) into quaternions (..., 4) w x y z, exact to first order at zero."""
    xp = array_namespace(rotation_vector)
    angle = xp.sqrt(xp.sum(rotation_vector * rotation_vector, axis=-1, keepdims=True))
    small = angle < 1e-6
    safe = xp.where(small, xp.ones_like(angle), angle)
    # sin(a/2)/a: Taylor near zero.
    factor = xp.where(small, 0.5 - angle * angle / 48.0, xp.sin(safe / 2) / safe)
    q = xp.concat([xp.cos(angle / 2), rotation_vector * factor], axis=-1)
    return xp.where(q[..., 0:1] < 0, -q, q)


def rotation_vector_from_quaternion(quaternion: Array) -> Array:
    """Turn (..., 4) w x y z into axis * angle_rad (..., 3) with the angle in [0, pi]."""
    xp = array_namespace(quaternion)
    q = _unit(xp, quaternion)
    q = xp.where(q[..., 0:1] < 0, -q, q)
    v = q[..., 1:]
    sine = xp.sqrt(xp.sum(v * v, axis=-1, keepdims=True))
    small = sine < 1e-7
    safe = xp.where(small, xp.ones_like(sine), sine)
    factor = xp.where(small, 2.0 * xp.ones_like(sine), 2.0 * xp.atan2(sine, q[..., 0:1]) / safe)
    return v * factor


def matrix_from_rotation_vector(rotation_vector: Array) -> Array:
    """Turn axis * angle_rad (..., 3) into matrices (..., 3, 3) (Rodrigues)."""
    return matrix_from_quaternion(quaternion_from_rotation_vector(rotation_vector))


def rotation_vector_from_matrix(matrix: Array) -> Array:
    """Turn (..., 3, 3) into axis * angle_rad (..., 3)."""
    return rotation_vector_from_quaternion(quaternion_from_matrix(matrix))


def quaternion_slerp(a: Array, b: Array, fraction: Array) -> Array:
    """Interpolate quaternions (..., 4) along the shorter arc; `fraction` (...) in [0, 1]."""
    xp = array_namespace(a, b)
    dot = xp.sum(a * b, axis=-1, keepdims=True)
    b = xp.where(dot < 0, -b, b)
    dot = xp.clip(xp.abs(dot), 0.0, 1.0)
    angle = xp.acos(dot)
    small = angle < 1e-4
    sine = xp.where(small, xp.ones_like(angle), xp.sin(angle))
    f = fraction[..., None]
    # Nearly equal rotations: linear interpolation, whose error is of third order in the angle.
    wa = xp.where(small, 1 - f, xp.sin((1 - f) * angle) / sine)
    wb = xp.where(small, f, xp.sin(f * angle) / sine)
    return _unit(xp, wa * a + wb * b)


def about_z(yaw_rad: Array) -> Array:
    """Return rotations (..., 3, 3) about +z by `yaw_rad` (...), counter-clockwise seen from above."""
    xp = array_namespace(yaw_rad)
    c, s = xp.cos(yaw_rad), xp.sin(yaw_rad)
    zero, one = xp.zeros_like(c), xp.ones_like(c)
    rows = [xp.stack([c, -s, zero], axis=-1), xp.stack([s, c, zero], axis=-1), xp.stack([zero, zero, one], axis=-1)]
    return xp.stack(rows, axis=-2)


def geodesic_angle(a: Array, b: Array) -> Array:
    """Return the angle in radians (...) between rotations (..., 3, 3), accurate near zero.

    From the chord ||A - B||_F = 2 sqrt(2) sin(angle / 2), not from the trace, whose arccos loses half the digits there.
    """
    xp = array_namespace(a, b)
    difference = a - b
    chord = xp.sqrt(xp.sum(difference * difference, axis=(-2, -1)))
    return 2 * xp.asin(xp.clip(chord / (2 * 2**0.5), 0.0, 1.0))


def between_vectors(source: Array, target: Array) -> Array:
    """Return the smallest rotation (..., 3, 3) that takes the direction of `source` (..., 3) to that of `target`."""
    xp = array_namespace(source, target)
    a, b = _unit(xp, source), _unit(xp, target)
    w = 1 + xp.sum(a * b, axis=-1, keepdims=True)
    axis = _cross(xp, a, b)
    # Opposite vectors: any axis at right angles to the source does.
    e0 = _axis(xp, a, 0)
    e1 = _axis(xp, a, 1)
    spare = _cross(xp, a, xp.where(xp.abs(a[..., 0:1]) < 0.9, e0, e1))
    opposite = w < 1e-7
    q = xp.concat([xp.where(opposite, xp.zeros_like(w), w), xp.where(opposite, spare, axis)], axis=-1)
    return matrix_from_quaternion(q)


def fit_rotation(source: Array, target: Array) -> Array:
    """Return the rotations R (..., 3, 3) minimising sum ||R source_i - target_i||^2 over (..., N, 3) (Kabsch 1976)."""
    xp = array_namespace(source, target)
    covariance = xp.matmul(xp.matrix_transpose(target), source)
    u, _, vt = xp.linalg.svd(covariance)
    sign = xp.sign(xp.linalg.det(xp.matmul(u, vt)))
    # A reflection is never wanted: flip the direction of the smallest singular value.
    u = xp.concat([u[..., :, 0:2], u[..., :, 2:3] * sign[..., None, None]], axis=-1)
    return xp.matmul(u, vt)
