"""The 2024 key/value lab: Put, Append and Get, each executed exactly once; and a solution."""

# What a module of a submission may import from its package stands before that module.
# isort: off
from kvsrv.dedup.server import KVServer
from kvsrv.dedup.client import Clerk
# isort: on

__all__ = ["Clerk", "KVServer"]
