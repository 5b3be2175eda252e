"""From a trainer plan to the text of new files."""
