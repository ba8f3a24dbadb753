"""A node's process: it loads what was handed in, and then does what it is asked over a socket.

Everything here runs beside code that nobody trusts, and may be changed by it: whoever asks takes
every answer for what such a process says, and no more.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from tester.engine import pulse
from tester.engine.choices import BEGINNING, Choices, Dealt, Replayed, Source
from tester.engine.node import Event
from tester.engine.schedule import SCHEDULES
from tester.grading import kernel
from tester.grading.frames import encode_report
from tester.grading.library import HandedIn, Library
from tester.grading.printed import Ear
from tester.guard import guard
from tester.labs import LABS, contract
from tester.world import submission
from tester.world.crossing import from_pipe
from tester.world.failure import describe, forget_listeners
from tester.world.host import Host
from tester.world.pipe import Messages, send
from tester.world.submission import BadSubmission

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.decode


class Order(msgspec.Struct, frozen=True):
    """What a node's process is told first: which node it is, and what its choices are made of."""

    lab: str
    name: str
    """"" for a process that only says whether the submission fits the lab."""
    incarnation: int = 0
    schedule: str = ""
    disturbed: bool = False
    """Whether anything disturbs the run: see `tester.engine.schedule`."""
    keep_trace: bool = False
    listens: bool = False
    """Whether to keep what is logged and printed."""
    beginnings: Mapping[str, Sequence[int]] = {}
    """The first words of its streams, where they come from a seed."""
    record: Mapping[str, Sequence[int]] | None = None
    """What its streams are to say, where they come from a record."""
    drawn: Mapping[str, Sequence[int]] = {}
    """What earlier incarnations have drawn."""


class Answers:
    """The socket's other direction: what this process says, in answer to what it was asked."""

    def __init__(self, socket: int) -> None:
        self._socket = socket
        self._heard = Messages(socket)

    def say(self, what: str, *fields: Any) -> None:
        """Write one message."""
        send(self._socket, _encode((what, *fields)))

    def hear(self) -> Any:
        """Wait for the next request. Raises EOFError when nobody asks any more."""
        return _decode(self._heard.next())

    def order(self) -> Order:
        """Wait for what comes first."""
        return _order(self._heard.next())

    def deal(self, stream: str, block: int) -> Sequence[int]:
        """Ask for words of a stream: see `Dealt`."""
        self.say("deal", stream, block)
        words: Sequence[int] = self.hear()
        return words


_order = msgspec.msgpack.Decoder(Order).decode


def be_quiet() -> None:
    """Have this process and its copies say nothing but what they are asked."""
    warnings.simplefilter("ignore")
    pulse.silence()
    forget_listeners()


def hear_of_crashes(socket: int) -> None:
    """Have this process say where it stood, as plain text, when it dies of a signal.

    To be called before the filter of system calls is in force.
    """
    faulthandler.enable(socket, all_threads=False)
    if sys.platform == "linux":
        faulthandler.register(kernel.SIGSYS, file=socket, all_threads=False, chain=True)


def live(socket: int, library: Library) -> NoReturn:
    """The life of a node's process, from the first request to its end."""
    status = 1
    answers = Answers(socket)
    try:
        order = answers.order()
        if order.name:
            _serve(order, answers, library)
        else:
            _inspect(order, answers, library)
        status = 0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # whoever asked has gone
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process says so and ends
        with contextlib.suppress(BaseException):
            answers.say("broke", type(error).__name__, str(error)[:500])
    finally:
        os._exit(status)


def _inspect(order: Order, answers: Answers, library: Library) -> None:
    """Load the submission, and say whether it fits the lab."""
    handed = HandedIn(library)
    loading = [""]
    try:
        contract.check_contract(LABS[order.lab], handed, lambda what: loading.__setitem__(0, what))
        refusal = ""
    except BadSubmission as bad:
        refusal = str(bad)
    except BaseException as error:  # noqa: BLE001 - what a metaclass may do
        refusal = f"{loading[0]}: loading it raised {type(error).__name__}"
    answers.say("inspected", refusal[:2_000], [str(file)[:200] for file in library.missed[:50]])


def _serve(order: Order, answers: Answers, library: Library) -> NoReturn:
    handed = HandedIn(library)
    with submission.instead(handed):
        for expected in LABS[order.lab].classes:
            find = handed.function if expected.is_function else handed.get
            find(expected.module, expected.name)
        with guard.installed(handed.modules()) as refusals:
            gc.disable()
            host = _host(order, answers)
            if not order.listens:
                while True:
                    _answer(host, answers, answers.hear(), refusals)
            ear = Ear(clock=lambda: host.loop.now)
            with ear.listening():
                while True:
                    request = answers.hear()
                    if request[0] == "lines":
                        answers.say("lines", ear.heard())
                    else:
                        _answer(host, answers, request, refusals)


def _host(order: Order, answers: Answers) -> Host:
    choices = Choices(_source(order, answers))
    if order.record is not None:
        for stream, values in order.drawn.items():
            choices.stream(stream).resume(values)
    host = Host(order.name, choices, SCHEDULES[order.schedule](order.disturbed), order.incarnation)
    host.loop.notes_deaths = order.keep_trace
    return host


def _source(order: Order, answers: Answers) -> Source:
    if order.record is not None:
        return Replayed(order.record)

    def deal(stream: str, block: int) -> Sequence[int]:
        if block == BEGINNING and stream in order.beginnings:
            return order.beginnings[stream]
        return answers.deal(stream, block)

    return Dealt(deal, order.drawn)


def _answer(host: Host, answers: Answers, request: Sequence[Any], refusals: list[Any]) -> None:
    """Do what is asked, and say what came of it."""
    what, *args = request
    if what == "step":
        now, inbox, limit = args
        outbox, next_due, ran = host.step(now, [from_pipe(event) for event in inbox], limit)
        outbox = [encode_report(event) if event[0] == "report" else event for event in outbox]
        if refusals:
            outbox += _refused(host, refusals)
        answers.say("turn", outbox, next_due, ran)
    elif what == "waiting":
        answers.say("waiting", host.waiting())
    elif what == "unretrieved":
        answers.say("unretrieved", host.unretrieved())
    elif what == "measure":
        answers.say("measure", host.measure(*args))
    else:
        answers.say("drawn", host.choices.record(), host.choices.faults)


def _refused(host: Host, refusals: list[Any]) -> list[Event]:
    """What the guard has refused to the node's code in this step, swallowed or not."""
    found = [
        ("refused", describe(error, host.name, "while it ran", host.loop.now))
        for error in refusals
    ]
    refusals.clear()
    return found
