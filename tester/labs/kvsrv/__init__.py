"""The key/value lab: one server, versioned puts, and clerks that must tell the truth."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method

KVSERVER: Final = Expected(
    "kvsrv.server",
    "KVServer",
    (),
    (
        Method("put", ("args",), "kvsrv.rpc:PutArgs", "kvsrv.rpc:PutReply"),
        Method("get", ("args",), "kvsrv.rpc:GetArgs", "kvsrv.rpc:GetReply"),
    ),
)
CLERK: Final = Expected(
    "kvsrv.client",
    "Clerk",
    ("end",),
    (Method("put", ("key", "value", "version")), Method("get", ("key",))),
)

LAB: Final = Lab(
    name="kvsrv",
    suite="tester.labs.kvsrv.suite",
    classes=(KVSERVER, CLERK),
    bugs="tester.labs.kvsrv.bugs",
    document="3-labs.md",
    course=(
        "test_reliable_put",
        "test_put_concurrent_reliable",
        "test_mem_put_many_clients_reliable",
        "test_unreliable_net",
    ),
)
