"""The store: whole chunks or none, no seed twice, and one export for one content."""

import fcntl
import itertools
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.sweep.job import LostRun
from tester.sweep.store import BadStore, Store, Story, Subject
from tester.workers.wire import Detail, Ran

SUBJECT = Subject("kvsrv", "test_a", "random", "uniform", "c0de", "1.0", ("sometimes",))
OTHER = SUBJECT._replace(test="test_b")


def ran(seed: int, verdict: str = "pass") -> Ran:
    detail = Detail(seed, 2 * seed, [("lost reply", "Server.put")] if seed % 2 else [])
    symptom = ("Deadlock", f"a.py:{seed % 3}") if verdict == "fail" else ()
    reached = {"sometimes": seed % 5 == 0}
    digest = f"{seed:032x}"
    return Ran(
        verdict, digest, seed, 1, 5, 999 + seed, symptom=symptom, detail=detail, reached=reached
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db", new=True) as made:
        yield made


def put(store: Store, seeds: range, subject: Subject = SUBJECT) -> None:
    store.commit([(subject, seeds.start, [ran(seed) for seed in seeds])])


@given(
    chunks=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=6),
    wanted=st.tuples(st.integers(0, 20), st.integers(0, 25)),
)
def test_what_is_missing_is_what_nobody_has_committed(
    chunks: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    asked = range(wanted[0], wanted[0] + wanted[1])
    with Store(Path(":memory:"), new=True) as store:
        for first, count in chunks:
            put(store, range(first, first + count))
        missing = store.missing(SUBJECT, asked)
    have = {seed for first, count in chunks for seed in range(first, first + count)}
    assert [seed for part in missing for seed in part] == [s for s in asked if s not in have]
    assert all(missing)
    assert all(one.stop < next_.start for one, next_ in itertools.pairwise(missing))


@given(order=st.permutations(range(6)), data=st.data())
def test_the_order_of_chunks_changes_no_byte_of_an_export(
    order: list[int], data: st.DataObject
) -> None:
    """A chunk that comes twice changes none either."""
    exports = []
    for chunks in (range(6), [*order, data.draw(st.sampled_from(order))]):
        with Store(Path(":memory:"), new=True) as store:
            for n in chunks:
                put(store, range(7 * n, 7 * n + 7), SUBJECT if n % 2 else OTHER)
            exports.append(list(store.export()))
    assert exports[0] == exports[1]


def test_what_was_put_in_comes_out(store: Store) -> None:
    lost = LostRun(("stuck", "a.py", "loop"), "seed 3: stuck\n")
    store.commit([(SUBJECT, 2, [ran(2, "fail"), lost, ran(4, "unknown")])])
    first, second, third = store.runs(SUBJECT)
    assert (first.seed, first.verdict, first.symptom) == (2, "fail", ("Deadlock", "a.py:2"))
    assert (second.verdict, second.digest, second.symptom) == ("fail", b"", lost.symptom)
    assert (third.verdict, third.rpcs, third.latency_us, third.slowest_us) == ("unknown", 4, 4, 8)
    assert (first.hits, first.reached) == ((), {"sometimes": False})
    assert store.stories(SUBJECT) == [Story(3, "stuck a.py loop", (), lost.story, "")]
    assert list(store.runs(OTHER)) == []


def test_the_wall_clock_is_no_part_of_an_export(tmp_path: Path) -> None:
    exports = []
    for name, wall_us in (("a", 1), ("b", 2)):
        with Store(tmp_path / name, new=True) as store:
            store.commit([(SUBJECT, 0, [Ran("pass", "00", 1, 1, 1, wall_us)])])
            store.session(1, wall_us)
            exports.append(list(store.export()))
    assert exports[0] == exports[1]


def test_a_transaction_that_is_broken_off_leaves_nothing(store: Store) -> None:
    def broken() -> Iterator[tuple[Subject, int, list[Ran]]]:
        yield SUBJECT, 0, [ran(0), ran(1)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.commit(broken())
    assert store.count() == 0
    put(store, range(2))  # the numbers of its texts were let go as well
    assert [run.seed for run in store.runs(SUBJECT)] == [0, 1]
    with Store(store.path) as again:
        assert list(again.export()) == list(store.export())


def test_shards_are_merged_in_any_order(tmp_path: Path) -> None:
    shards = []
    for n in range(3):
        with Store(tmp_path / f"{n}.db", new=True) as shard:
            put(shard, range(10 * n, 10 * n + 12))
            put(shard, range(n), OTHER)
            shard.put_stories(SUBJECT, [Story(10 * n, "", (1, 2, 3), "story", "record")])
            shards.append(shard.path)
    exports = []
    for order in (shards, shards[::-1]):
        path = tmp_path / f"into-{order[0].name}"
        with Store(path, new=True) as into:
            for shard_path in order:
                with Store(shard_path) as shard:
                    _ = into.take(shard)
            with Store(order[0]) as shard:
                assert into.take(shard) == 0
            exports.append(list(into.export()))
            assert into.count() == 32 + 2
    assert exports[0] == exports[1]


def test_a_seed_that_came_to_two_things_is_an_error(tmp_path: Path, store: Store) -> None:
    put(store, range(5))
    with Store(tmp_path / "b.db", new=True) as other:
        other.commit([(SUBJECT, 4, [ran(4, "fail"), ran(5)])])
        with pytest.raises(BadStore, match=r"seed 4 of kvsrv::test_a came to two things: pass"):
            store.take(other)
    assert store.count() == 5


def test_two_sweeps_do_not_write_into_one_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, new=True, alone=True) as first:
        with pytest.raises(BadStore, match=r"another sweep is writing into .*a\.db"):
            _ = Store(path, new=True, alone=True)
        put(first, range(3))
        with Store(path) as reader:
            assert reader.count() == 3
        put(first, range(3, 5))
    with Store(path, new=True, alone=True) as second:
        assert second.count() == 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no database, and longer than its head would be: " * 4, "is no store of a sweep"),
        (b"", "expected format 1, got 0"),
    ],
)
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(BadStore, match=why):
        _ = Store(path)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(BadStore, match="expected format 1, got 0"):
        _ = Store(path, new=True, alone=True)
    lock = os.open(path, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it was let go
    os.close(lock)


def test_a_store_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadStore, match=r"there is no store .*; `labtester sweep LAB --store"):
        _ = Store(tmp_path / "none.db")
    with pytest.raises(BadStore, match="cannot be opened: No such file or directory"):
        _ = Store(tmp_path / "none" / "a.db", new=True, alone=True)


def test_a_file_that_cannot_be_written_is_named(store: Store) -> None:
    put(store, range(2))
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 1")
    try:
        with pytest.raises(BadStore, match=r"a\.db cannot be written: database is locked"):
            put(store, range(2, 4))
    finally:
        blocker.close()
    put(store, range(2, 4))
    assert store.count() == 4


def test_growing_stores_stay_small(store: Store) -> None:
    """About a hundred bytes a seed: texts that many seeds have in common stand there once."""
    order = list(range(100))
    random.Random(1).shuffle(order)
    for n in order:
        put(store, range(100 * n, 100 * n + 100))
    assert store.path.stat().st_size < 150 * 10_000
