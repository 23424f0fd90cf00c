"""Fits furniture to needs: to the height of the contact, and to the room that the swept bodies leave around it.

Everything is worked out in the frame of the need: origin under the pelvis, x where the body faces, z up. `Space` holds
all spheres of the sweep there. An edge grows to where it is wanted or until it meets a body below the surface. What of
the chosen object's points would still lie inside a body is dropped when it is little (a scan has holes), or else the
object is not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing import procedural
from motion_preprocessing.furnishing.item import Item, Placed, place, to_item
from motion_preprocessing.furnishing.library import SEATS, FurnitureLibrary, Model
from motion_preprocessing.furnishing.needs import DEEPEST_M, Need
from motion_preprocessing.furnishing.sweep import Sweep

Floats = NDArray[np.floating[Any]]
Rectangle = tuple[float, float, float, float]

_STRETCH: Final = 1.22
"""Library items are made this much higher or lower at most."""
_MOST_LOST: Final = 0.1
"""Share of an object's points that may have to go because a body passes there."""
_GAP_M: Final = 0.015
_CLEAR_M: Final = 0.01
_SUNK_M: Final = 0.04
"""Depth at which a point of a support is dropped; between two spheres of the sweep it is .8 cm more in truth."""
_CONTACT_M: Final = 0.035
"""Points this near to the height of the support are its surface."""
_SOFT_M: Final = 0.16
"""Heels and elbows that push sink this far into a mattress."""
_HIGH_M: Final = 0.56
"""Seats above this are stools."""
_KINDS: Final = (("chair", 0.42), ("sofa", 0.14), ("stool", 0.2), ("wheelchair", 0.1), ("toilet", 0.06), ("bed", 0.08))


@dataclass(frozen=True)
class Fitted:
    """An object that meets a need."""

    placed: Placed
    points_m: Floats
    """(M, 3) in the room."""


class Space:
    """The spheres of the sweep in the frame of a need."""

    def __init__(self, sweep: Sweep, origin_m: Floats, yaw_rad: float) -> None:
        centres, radii = sweep.spheres
        own = to_item(centres, yaw_rad, origin_m)
        near = np.hypot(own[:, 0], own[:, 1]) < 3.0
        self.x, self.y, self.z = own[near].T
        self.r = radii[near]

    def between(self, low_m: float, high_m: float) -> NDArray[np.bool_]:
        """Spheres that reach into a layer of heights."""
        return np.asarray((self.z + self.r > low_m) & (self.z - self.r < high_m))

    def edge(self, wanted: float, start: float, axis: str, across: tuple[float, float], layer: Any) -> float:
        """Move an edge from `start` towards `wanted` along an axis, until a body of the layer is in the way.

        Args:
            wanted: Where the edge would be best.
            start: Where it begins; what is on the other side of it does not matter.
            axis: 'x' or 'y'.
            across: Extent of the edge along the other axis.
            layer: Mask of the spheres that count.
        """
        along, other = (self.x, self.y) if axis == "x" else (self.y, self.x)
        touching = layer & (other + self.r > across[0]) & (other - self.r < across[1])
        if wanted >= start:
            ahead = along[touching & (along > start)] - self.r[touching & (along > start)]
            return float(min(wanted, ahead.min() - _GAP_M)) if len(ahead) else wanted
        ahead = along[touching & (along < start)] + self.r[touching & (along < start)]
        return float(max(wanted, ahead.max() + _GAP_M)) if len(ahead) else wanted

    def occupied(self, rectangle: Rectangle, layer: Any) -> bool:
        """Whether a body of the layer is over a rectangle."""
        x0, x1, y0, y1 = rectangle
        inside = (self.x + self.r > x0) & (self.x - self.r < x1) & (self.y + self.r > y0) & (self.y - self.r < y1)
        return bool((inside & layer).any())


class Fitter:
    """Chooses and places the furniture of one window."""

    def __init__(self, sweep: Sweep, rng: np.random.Generator, library: FurnitureLibrary | None, per_m2: float) -> None:
        self.sweep, self.rng, self.library, self.per_m2 = sweep, rng, library, per_m2
        self.noise_m = float(rng.uniform(0.001, 0.01))
        """The scanner's: one for the whole window."""

    def fit(self, need: Need) -> Fitted | None:
        """Return an object that meets a need, or None where none fits."""
        space = Space(self.sweep, need.origin_m, need.yaw_rad)
        return {"sit": self._seat, "lie": self._bed, "reach": self._table}[need.kind](need, space)

    def settle(self, item: Item, origin_m: Floats, yaw_rad: float, support_m: float | None) -> Fitted | None:
        """Place an item and drop points inside bodies; None where these are too many.

        Points at the height of the support may reach `_SUNK_M` into the body that rests there.
        """
        placed, points = place(item, origin_m, yaw_rad)
        points = self.noisy(points)
        depth = self.sweep.depth_m(points)
        allowed = np.full(len(points), -_CLEAR_M, dtype=np.float32)
        if support_m is not None:
            allowed[np.abs(points[:, 2] - support_m) < _CONTACT_M] = _SUNK_M
        keep = depth <= allowed
        if not len(points) or 1 - keep.mean() > _MOST_LOST:
            return None
        return Fitted(placed, points[keep])

    def noisy(self, points_m: Floats) -> Floats:
        """Add the scanner's noise, three standard deviations at most."""
        noise = np.clip(self.rng.standard_normal(points_m.shape, dtype=np.float32), -3, 3)
        return np.asarray(points_m + self.noise_m * noise)

    # Seats

    def _seat(self, need: Need, space: Space) -> Fitted | None:
        names, shares = zip(*_KINDS, strict=True)
        kind = str(self.rng.choice(names, p=np.array(shares) / sum(shares)))
        if need.height_m > _HIGH_M:
            kind = "stool"
        elif kind == "toilet" and not 0.36 < need.height_m < 0.52:
            kind = "chair"
        elif kind == "bed" and need.height_m < 0.32:
            kind = "sofa"
        if kind == "bed":
            found = self._bed_edge(need, space)
            if found is not None:
                return found
            kind = "chair"
        if self.library is not None and self.rng.uniform() < 0.6:
            found = self._library_seat(need, kind)
            if found is not None:
                return found
        for wanted in (kind, "chair", "stool"):
            found = self._made_seat(need, space, wanted)
            if found is not None:
                return found
        return None

    def _made_seat(self, need: Need, space: Space, kind: str) -> Fitted | None:
        u, h = self.rng.uniform, need.height_m
        slab, below = space.between(h - 0.1, h - DEEPEST_M), space.between(0.0, h - DEEPEST_M)
        half = {"sofa": 0.3, "toilet": 0.19}.get(kind, u(0.19, 0.28))
        # On a high stool the thighs slope down from the front edge: it is right under the pelvis.
        front = space.edge(u(0.17, 0.32), -0.1, "x", (-half, half), slab)
        if front < (-0.04 if h > _HIGH_M else 0.08):
            return None
        trunk = (space.z - space.r < h + 0.5) & (space.z > h + 0.05) & (np.abs(space.y) < half) & (space.x > -0.5)
        trunk &= space.x < 0.3
        rear = float((space.x - space.r)[trunk].min(initial=-0.12)) - _GAP_M
        back = None
        if rear < -0.42 or kind == "stool":
            back, rear = 0.0, -u(0.12, 0.2)
        else:
            rear -= u(0.0, 0.05)
            if space.occupied((rear - 0.2, rear, -half, half), space.between(0.0, h + 0.35)):
                back = 0.0
                rear = max(rear, -0.25)
        rear = space.edge(rear, min(0.0, front - 0.05), "x", (-half, half), slab)
        sides = [half, half]
        reach = (u(0.3, 1.3), u(0.3, 1.3)) if kind == "sofa" else (half, half)
        for k, sign in ((0, -1), (1, 1)):
            sides[k] = abs(space.edge(sign * reach[k], 0.0, "y", (rear, front), slab))
        if min(sides) < 0.13 or front - rear < 0.2:
            return None
        rectangle = (rear, front, -sides[0], sides[1])
        solid = not space.occupied(rectangle, below) and bool(u() < 0.6)
        rests = space.between(h + 0.05, h + 0.28)
        beside = ((rear, front, -sides[0] - 0.2, -sides[0]), (rear, front, sides[1], sides[1] + 0.2))
        free = not any(space.occupied(strip, rests | below) for strip in beside)
        arms = free and kind != "stool" and bool(u() < (0.4 if kind == "chair" else 0.9))
        if kind == "wheelchair" and not free:
            kind = "chair"
        shape = procedural.seat(kind, self.rng, h, rectangle, solid=solid, arms=arms, back_m=back)
        return self.settle(shape.item(self.rng, self.per_m2), need.origin_m, need.yaw_rad, h)

    def _library_seat(self, need: Need, kind: str) -> Fitted | None:
        assert self.library is not None
        models = self.library.with_support(frozenset({kind}), need.height_m, _STRETCH)
        if not models:
            models = self.library.with_support(SEATS - {"toilet"}, need.height_m, _STRETCH)
        best: tuple[float, Item, Floats] | None = None
        for _ in range(min(3, len(models))):
            model = models[int(self.rng.integers(len(models)))]
            item, contact = self._scaled(model, need.height_m, self.rng.uniform(0.94, 1.08, size=2))
            for slide in (-0.05, 0.02, 0.09):
                origin = self._under(contact, need, slide)
                lost = self._share_lost(item, origin, need.yaw_rad, need.height_m)
                if best is None or lost < best[0]:
                    best = (lost, item, origin)
            if best is not None and best[0] < 0.03:
                break
        if best is None or best[0] > 1.3 * _MOST_LOST:
            return None
        return self.settle(best[1], best[2], need.yaw_rad, need.height_m)

    def _scaled(self, model: Model, height_m: float, across: Floats) -> tuple[Item, NDArray[np.float64]]:
        assert model.support_m is not None
        factors = np.array([across[0], across[1], (height_m - model.base_m) / (model.support_m - model.base_m)])
        return model.scaled(factors, self.rng, self.per_m2), model.contact_m * factors[:2]

    def _under(self, contact: NDArray[np.float64], need: Need, slide: float) -> Floats:
        """Where a seat's origin must be for its surface to come under the pelvis."""
        (x0, y0), (x1, y1) = contact
        wide = y1 - y0
        side = (y0 + y1) / 2
        if wide > 0.9:  # a sofa has several places
            side += self.rng.uniform(-0.5, 0.5) * (wide - 0.6)
        # The pelvis is behind the middle of the seat, but in front of a back rest.
        spot = np.array([x0 + 0.42 * (x1 - x0) - slide, side])
        c, s = np.cos(need.yaw_rad), np.sin(need.yaw_rad)
        return np.asarray(need.origin_m - np.array([c * spot[0] - s * spot[1], s * spot[0] + c * spot[1]]))

    def _share_lost(self, item: Item, origin_m: Floats, yaw_rad: float, support_m: float) -> float:
        few = item.points_m[:: max(1, len(item.points_m) // 160)]
        _, points = place(Item(item.object_class, few, item.low_m, item.high_m), origin_m, yaw_rad)
        allowed = np.where(np.abs(points[:, 2] - support_m) < _CONTACT_M, _SUNK_M, -_CLEAR_M)
        return float((self.sweep.depth_m(points) > allowed).mean())

    def _bed_edge(self, need: Need, space: Space) -> Fitted | None:
        """A bed whose long side is under the pelvis."""
        u, h = self.rng.uniform, need.height_m
        slab = space.between(0.0, h - DEEPEST_M) if u() < 0.5 else space.between(h - 0.25, h - DEEPEST_M)
        front = space.edge(u(0.12, 0.3), 0.0, "x", (-0.3, 0.3), slab)
        if front < 0.06:
            return None
        length, along = u(1.9, 2.1), u(0.3, 0.7)
        left = space.edge(along * length, 0.0, "y", (-0.7, front), slab)
        right = space.edge(-(1 - along) * length, 0.0, "y", (-0.7, front), slab)
        rear = space.edge(
            front - u(0.8, 1.5), 0.0, "x", (right, left), space.between(0.0, h + 0.05) & (space.x < -0.35)
        )
        if left - right < 1.7 or front - rear < 0.75:
            return None
        # The bed's own x runs from head to foot: along the need's y, either way.
        head_left = bool(u() < 0.5)
        own = (-left, -right, rear, front) if head_left else (right, left, -front, -rear)
        yaw = need.yaw_rad + (-np.pi / 2 if head_left else np.pi / 2)
        shape = procedural.bed(self.rng, h, own, boards=True)
        return self.settle(shape.item(self.rng, self.per_m2), need.origin_m, yaw, h)

    # Beds

    def _bed(self, need: Need, space: Space) -> Fitted | None:
        u, h = self.rng.uniform, need.height_m
        below = space.between(0.0, h - _SOFT_M)
        resting = self._resting(need)
        (low_x, high_x), (low_y, high_y) = np.percentile(resting, [1, 99], axis=0).T
        wide = float(u(0.85, 1.7))
        share = u()
        left = high_y + share * max(wide - (high_y - low_y), 0.1)
        right = low_y - (1 - share) * max(wide - (high_y - low_y), 0.1)
        for spot in need.also:
            y = float(to_item(np.array(spot), need.yaw_rad, need.origin_m)[1])
            left, right = max(left, y + 0.15), min(right, y - 0.15)
        core = 0.1
        left = space.edge(left, core, "y", (low_x, high_x), below)
        right = space.edge(min(right, left - wide), -core, "y", (low_x, high_x), below)
        left = space.edge(max(left, right + wide), core, "y", (low_x, high_x), below)
        foot = space.edge(max(high_x + u(0.02, 0.25), low_x + 1.9), 0.3, "x", (right, left), below)
        head = space.edge(min(low_x - u(0.02, 0.2), foot - 1.9), -0.3, "x", (right, left), below)
        if left - right < 0.5 or foot - head < 1.2:
            return None
        rectangle = (head, foot, right, left)
        if self.library is not None and u() < 0.5:
            found = self._library_bed(need, rectangle)
            if found is not None:
                return found
        rails = tuple(sign for sign in (-1, 1) if u() < 0.25)
        for options in ({"rails": rails}, {"boards": False}):
            shape = procedural.bed(self.rng, h, rectangle, **options)
            found = self.settle(shape.item(self.rng, self.per_m2), need.origin_m, need.yaw_rad, h)
            if found is not None:
                return found
        return None

    def _resting(self, need: Need) -> Floats:
        """(M, 2) places of the body's spheres while it lies."""
        centres = self.sweep.centres_m[need.person][need.frames][::4].reshape(-1, 3)
        own = to_item(centres, need.yaw_rad, need.origin_m)
        return np.asarray(own[own[:, 2] > need.height_m - 0.1, :2])

    def _library_bed(self, need: Need, rectangle: Rectangle) -> Fitted | None:
        assert self.library is not None
        models = self.library.with_support(frozenset({"bed"}), need.height_m, 1.45)
        x0, x1, y0, y1 = rectangle
        for _ in range(min(2, len(models))):
            model = models[int(self.rng.integers(len(models)))]
            (cx0, cy0), (cx1, cy1) = model.contact_m
            wanted = np.array([(x1 - x0) / max(cx1 - cx0, 0.5), (y1 - y0) / max(cy1 - cy0, 0.5)])
            across = np.clip(wanted, [0.9, 0.85], [1.25, 1.2])
            item, contact = self._scaled(model, need.height_m, across)
            shift = np.array([(x0 + x1) / 2, (y0 + y1) / 2]) - contact.mean(axis=0)
            c, s = np.cos(need.yaw_rad), np.sin(need.yaw_rad)
            origin = need.origin_m + np.array([c * shift[0] - s * shift[1], s * shift[0] + c * shift[1]])
            found = self.settle(item, origin, need.yaw_rad, need.height_m)
            if found is not None:
                return found
        return None

    # Tables

    def _table(self, need: Need, space: Space) -> Fitted | None:
        u = self.rng.uniform
        h = need.height_m - u(0.0, 0.03)
        slab = space.between(h - 0.06, h + 0.005)
        half = (u(0.35, 0.9), u(0.35, 0.9))
        hands = self.sweep.centres_m[need.person][need.frames][::3].reshape(-1, 3)
        own = to_item(hands, need.yaw_rad, need.origin_m)
        above = own[(own[:, 2] > h) & (own[:, 2] < h + 0.15)]
        if not len(above):
            return None
        reach = float(np.percentile(above[:, 0], 95))
        # The near edge comes as close to the body as the sweep lets it; the hands must be over the top.
        near = space.edge(0.05, reach + 0.02, "x", (-half[0], half[1]), slab)
        if near > reach - 0.02:
            return None
        near = min(near + u(0.0, 0.08), reach - 0.02)
        far = space.edge(near + u(0.4, 0.9), reach, "x", (-half[0], half[1]), slab)
        left = space.edge(half[1], 0.0, "y", (near, far), slab)
        right = space.edge(-half[0], 0.0, "y", (near, far), slab)
        if far - near < 0.25 or left - right < 0.4:
            return None
        tall = h > 0.8
        kinds = ("cabinet", "sink", "desk", "table", "appliance") if tall else ("table", "desk", "nightstand")
        for _ in range(3):
            kind = str(self.rng.choice(kinds))
            # The front of what is made looks at the person.
            own_rectangle = (-far, -near, -left, -right)
            shape = procedural.table(self.rng, h, own_rectangle, kind)
            found = self.settle(shape.item(self.rng, self.per_m2), need.origin_m, need.yaw_rad + np.pi, h)
            if found is not None:
                return found
        return None
