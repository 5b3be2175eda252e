"""One measurement a file. A probe sees a `Session` and nothing else; whether what it saw matters is the caller's to decide."""
