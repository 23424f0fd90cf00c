"""Body models: SMPL, SMPL-H and SMPL-X files, the built-in body, skinning."""
