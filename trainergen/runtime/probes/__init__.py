"""One measurement a file. A probe sees a `Session` and nothing else; whether that matters is the caller's to decide."""
