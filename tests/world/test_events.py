"""Every kind of event that a trace can hold is listed, with the right number of named fields."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tester
from labrpc import UNRELIABLE
from tester import Simulation
from tester.world import events
from tester.world.events import KINDS, Call, Deliver, Send, only, read
from tests.world.lab import passes, put_and_get

HOUSE = Path(tester.__file__).parents[1]
WRITERS = [*HOUSE.glob("labrpc/*.py"), *HOUSE.glob("tester/world/*.py")]


def test_events_of_a_run_have_names() -> None:
    async def ask(sim: Simulation) -> None:
        sim.serve()
        await put_and_get(sim, [sim.clerk()], rounds=1)

    trace = passes(ask, 0, network=UNRELIABLE).trace
    seen = read(trace)
    assert [tuple(event) for event in seen] == trace
    call, *_ = only(Call, seen)
    assert (call.op, call.client, call.method) == (0, "c0", "get")
    sent = {send.rpc for send in only(Send, seen)}
    assert {deliver.rpc for deliver in only(Deliver, seen)} <= sent


def test_a_kind_that_is_not_listed_is_found() -> None:
    with pytest.raises(KeyError):
        read([(0, "hiccup")])


def noted(source: str) -> list[tuple[str, int]]:
    """The kind of each event that a module writes by its word, and how many fields it gives."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        args = node.args
        if name in {"_note", "add"} and len(args) == 1 and isinstance(args[0], ast.Tuple):
            args = args[0].elts[1:]
        elif name not in {"_note", "note"}:
            continue
        match args:
            case [ast.Constant(value=str(kind)), *rest] if kind in KINDS:
                if not any(isinstance(arg, ast.Starred) for arg in rest):
                    found.append((kind, len(rest)))
            case [ast.Constant(value=str(kind)), *_]:
                found.append((kind, -1))
    return found


def test_what_is_written_has_as_many_fields_as_are_named() -> None:
    written = [event for path in WRITERS for event in noted(path.read_text())]
    for kind, fields in written:
        assert kind in KINDS, f"{kind} is not listed in {events.__name__}"
        named = len(KINDS[kind]._fields) - 2  # the time, the kind
        of_a_node = named - 1  # Member._note adds its name
        assert fields in {named, of_a_node}, kind
    assert {"call", "send", "deliver", "answer", "pause", "cut"} <= {kind for kind, _ in written}
