"""The KV test layer for values that are JSON, and for clients that append to one list.

@simulate(network=UNRELIABLE)
async def test_two_clients(sim: Simulation) -> None:
    sim.serve()
    ck = clerk(sim)
    await make_list(ck, "k")
    tallies = await spawn_clients_and_wait(sim, 2, 1, lambda c: one_client_append(c, "k"))
    await check_appends(ck, "k", tallies)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kvsrv.rpc import Err, Version
from linearizability.verdict import counted
from tester.labs.kvtest import Client, Tally, put_at_least_once
from tester.labs.witness import describe_get, describe_put
from tester.world.handles import KV


async def put_json(ck: KV, key: str, value: Any, version: Version) -> Err:
    """Put a value as JSON: equal values are equal text."""
    return await ck.put(key, _text(value), version)


async def put_at_least_once_json(ck: KV, key: str, value: Any, version: Version) -> Version:
    """Put until the answer is OK: see `put_at_least_once`."""
    return await put_at_least_once(ck, key, _text(value), version)


async def get_json(ck: KV, key: str) -> tuple[Any, Version]:
    """The value of a key that must exist and hold JSON, and its version."""
    got = value, version, err = await ck.get(key)
    if err is not Err.OK:
        raise AssertionError(f"{describe_get(key, got)}, and the key must exist")
    try:
        return json.loads(value), version
    except ValueError:
        raise AssertionError(f"{describe_get(key, got)}, which is no JSON") from None


async def make_list(ck: KV, key: str) -> None:
    """Create a key with an empty list, for clients to append to."""
    err = await put_json(ck, key, [], 0)
    if err not in (Err.OK, Err.MAYBE):  # nobody else creates it: where it may be, it is
        raise AssertionError(f"{describe_put(key, _text([]), 0, err)}, and the key is a new one")


async def one_client_append(client: Client, key: str) -> Tally:
    """Append `[number of the client, 0]`, then `[.., 1]`, and so on, until the client may stop.

    A put that is refused is tried again on the list as it is by then; one answered ErrMaybe is
    not, because it may have happened.
    """
    ok = maybe = 0
    while not client.stopped:
        entries, version = await get_json(client.ck, key)
        value = [*entries, [client.number, ok + maybe]]
        err = await put_json(client.ck, key, value, version)
        if err not in (Err.OK, Err.VERSION, Err.MAYBE):
            put = describe_put(key, _text(value), version, err)
            raise AssertionError(f"{put}, and only its version can be wrong")
        ok += err is Err.OK
        maybe += err is Err.MAYBE
    return Tally(ok, maybe)


async def check_appends(ck: KV, key: str, tallies: Sequence[Tally]) -> None:
    """Compare a list to which only these clients have appended with what they were told.

    Each client's entries stand in its order, each once; as many as it was told OK, and at most
    one more for each ErrMaybe; and every append has raised the version by one.
    """
    entries, version = await get_json(ck, key)
    if len(entries) + 1 != version:
        raise AssertionError(
            f"{key!r} holds {counted(len(entries), 'entry', 'entries')} at version {version}: "
            "each append raises the version by one, from 1 on"
        )
    for number, (ok, maybe) in enumerate(tallies):
        mine = [n for who, n in entries if who == number]
        told = f"OK was the answer to {counted(ok, 'append')}, and ErrMaybe to {maybe}"
        if mine != sorted(set(mine)):
            raise AssertionError(f"client {number} has appended in its order, and not {mine}")
        if not ok <= len(mine) <= ok + maybe or (mine and mine[-1] >= ok + maybe):
            raise AssertionError(f"client {number} has the entries {mine}, but {told}")
    strangers = [entry for entry in entries if entry[0] not in range(len(tallies))]
    if strangers:
        raise AssertionError(f"{key!r} holds entries that nobody has appended: {strangers}")


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
