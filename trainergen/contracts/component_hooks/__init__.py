"""Contract: the subclass gives components, the base does the rest."""
