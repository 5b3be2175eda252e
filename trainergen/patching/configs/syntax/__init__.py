"""One file a format of configuration files: read it, add to it as text, find where a value stands."""
