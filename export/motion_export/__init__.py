"""Step kernels, text-encoder graph, parity checks and the bundle writer."""

import motion_preprocessing as _before_onnxruntime  # noqa: F401  (switches its telemetry off)
