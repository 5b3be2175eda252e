"""Contract: the subclass trains an epoch, the base counts them."""
