"""Contract: the subclass gives the loss, the base steps."""
