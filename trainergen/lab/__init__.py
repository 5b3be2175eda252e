"""The only place where user code and torch run: a separate process in the user's interpreter."""
