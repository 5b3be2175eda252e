"""Contract: the subclass takes a step, the base feeds it."""
