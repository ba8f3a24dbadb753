"""The 2024 key/value lab: Put, Append and Get, each executed exactly once; and a solution."""

from kvsrv.dedup.client import Clerk
from kvsrv.dedup.server import KVServer

__all__ = ["Clerk", "KVServer"]
