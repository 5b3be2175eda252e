"""Arguments for a constructor that nobody gave: found in the project, the class and its source, and by trying."""

from .calling import call_with
from .refusal import NotBuilt
from .search import Built, Constructor
from .values import live

__all__ = ["Built", "Constructor", "NotBuilt", "call_with", "live"]
