"""The lock lab: mutual exclusion between clients of a key/value store."""

from lock.lock import Lock

__all__ = ["Lock"]
