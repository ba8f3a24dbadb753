"""The replicated key/value lab: state machines on Raft, servers on these, and their Clerk."""

# What a module of a submission may import from its package stands before that module.
# isort: off
from kvraft.api import StateMachine
from kvraft.rsm import RSM
from kvraft.server import KVServer
from kvraft.client import Clerk
# isort: on

__all__ = ["RSM", "Clerk", "KVServer", "StateMachine"]

# A submission's modules may take the places of those in this package.
__lab__ = True
