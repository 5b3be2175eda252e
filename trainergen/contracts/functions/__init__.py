"""Contract: one function a model, no class."""
