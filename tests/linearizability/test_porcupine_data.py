"""Every file of Porcupine's test data has the verdict that Go Porcupine gives it."""

import re
from pathlib import Path

import pytest

from linearizability import Illegal, Ok, check
from linearizability.formats import read_history
from linearizability.models import cas_register, kv_append
from tests.linearizability.oracle import assert_prefix, assert_real_time
from tests.tree import ROOT

DATA = ROOT.parent / "shared" / "data" / "porcupine"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="Porcupine's test data is not beside this repository"
)

# Configurations visited, which no machine changes.
CONFIGURATIONS = {
    "c01-ok": 0,
    "c10-ok": 189,
    "c50-ok": 21_850,
    "002": 527,
    "018": 27,
    "038": 22,
    "048": 31,
    "056": 35,
    "076": 27,
    "080": 35,
    "092": 31,
    "098": 27,
    "100": 27,
    "102": 26,
}


@pytest.mark.parametrize("name", ["c01-ok", "c01-bad", "c10-ok", "c10-bad", "c50-ok"])
def test_key_value_logs(name: str) -> None:
    recorded = read_history(DATA / "kv" / f"{name}.txt", "kv-append", "porcupine-kv")
    verdict = check(kv_append, recorded.operations, all_partitions=name != "c50-ok")
    assert isinstance(verdict, Ok if name.endswith("ok") else Illegal)
    if isinstance(verdict, Ok):
        assert verdict.configurations == CONFIGURATIONS[name]
        assert_real_time(verdict.witness())
    else:
        for partition in verdict.partitions:
            assert len(partition.core) <= 12
            assert_prefix(kv_append, partition.operations, partition.prefix)


def expected_etcd() -> dict[str, str]:
    """The table of verdicts in the README beside the logs."""
    text = (DATA / "README.md").read_text() if DATA.is_dir() else ""
    return dict(re.findall(r"\| (\d{3}) \| \d+ \| \d+ \| \**(Ok|Illegal)\**", text))


@pytest.mark.parametrize(("number", "expected"), expected_etcd().items())
def test_etcd_logs(number: str, expected: str) -> None:
    path = DATA / "jepsen" / f"etcd_{number}.log"
    recorded = read_history(path, "cas-register", "jepsen-etcd")
    verdict = check(cas_register, recorded.operations)
    assert type(verdict).__name__ == expected
    if isinstance(verdict, Ok):
        assert verdict.configurations == CONFIGURATIONS[number]
        assert_real_time(verdict.witness())
        assert verdict.partitions[0].steps()


def test_every_file_is_looked_at() -> None:
    logs = {path.stem.removeprefix("etcd_") for path in (DATA / "jepsen").iterdir()}
    assert logs == set(expected_etcd())
    assert len(logs) == 52
    assert len(list((DATA / "kv").iterdir())) == 5


def test_the_core_of_an_etcd_log_is_small() -> None:
    path: Path = DATA / "jepsen" / "etcd_000.log"
    verdict = check(cas_register, read_history(path, "cas-register", "jepsen-etcd").operations)
    assert isinstance(verdict, Illegal)
    assert len(verdict.headline.core) <= 8
    assert_prefix(cas_register, verdict.headline.operations, verdict.headline.prefix)
