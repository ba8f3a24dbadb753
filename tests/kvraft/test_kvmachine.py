"""The machines are the servers of kvsrv: applied to a log, with snapshots taken anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvraft.kvmachine import (
    APPEND_REQUEST,
    KV_REQUEST,
    AppendMachine,
    AppendRequest,
    KVMachine,
    KVRequest,
)
from kvsrv import GetArgs, KVServer, PutArgs
from kvsrv.dedup.rpc import GetArgs as AppendGetArgs
from kvsrv.dedup.rpc import WriteArgs
from kvsrv.dedup.server import KVServer as AppendServer
from tests.world.test_submission import loaded

KEYS = st.sampled_from(["", "a", "b"])
VALUES = st.text(max_size=3)
VERSIONED = st.builds(KVRequest, KEYS, st.none() | VALUES, st.integers(0, 3))
APPENDS = st.builds(
    AppendRequest,
    st.sampled_from(["get", "put", "append"]),
    KEYS,
    VALUES,
    st.integers(1, 2),
    st.integers(1, 4),
)


def ask(server: KVServer, it: KVRequest) -> object:
    """What a server alone says."""
    if it.value is None:
        return server.get(GetArgs(it.key))
    return server.put(PutArgs(it.key, it.value, it.version))


def ask_append(server: AppendServer, it: AppendRequest) -> str:
    """What a server alone says."""
    args = WriteArgs(it.key, it.value, it.client, it.number)
    match it.method:
        case "get":
            return server.get(AppendGetArgs(it.key)).value
        case "put":
            server.put(args)
            return ""
        case _:
            return server.append(args).old


@given(st.lists(st.tuples(VERSIONED, st.booleans())))
def test_the_versioned_machine_is_its_server(log: list[tuple[KVRequest, bool]]) -> None:
    server, machine = KVServer(), KVMachine()
    for request, moves in log:
        if moves:
            data, machine = machine.snapshot(), KVMachine()
            machine.restore(data)
        assert machine.apply(KV_REQUEST.encode(request)) == ask(server, request)


@given(st.lists(st.tuples(APPENDS, st.booleans())))
def test_the_append_machine_is_its_server(log: list[tuple[AppendRequest, bool]]) -> None:
    server, machine = AppendServer(), AppendMachine()
    for request, moves in log:
        if moves:
            data, machine = machine.snapshot(), AppendMachine()
            machine.restore(data)
        assert machine.apply(APPEND_REQUEST.encode(request)) == ask_append(server, request)


@pytest.mark.parametrize("first", ["kvraft.kvmachine", "kvsrv.server"])
def test_a_submission_with_a_kvsrv_of_its_own_gets_the_reference(
    first: str, tmp_path: Path
) -> None:
    files = {
        "kvsrv/server.py": "class KVServer: mine = True\n",
        "kvsrv/dedup/rpc.py": "raise SystemExit\n",
        "kvraft/kvmachine.py": "raise SystemExit\n",
    }
    code = f"import {first}, kvraft.kvmachine, kvsrv.server; kvraft.kvmachine.KVMachine(); "
    code += "print(hasattr(kvraft.kvmachine.KVServer, 'mine'), kvsrv.server.KVServer.mine, "
    code += "kvraft.KVServer.__module__, theirs.ignored())"
    told = loaded(tmp_path, code, files)
    assert told.startswith("False True kvraft.server ['")
    assert "kvraft/kvmachine.py is not used: this module is part of the lab" in told
