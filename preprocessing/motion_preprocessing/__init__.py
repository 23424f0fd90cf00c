"""Coordinates, skeleton, rotations, pose vectors, scenes and datasets. Never imports torch."""

import os

# ONNX Runtime's wheels keep usage data in the home directory and send it to Microsoft, from 1.31 on under Linux as
# well, and read this when they are imported. What runs here concerns nobody else.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
