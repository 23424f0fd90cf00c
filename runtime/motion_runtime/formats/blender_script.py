"""Run by Blender, not by this project's Python: read a .glb, write .fbx or .usd.

blender --background --factory-startup --python blender_script.py -- IN.glb OUT FPS FRAMES

With --check OUT alone it says whether it could: 'ready', or it raises.
"""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any, Final

MOST_COLORS: Final = 32
"""A mesh of more colours than these, such as a scanned room, keeps them as an attribute alone."""
CHECK: Final = "--check"
READY: Final = "scene-motion: ready"
"""What is said where nothing is missing."""


def check(bpy: Any, target: str) -> None:
    """Raise where this Blender cannot read .glb or cannot write such a file."""
    written, operator = ("FBX", "EXPORT_SCENE_OT_fbx") if target.endswith(".fbx") else ("USD", "WM_OT_usd_export")
    for what, name in (("glTF", "IMPORT_SCENE_OT_gltf"), (written, operator)):
        if not hasattr(bpy.types, name):
            raise RuntimeError(f"this Blender was built without {what}")


def main(source: str, target: str, fps: float, frames: int) -> None:
    """Convert one file."""
    bpy: Any = importlib.import_module("bpy")
    # Blender 3 of the Linux distributions reads glTF by a name that their newer numpy has dropped.
    numpy: Any = importlib.import_module("numpy")
    if "bool" not in dir(numpy):
        numpy.bool = bool
    check(bpy, target)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    # Before reading: keys are put at seconds times the scene's rate, and must fall on whole frames.
    scene.render.fps = math.ceil(fps)
    scene.render.fps_base = math.ceil(fps) / fps
    _call(bpy.ops.import_scene.gltf, filepath=source, disable_bone_shape=True)
    # Older importers give every bone a ball to be drawn as, which is no part of the motion.
    aside = bpy.data.collections.get("glTF_not_exported")
    for item in list(aside.objects) if aside is not None else []:
        bpy.data.objects.remove(item)
    for mesh in bpy.data.meshes:
        _paint(bpy, mesh)
    scene.frame_start, scene.frame_end = 0, frames - 1
    if target.endswith(".fbx"):
        _call(
            bpy.ops.export_scene.fbx,
            filepath=target,
            object_types={"ARMATURE", "EMPTY", "MESH"},
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_simplify_factor=0.0,
            colors_type="SRGB",
        )
    else:
        _call(
            bpy.ops.wm.usd_export,
            filepath=target,
            export_animation=True,
            export_armatures=True,
            export_materials=True,
            export_mesh_colors=True,
        )


def _paint(bpy: Any, mesh: Any) -> None:
    """Give faces materials of their vertices' colours, which few readers of FBX and USD show otherwise."""
    if not len(mesh.color_attributes) or not len(mesh.polygons):
        return
    colors = mesh.color_attributes[0]
    chosen = []
    for face in mesh.polygons:
        corner = face.loop_start
        value = colors.data[corner if colors.domain == "CORNER" else mesh.loops[corner].vertex_index].color
        chosen.append(tuple(round(part, 3) for part in value[:3]))
    palette = sorted(set(chosen))
    if len(palette) > MOST_COLORS:
        return
    name = mesh.materials[0].name if mesh.materials else mesh.name
    mesh.materials.clear()
    for number, color in enumerate(palette):
        material = bpy.data.materials.new(f"{name}_{number}")
        material.use_nodes = True
        material.diffuse_color = (*color, 1.0)
        shader = material.node_tree.nodes.get("Principled BSDF")
        shader.inputs["Base Color"].default_value = (*color, 1.0)
        shader.inputs["Roughness"].default_value = 0.85
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", [palette.index(color) for color in chosen])


def _call(operator: Any, **options: Any) -> None:
    """Call with those options that this version of Blender knows."""
    known = operator.get_rna_type().properties.keys()
    operator(**{name: value for name, value in options.items() if name in known})


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :]
    if given[0] == CHECK:
        check(importlib.import_module("bpy"), given[1])
        print(READY)  # noqa: T201
    else:
        main(given[0], given[1], float(given[2]), int(given[3]))
