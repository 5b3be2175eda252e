"""Quality gates: an engine and one file a gate. Static, on `ast` alone: nothing judged is imported or run."""
