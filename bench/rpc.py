"""RPCs per second: handlers called through labrpc in simulation, and on stock asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bench import stock
from bench.rounds import Row, per_second, simulate_once
from labrpc import ClientEnd, Message
from tester import Simulation

RPCS: Final = 3_000
"""How many RPCs one figure takes."""


class AddArgs(Message, frozen=True):
    """What to add, and to which account."""

    account: str
    amount: int


class AddReply(Message, frozen=True):
    """The account's new balance."""

    balance: int


class Bank:
    """A server with one handler that cannot be interrupted, and one that could be."""

    def __init__(self) -> None:
        self._balances: dict[str, int] = {}

    def add(self, args: AddArgs) -> AddReply:
        """Add to an account."""
        balance = self._balances.get(args.account, 0) + args.amount
        self._balances[args.account] = balance
        return AddReply(balance)

    async def add_in_task(self, args: AddArgs) -> AddReply:
        """Add to an account, in a task of its own."""
        return self.add(args)


class Customer:
    """A client that calls, and calls again when it has its answer."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def deposit(self, kind: str, times: int) -> int:
        """Call the handler of this kind so often; the balance in the end."""
        handler: Callable[..., Any] = Bank.add if kind == "def" else Bank.add_in_task
        args = AddArgs(self._end.name, 1)
        reply: AddReply | None = None
        for _ in range(times):
            reply = await self._end.call(handler, args)
        assert reply is not None
        return reply.balance


async def in_simulation(sim: Simulation, *, kind: str, customers: int, times: int) -> None:
    """Have so many customers call so often each, each on a node of its own."""
    sim.serve(Bank)
    async with asyncio.TaskGroup() as tasks:
        for number in range(customers):
            node = sim.node(f"c{number}")
            customer = node.make(Customer, node.end(node.name, "server"))
            tasks.create_task(_deposit(customer, kind, times))


async def _deposit(customer: Any, kind: str, times: int) -> None:
    assert await customer.deposit(kind, times) == times


def on_stock_asyncio(kind: str, customers: int, times: int) -> None:
    """Have so many customers call so often each, on asyncio."""

    async def client(end: ClientEnd) -> None:
        await _deposit(Customer(end), kind, times)

    asyncio.run(stock.run_clients(Bank(), client, customers))


def rows() -> list[Row]:
    """Both kinds of handler, called by one client and by ten, each on its own node."""
    return [
        _row("def", 1),
        _row("def", 10),
        _row("async def", 1),
        _row("async def", 10),
    ]


def _row(kind: str, customers: int) -> Row:
    times = RPCS // customers
    run = partial(simulate_once, in_simulation, kind=kind, customers=customers, times=times)
    return Row(
        f"RPCs/s, {kind}, {customers} client{'s' if customers > 1 else ''}",
        figure=partial(per_second, RPCS, run),
        yardstick=partial(per_second, RPCS, partial(on_stock_asyncio, kind, customers, times)),
        against="asyncio",
        at_least=150_000 if kind == "def" else None,
    )
