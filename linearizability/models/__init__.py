"""The models that come with the checker; `MODELS` has them by their command-line names."""

from linearizability.inputs import (
    Acquire,
    Add,
    Append,
    Cas,
    Contains,
    DeleteMin,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Insert,
    Pop,
    Push,
    Put,
    Read,
    Release,
    Remove,
    Transaction,
    Write,
)
from linearizability.models.append import kv_append
from linearizability.models.collection import counter, priority_queue, queue, set_, stack
from linearizability.models.kv import kv, versioned_kv
from linearizability.models.mutex import mutex
from linearizability.models.register import cas_register, cas_register_of, register, register_of
from linearizability.models.txn import txn

MODELS = {
    model.name: model
    for model in (
        register,
        cas_register,
        kv,
        kv_append,
        mutex,
        counter,
        queue,
        stack,
        priority_queue,
        set_,
        txn,
    )
}

__all__ = [
    "MODELS",
    "Acquire",
    "Add",
    "Append",
    "Cas",
    "Contains",
    "DeleteMin",
    "Dequeue",
    "Enqueue",
    "Get",
    "Increment",
    "Insert",
    "Pop",
    "Push",
    "Put",
    "Read",
    "Release",
    "Remove",
    "Transaction",
    "Write",
    "cas_register",
    "cas_register_of",
    "counter",
    "kv",
    "kv_append",
    "mutex",
    "priority_queue",
    "queue",
    "register",
    "register_of",
    "set_",
    "stack",
    "txn",
    "versioned_kv",
]
