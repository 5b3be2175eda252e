"""Facts, no opinions: what is read of a model class and of a project, each with file and line."""
