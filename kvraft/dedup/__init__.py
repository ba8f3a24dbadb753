"""The replicated store of the 2024 lab: Put, Append and Get, each executed exactly once."""

# What a module of a submission may import from its package stands before that module.
# isort: off
from kvraft.dedup.server import KVServer
from kvraft.dedup.client import Clerk
# isort: on

__all__ = ["Clerk", "KVServer"]
