"""A process is stuck by the CPU time that it uses, growing by its memory, or waits too long."""

import os

import pytest

from tester.workers import watchdog as module
from tester.workers.processes import Process
from tester.workers.watchdog import FENCE, OURS, Finding, Watchdog

PID, CHILD = 7, 8
MIB = 1 << 20


class Machine:
    """Processes whose use of CPU time and memory a test sets."""

    def __init__(self) -> None:
        self.cpu = {PID: 5.0, CHILD: 1.0}
        self.resident = {PID: 50 * MIB, CHILD: 50 * MIB}

    def processes(self) -> dict[int, Process]:
        return {
            pid: Process(
                pid, PID if pid == CHILD else 1, pid, cpu, self.resident[pid], ended=False
            )
            for pid, cpu in self.cpu.items()
        }


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(module, "processes", made.processes)
    return made


def looks(watchdog: Watchdog, machine: Machine, *, cpu: float, pid: int = PID) -> list[Finding]:
    """What is found in 5 s of real time, in each of which the process uses so much CPU time."""
    found = []
    for _ in range(50):
        machine.cpu[pid] += cpu / 10
        if (one := watchdog.look(0.1, 3)) is not None:
            found.append(one)
    return found


def test_a_loop_is_found_by_its_cpu_time(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    assert looks(watchdog, machine, cpu=1.0)[0] is Finding.BUSY
    assert (watchdog.allowed_s, watchdog.busy[0]) == (3, PID)


def test_on_a_busy_machine_a_run_is_not_stuck_for_that(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    assert looks(watchdog, machine, cpu=0.5) == []


def test_what_was_used_before_does_not_count(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    for _ in range(9):
        for _ in range(20):
            machine.cpu[PID] += 0.1
            assert watchdog.look(0.1, 3) is None
        watchdog.heard()


def test_an_isolated_node_counts_with_its_worker(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    assert looks(watchdog, machine, cpu=1.0, pid=CHILD)[0] is Finding.BUSY
    assert watchdog.busy[0] == CHILD


def test_what_uses_no_time_ends_at_the_fence(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    found = [watchdog.look(0.5, 3) for _ in range(2 * 3 * FENCE)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] is Finding.WAITING
    assert watchdog.allowed_s == 3 * FENCE


def test_what_takes_memory_is_growing(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    watchdog.look(0.6, 3)
    machine.cpu[PID] += 3
    machine.resident[PID] += 63 * MIB
    assert watchdog.look(0.6, 3) is Finding.BUSY
    machine.resident[PID] += 2 * MIB
    assert watchdog.look(0.6, 3) is Finding.GROWING


def test_our_own_work_is_granted_more_time_once(machine: Machine) -> None:
    watchdog = Watchdog(PID)
    watchdog.look(0.6, 3)
    machine.cpu[PID] += 3
    assert watchdog.look(0.6, 3) is Finding.BUSY
    assert watchdog.is_ours()
    assert watchdog.look(0.6, 3) is None
    machine.cpu[PID] += 3 * OURS
    assert watchdog.look(0.6, 3) is Finding.BUSY
    assert not watchdog.is_ours()


def test_a_process_is_squeezed_once_and_not_if_it_has_gone(machine: Machine) -> None:
    ended = os.fork()
    if not ended:
        os._exit(0)
    os.waitpid(ended, 0)
    watchdog = Watchdog(ended)
    assert not watchdog.squeeze()
    assert not watchdog.squeeze()
