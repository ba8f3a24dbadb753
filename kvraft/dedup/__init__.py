"""The replicated store of the 2024 lab: Put, Append and Get, each executed exactly once."""

from kvraft.dedup.client import Clerk
from kvraft.dedup.server import KVServer

__all__ = ["Clerk", "KVServer"]
