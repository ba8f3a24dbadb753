"""The models that come with the checker, by the names the command line uses."""

from linearizability.models.inputs import Get, Put
from linearizability.models.kv import kv, versioned_kv

__all__ = ["Get", "Put", "kv", "versioned_kv"]
