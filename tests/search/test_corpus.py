"""The corpus gives back what was kept for a lab, a submission and its tests, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tester.search.corpus import Corpus
from tester.search.record import Record

RECORD = Record(
    lab="kvsrv",
    test="test_a",
    seed=7,
    submission="theirs",
    kind="NotLinearizable",
    digest="d",
    code="c",
    python="3.12",
    labtester="1",
    choices={"net/c0": [0, 1]},
)


def kept(corpus: Corpus, *tests: str) -> list[tuple[str, int]]:
    return [(record.test, record.seed) for _, record in corpus.records(tests)]


def test_a_kept_record_is_found_again(tmp_path: Path) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    path = corpus.keep(RECORD.text(), RECORD.test).path
    assert list(corpus.records(["test_a"])) == [(path, RECORD)]


def test_only_this_labs_this_submissions_and_these_tests_records_are_found(tmp_path: Path) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    for number, changes in enumerate(
        [{}, {"lab": "lock"}, {"submission": "mine"}, {"submission": ""}, {"test": "test_b"}]
    ):
        record = replace(RECORD, seed=number, **changes)  # type: ignore[arg-type]
        assert corpus.keep(record.text(), record.test).path is not None
    assert kept(corpus, "test_a") == [("test_a", 0)]
    assert kept(corpus, "test_b") == [("test_b", 4)]
    assert kept(corpus, "test_a", "test_b") == [("test_a", 0), ("test_b", 4)]
    assert kept(corpus) == []
    assert kept(Corpus("lock", "theirs", tmp_path), "test_a") == [("test_a", 1)]
    assert kept(Corpus("kvsrv", "mine", tmp_path), "test_a") == [("test_a", 2)]
    assert kept(Corpus("kvsrv", None, tmp_path), "test_a") == [("test_a", 3)]
    for other_name in ("./theirs", "there/../theirs/", str(Path("theirs").absolute())):
        assert kept(Corpus("kvsrv", other_name, tmp_path), "test_a") == [("test_a", 0)]


def test_records_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    for seed in (3, 1, 2):
        corpus.keep(replace(RECORD, seed=seed).text(), RECORD.test)
    assert [seed for _, seed in kept(corpus, "test_a")] == [1, 2, 3]


def test_without_a_folder_it_is_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = Corpus("kvsrv", "theirs")
    assert kept(corpus, "test_a") == []
    path = Path(".labtester/kvsrv-test_a-7-theirs.sim")
    assert corpus.keep(RECORD.text(), RECORD.test) == (path, f"kept as {path}")
    assert kept(corpus, "test_a") == [("test_a", 7)]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000], ids=range(4))
def test_what_is_no_record_is_passed_over(content: bytes, tmp_path: Path) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    (tmp_path / "a.sim").write_bytes(content)
    (tmp_path / "folder.sim").mkdir()
    (tmp_path / "notes.txt").write_text(RECORD.text())
    corpus.keep(RECORD.text(), RECORD.test)
    assert kept(corpus, "test_a") == [("test_a", 7)]


def test_a_record_that_is_just_being_written_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    seen: list[list[tuple[str, int]]] = []
    move = Path.replace

    def replacing(self: Path, target: Path) -> Path:
        seen.append(kept(corpus, "test_a"))
        return move(self, target)

    monkeypatch.setattr(Path, "replace", replacing)
    corpus.keep(RECORD.text(), RECORD.test)
    corpus.keep(RECORD.text(), RECORD.test)
    assert seen == [[], [("test_a", 7)]]


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()
    for folder, reason in ((file, "File exists"), (file / "below", "Not a directory")):
        kept = Corpus("kvsrv", "theirs", folder).keep(RECORD.text(), RECORD.test)
        assert kept == (None, f"cannot keep the record of test_a, seed 7 in {folder}: {reason}")


def test_a_name_that_is_too_long_for_a_file_is_cut(tmp_path: Path) -> None:
    corpus = Corpus("kvsrv", "theirs", tmp_path)
    kept = corpus.keep(replace(RECORD, test="t" * 300).text(), "t").path
    assert kept is not None
    assert [path for path, _ in corpus.records(["t" * 300])] == [kept]
