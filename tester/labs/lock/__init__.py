"""The lock lab: one holder at a time, and a free lock is soon somebody's."""

from typing import Final

from tester.labs.kvsrv import CLERK, KVSERVER
from tester.labs.lab import Expected, Lab, Method

LOCK: Final = Expected(
    "lock.lock",
    "Lock",
    ("clerk", "name"),
    (
        Method("acquire"),
        Method("release"),
        Method("__aenter__"),
        Method("__aexit__", ("kind", "error", "traceback")),
    ),
)

LAB: Final = Lab(
    name="lock",
    suite="tester.labs.lock.suite",
    classes=(KVSERVER, CLERK, LOCK),
    bugs="tester.labs.lock.bugs",
    document="3-labs.md",
    course=(
        "test_reliable_basic",
        "test_reliable_nested",
        "test_one_client_reliable",
        "test_many_clients_reliable",
        "test_one_client_unreliable",
        "test_many_clients_unreliable",
    ),
)
