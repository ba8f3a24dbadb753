"""The key/value lab of 2024: Put, Append and Get, each executed exactly once."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method

KVSERVER: Final = Expected("kvsrv.dedup.server", "KVServer", (), ())
"""What it and its clerk say to each other is the submission's own business."""
CLERK: Final = Expected(
    "kvsrv.dedup.client",
    "Clerk",
    ("end",),
    (Method("get", ("key",)), Method("put", ("key", "value")), Method("append", ("key", "arg"))),
)

LAB: Final = Lab(
    name="dedup",
    suite="tester.labs.dedup.suite",
    classes=(KVSERVER, CLERK),
    bugs="tester.labs.dedup.bugs",
    document="3-labs.md",
    course=(
        "test_basic",
        "test_concurrent",
        "test_unreliable",
        "test_unreliable_one_key",
        "test_mem_get",
        "test_mem_put",
        "test_mem_append",
        "test_mem_put_many_clients",
        "test_mem_get_many_clients",
        "test_mem_many_appends",
    ),
)
