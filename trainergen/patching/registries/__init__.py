"""One file a registry style: detect, edit, read back."""
