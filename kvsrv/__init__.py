"""The versioned key/value lab: what a Clerk and a KVServer say to each other, and a solution."""

# What a module of a submission may import from its package stands before that module.
# isort: off
from kvsrv.rpc import Err, GetArgs, GetReply, PutArgs, PutReply, Version
from kvsrv.server import KVServer
from kvsrv.client import Clerk
# isort: on

__all__ = ["Clerk", "Err", "GetArgs", "GetReply", "KVServer", "PutArgs", "PutReply", "Version"]

# A submission's modules may take the places of those in this package.
__lab__ = True
