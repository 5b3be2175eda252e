"""Contract: the subclass owns the whole loop."""
