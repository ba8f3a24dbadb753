"""The replicated key/value lab: state machines on Raft, servers on these, and their Clerk."""

from kvraft.api import StateMachine
from kvraft.client import Clerk
from kvraft.rsm import RSM
from kvraft.server import KVServer

__all__ = ["RSM", "Clerk", "KVServer", "StateMachine"]

# A submission's modules may take the places of those in this package.
__lab__ = True
