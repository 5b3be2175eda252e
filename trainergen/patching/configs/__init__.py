"""One file a kind of configuration file: edit, read back."""
