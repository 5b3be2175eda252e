"""trainergen: from a PyTorch model class to a trainer in your own project, proven before a byte is written."""

__version__ = "0.1.0"
