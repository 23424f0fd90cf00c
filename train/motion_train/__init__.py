"""Denoiser, diffusion training, text towers, losses and data loading (PyTorch)."""
