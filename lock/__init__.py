"""The lock lab: mutual exclusion between clients of a key/value store."""

from lock.lock import Lock

__all__ = ["Lock"]

# A submission's modules may take the places of those in this package.
__lab__ = True
