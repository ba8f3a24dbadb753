"""The trace: one digest for one run, whether or not it is kept."""

import hashlib
from collections.abc import Iterator

import msgspec
import pytest

from tester.engine.trace import LARGE, Entry, Trace

encode = msgspec.msgpack.Encoder().encode


def entries(count: int) -> list[Entry]:
    return [(i, "send", i % 7, f"c{i % 3}", b"payload") for i in range(count)]


def traced(run: list[Entry], *, keep: bool) -> Trace:
    trace = Trace(encode, keep=keep)
    for entry in run:
        trace.add(entry)
    return trace


@pytest.mark.parametrize("count", [0, 1, 63, 4095, 4096, 4097, 8192, 10_000])
def test_the_digest_does_not_depend_on_what_is_kept(count: int) -> None:
    run = entries(count)
    kept, dropped = traced(run, keep=True), traced(run, keep=False)
    assert kept.digest() == dropped.digest()
    assert kept.entries == run


def test_a_trace_keeps_no_more_than_a_batch_unless_asked() -> None:
    trace = Trace(encode)
    most = 0
    for entry in entries(20_000):
        trace.add(entry)
        trace.trim()
        most = max(most, len(trace.entries))
    assert most < 4_096


def heavy(count: int) -> list[Entry]:
    """Entries of which every seventh has a payload that differs from all others at its end."""
    return [
        (i, "send", b"v" * (0 if i % 7 else 3 * LARGE) + i.to_bytes(4, "big"), f"c{i % 3}")
        for i in range(count)
    ]


def moved(run: list[Entry], *, keep: bool = False, says_largest: bool = True) -> Trace:
    """The trace of a run, trimmed after every few entries, as a simulation does."""
    trace, bytes_, largest = Trace(encode, keep=keep), 0, 0
    for entry in run:
        trace.add(entry)
        bytes_ += len(entry[2])
        largest = max(largest, len(entry[2]))
        if entry[0] % 5 == 0:
            trace.trim(bytes_, *([largest] if says_largest else []))
    return trace


def test_large_payloads_are_let_go_and_still_tell_runs_apart() -> None:
    run = heavy(60)
    trace = moved(run)
    assert sum(len(entry[2]) > LARGE for entry in trace.entries) <= 1, "since the last trim"
    other = [*run[:14], (*run[14][:2], run[14][2][:-1] + b"!", *run[14][3:]), *run[15:]]
    assert len({moved(run).digest(), moved(other).digest(), traced(run, keep=False).digest()}) == 3


def test_the_digest_does_not_depend_on_whether_the_largest_payload_is_known() -> None:
    small = [(i, "send", bytes(LARGE // 2), f"c{i % 3}") for i in range(40)]
    run = [*small, *heavy(60), *small]
    assert moved(run).digest() == moved(run, says_largest=False).digest()


def test_nobody_looks_for_large_payloads_where_there_are_none() -> None:
    class Unread(tuple[object, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[object]:
            raise AssertionError("its parts were looked at")

    trace = Trace(encode, keep=True)
    for _ in range(10):
        trace.add(Unread((0, "send", bytes(LARGE))))
        trace.trim(len(trace.entries) * LARGE * 2, LARGE)


@pytest.mark.parametrize("count", [60, 5_000])
def test_large_payloads_are_kept_where_the_trace_is(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tester.engine.trace.LARGE", 16)
    monkeypatch.setattr(f"{__name__}.LARGE", 16)
    run = heavy(count)
    kept = moved(run, keep=True)
    assert kept.digest() == moved(run).digest()
    assert kept.entries == run


def test_what_has_been_encoded_is_not_encoded_again() -> None:
    sizes: list[int] = []

    def counting(batch: list[Entry]) -> bytes:
        sizes.append(len(batch))
        return encode(batch)

    trace = Trace(counting, keep=True)
    for entry in entries(10_000):
        trace.add(entry)
    trace.digest()
    assert sizes == [4_096, 4_096, 1_808]


def test_the_digest_is_blake2b_of_the_batches() -> None:
    run = entries(5_000)
    assert traced(run, keep=False).digest() == (
        hashlib.blake2b(encode(run[:4096]) + encode(run[4096:]), digest_size=16).hexdigest()
    )


def test_every_part_of_every_entry_counts_and_so_does_their_order() -> None:
    run = entries(5)
    variants = [
        run,
        run[:-1],
        run[::-1],
        [*run, (5, "send")],
        [(1, *run[0][1:]), *run[1:]],
        [*run[:-1], (*run[-1][:-1], b"payloae")],
        [*run[:-1], (*run[-1][:-1], "payload")],
        [*run[:-1], (*run[-1], None)],
    ]
    assert len({traced(variant, keep=False).digest() for variant in variants}) == len(variants)
