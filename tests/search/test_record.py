"""Records: written and read; what is broken is refused in a sentence."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester import simulate
from tester.engine.choices import Choices, Seeded
from tester.engine.schedule import SCHEDULES
from tester.search.again import code_digest
from tester.search.record import BadRecord, Record, file_name, load, parse
from tester.search.shrink import trimmed
from tester.world.failure import NotLinearizable
from tester.world.run import Scenario, run
from tests.search import planted

CHOICES = st.dictionaries(st.text(max_size=5), st.lists(st.integers(0, 2**70), max_size=6))
RECORDS = st.builds(
    Record,
    **dict.fromkeys(["lab", "test", "submission", "kind", "python", "labtester"], st.text()),
    seed=st.integers(0, 2**128 - 1),
    digest=st.text(),
    code=st.text(),
    choices=CHOICES,
    schedule=st.sampled_from(sorted(SCHEDULES)),
)

certain_put = simulate(network=planted.LOSSY)(planted.one_put)
TESTED: Scenario = certain_put.simulation


@pytest.fixture(scope="module")
def record() -> Record:
    """The record of a seed that fails, made small."""
    return planted.recorded(TESTED, lab="mine", test="certain_put", submission="theirs")


# -- text ---------------------------------------------------------------------------------------


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    again = parse(record.text(), Path("x.sim"))
    assert trimmed(again.choices) == trimmed(record.choices)
    assert replace(again, choices=record.choices) == record


def test_a_record_is_json_with_only_the_choices_that_are_not_zero(record: Record) -> None:
    found = json.loads(record.text())
    assert (found["lab"], found["test"], found["submission"]) == ("mine", "certain_put", "theirs")
    assert (found["kind"], found["seed"]) == ("NotLinearizable", record.seed)
    assert found["choices"] == {"net/c0": {"7": 1}}
    assert found["code"] == code_digest(TESTED)
    assert record.text().endswith("}\n")


def test_as_a_test_it_fails_as_the_seed_did(record: Record) -> None:
    source = record.as_test(__name__, "certain_put")
    found: dict[str, Any] = {}
    exec(source, found)
    with pytest.raises(NotLinearizable):
        found[f"certain_put_as_in_seed_{record.seed}"]()


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("kvsrv", "test_basic", 7), "kvsrv-test_basic-7.sim"),
        (("", "tests/test_a.py::test_b[x y]", 0), "tests_test_a.py__test_b_x_y_-0-DIGEST.sim"),
        (("l", "../../etc", 1), "l-.._.._etc-1-DIGEST.sim"),
        (("kvsrv", "test_basic", 7, "class/ann"), "kvsrv-test_basic-7-class_ann-DIGEST.sim"),
        (("kvsrv", "test_basic", 7, "./theirs/"), "kvsrv-test_basic-7-theirs.sim"),
        (("kvsrv", "test_basic", 7, "."), "kvsrv-test_basic-7-_here.sim"),
        (("kvsrv", "test_basic", 7, "", "random"), "kvsrv-test_basic-7.sim"),
        (("kvsrv", "test_basic", 7, "theirs", "fifo"), "kvsrv-test_basic-7-fifo-theirs.sim"),
    ],
)
def test_a_file_name_has_nothing_in_it_that_a_shell_minds(
    parts: tuple[Any, ...], name: str
) -> None:
    assert re.sub("-[0-9a-f]{16}", "-DIGEST", file_name(*parts)) == name


def test_names_that_look_alike_once_they_are_safe_stay_different() -> None:
    tests = ("a.py::test[x/y]", "a.py::test[x y]", "a.py::test[x_y]", "a/py::test[x_y]")
    assert len({file_name("", test, 0) for test in tests}) == 4


def test_a_long_file_name_is_cut_and_stays_unique() -> None:
    one, other = (file_name("", "test" + "x" * 300 + end, 0) for end in "ab")
    assert one != other
    assert max(len(one), len(other)) < 200


def test_a_record_is_saved_alone_and_replaces_itself(record: Record, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    path = record.save(folder)
    assert path == folder / f"mine-certain_put-{record.seed}-theirs.sim"
    assert replace(record, kind="Another").save(folder) == path
    assert list(folder.iterdir()) == [path]
    assert load(path).kind == "Another"


def test_a_save_that_fails_leaves_what_was_there(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record.save(tmp_path)

    def full(self: Path, target: Path) -> Path:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        replace(record, kind="Another").save(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    assert load(path) == record


# -- broken files -------------------------------------------------------------------------------


def broken(**changes: Any) -> str:
    """A good record with some fields changed; a field that becomes None is left out."""
    good: dict[str, Any] = dict.fromkeys(
        ["lab", "test", "submission", "kind", "digest", "code", "python", "labtester"], ""
    )
    fields = good | {"seed": 1, "schedule": "random", "choices": {}} | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def test_the_record_that_the_broken_ones_are_made_of_is_good() -> None:
    assert parse(broken(), Path("x.sim")).seed == 1


A_CHOICE = "is not a record: expected an index and an integer >= 0 in 'a', got"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is not JSON: "),
        (f'{{"seed": {"9" * 5_000}}}', "is not JSON: "),
        ("{'lab': 1}", "is not JSON"),
        (broken()[:-5], "is not JSON"),
        ("[" * 100_000, "is not a record: it is nested too deeply"),
        ("[]", "is not a record: expected a JSON object"),
        ("7", "is not a record: expected a JSON object"),
        (broken(lab=None), "is not a record: expected 'lab' of type str"),
        (broken(kind=7), "is not a record: expected 'kind' of type str"),
        (broken(seed="7"), "is not a record: expected 'seed' of type int"),
        (broken(seed=True), "is not a record: expected 'seed' of type int"),
        (broken(schedule=None), "is not a record: expected 'schedule' of type str"),
        (broken(schedule="x"), "expected 'schedule' to be one of fifo, random, got 'x'"),
        (broken(choices=None), "is not a record: expected 'choices' to be an object"),
        (broken(choices=[1]), "is not a record: expected 'choices' to be an object"),
        (
            broken(choices={"a": [1]}),
            "is not a record: expected the choices of 'a' to be an object",
        ),
        (broken(choices={"a": {"x": 1}}), f"{A_CHOICE} 'x': 1"),
        (broken(choices={"a": {"-1": 1}}), f"{A_CHOICE} '-1': 1"),
        (broken(choices={"a": {"999999999": 1}}), f"{A_CHOICE} '999999999': 1"),
        (broken(choices={"a": {"99999999": 1}}), "expected at most 10000000 choices, got more"),
        (
            broken(choices={"a": {"6000000": 1}, "b": {"6000000": 1}}),
            "at most 10000000 choices, got more",
        ),
        (broken(seed=-1), "is not a record: expected 'seed' in [0, 2**128)"),
        (broken(seed=2**128), "is not a record: expected 'seed' in [0, 2**128)"),
        (
            broken(submission="\ud800"),
            "is not a record: expected 'submission' to be valid Unicode",
        ),
        (broken(choices={"a": {"1": -1}}), f"{A_CHOICE} '1': -1"),
        (broken(choices={"a": {"1": True}}), f"{A_CHOICE} '1': True"),
        (broken(choices={"a": {"1": 1.5}}), f"{A_CHOICE} '1': 1.5"),
    ],
)
def test_what_is_no_record_is_refused_in_a_sentence(text: str, wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.sim"
    path.write_text(text)
    assert wrong in refusal(path)


def test_a_file_that_is_no_text_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "binary.sim"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path) == f"{path} is not a record: expected UTF-8 text, got bytes"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.sim").endswith("cannot be read: No such file or directory")
    assert refusal(tmp_path).endswith("cannot be read: Is a directory")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_device_is_no_record(device: str) -> None:
    if not Path(device).exists():
        pytest.skip("needs the device")
    assert refusal(Path(device)).endswith("expected a file, got a device or a pipe")


def test_a_pipe_is_no_record_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sim")
    assert refusal(tmp_path / "pipe.sim").endswith("expected a file, got a device or a pipe")


def test_a_huge_file_is_no_record_and_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.sim"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert refusal(path).endswith("expected at most 67108864 bytes, got more")


def refusal(path: Path) -> str:
    with pytest.raises(BadRecord) as refused:
        load(path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path} ")
    assert "\n" not in sentence
    return sentence


def test_the_seed_of_the_record_is_the_one_that_failed(record: Record) -> None:
    assert run(TESTED, Choices(Seeded(record.seed))).kind == record.kind
