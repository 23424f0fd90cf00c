"""Noise schedule, samplers, guidance, bundle reader, ONNX Runtime sessions and outputs. Never imports torch."""
