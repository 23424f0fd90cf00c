"""Step kernels, text-encoder graph, parity checks and the bundle writer."""
