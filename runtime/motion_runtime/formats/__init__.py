"""Motion as files of other tools: glTF, BVH, AMASS and SMPL parameters, keypoints, label tables, USD and FBX.

`registry.FORMATS` lists them by name and `registry.export` writes them; docs/formats/exports.md says what each holds.
"""
