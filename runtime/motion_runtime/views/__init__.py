"""What cameras of one's own see of a motion.

    camera file --> cameras in the room --> keypoints in their pixels --> what hides them, and boxes --> files

The file's format is `docs/formats/cameras.md`; the files are written by `motion_runtime.formats`.
"""
