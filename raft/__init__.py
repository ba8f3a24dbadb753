"""The Raft lab: consensus on a log of commands, by the paper of Ongaro and Ousterhout (2014)."""

from raft.api import ApplyMsg, Persister
from raft.raft import Raft

__all__ = ["ApplyMsg", "Persister", "Raft"]

# A submission's modules may take the places of those in this package.
__lab__ = True
