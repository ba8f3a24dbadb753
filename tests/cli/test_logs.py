"""The log of a reported run: on the terminal, in a file, and in the full story."""

from pathlib import Path

import pytest

from tests.running import Runner, labtester

__all__ = ["labtester"]

SERVER = """
import logging

from kvsrv.rpc import Err, GetReply, PutReply
from kvsrv.rpc import GetArgs, PutArgs

log = logging.getLogger("kv")


class KVServer:
    def __init__(self) -> None:
        self.table: dict[str, tuple[str, int]] = {}

    def get(self, args: GetArgs) -> GetReply:
        log.debug("get %s", args.key)
        value, version = self.table.get(args.key, ("", 0))
        return GetReply(value, version, Err.OK if version else Err.NO_KEY)

    def put(self, args: PutArgs) -> PutReply:
        log.warning("put %s", args.key, extra={"version": args.version})
        print("printed by", args.key)
        _, version = self.table.get(args.key, ("", 0))
        if args.version != version:
            return PutReply(Err.VERSION if version else Err.NO_KEY)
        self.table[args.key] = (args.value, version + 1)
        return PutReply(Err.OK)
"""
REPLAY = ("replay", "kvsrv", "test_reliable_put", "--seed", "0", "--submission", "loud")


@pytest.fixture
def loud(labtester: Runner) -> Runner:
    """Where a server has been handed in that logs and prints."""
    folder = labtester.folder / "loud" / "kvsrv"
    folder.mkdir(parents=True)
    (folder / "server.py").write_text(SERVER)
    return labtester


def test_without_the_option_nothing_of_the_log_is_shown(loud: Runner) -> None:
    done = loud(*REPLAY)
    assert done.status == 0
    assert "WARNING" not in done.out


def test_lines_have_time_node_level_and_extra_fields(loud: Runner) -> None:
    done = loud(*REPLAY, "--log-level", "warning")
    first, second, *_ = done.out.split("It printed")[0].splitlines()
    assert first.split()[1:] == ["server", "WARNING", "kv:", "put", *first.split()[5:]]
    assert first.endswith("(version=0)")
    assert float(first.split()[0]) >= 0
    assert second.split()[1:4] == ["server", "print", "printed"]
    assert "kv: get" not in done.out
    assert "\x1b[" not in done.out, "NO_COLOR is respected"


def test_the_log_of_one_node_can_be_written_to_a_file(loud: Runner) -> None:
    done = loud(*REPLAY, "--log-file", "run.log", "--log-node", "server")
    text = Path("run.log").read_text()
    assert "DEBUG    kv: get" in text
    assert f"log: run.log, {len(text.splitlines())} lines" in done.err
    done = loud(*REPLAY, "--log-file", "run.log", "--log-node", "nobody")
    assert Path("run.log").read_text() == ""


def test_the_full_story_tells_the_log_in_its_place(loud: Runner) -> None:
    done = loud(*REPLAY, "--full", "--log-level", "DEBUG")
    lines = done.out.splitlines()
    at = next(n for n, line in enumerate(lines) if "KVServer.put(" in line)
    told = [" ".join(line.split()[1:]) for line in lines[at + 1 : at + 3]]
    assert told[0].startswith("server WARNING kv: put")
    assert told[1].startswith("server prints: printed by")


def test_an_unknown_level_is_misuse(loud: Runner) -> None:
    assert "log-level" in loud(*REPLAY, "--log-level", "loud").sentence


def test_a_lab_run_shows_the_logs_of_the_runs_that_it_tells(loud: Runner) -> None:
    server = loud.folder / "loud" / "kvsrv" / "server.py"
    server.write_text(SERVER.replace("version + 1)", "version + 2)"))
    run = ("run", "kvsrv", "--seeds", "1", "--submission", "loud")
    tests = ("--tests", "test_reliable_put,test_put_concurrent_reliable")
    done = loud(*run, *tests, "--log-level", "WARNING", "--log-node", "server")
    assert done.status == 1
    assert "log of test_reliable_put, seed 0:\n\n" in done.out
    assert "log of test_put_concurrent_reliable, seed 0:\n\n" in done.out
    assert "server  WARNING  kv: put" in done.out
    assert "kv: get" not in done.out
    done = loud(*run, *tests, "--log-file", "run.log")
    text = Path("run.log").read_text()
    assert text.startswith("log of test_reliable_put, seed 0:\n")
    assert "server  DEBUG    kv: get" in text
    assert "kv: get" not in done.out
    assert f"log: run.log, {len(text.splitlines()) - 2} lines" in done.err


def test_a_lab_run_that_passes_has_no_log_to_show(loud: Runner) -> None:
    run = ("run", "kvsrv", "--seeds", "1", "--submission", "loud", "--tests", "test_reliable_put")
    done = loud(*run, "--log-level", "DEBUG")
    assert done.status == 0
    assert "log of" not in done.out
