"""What can happen to a node: pauses, wrong clocks, slow disks, ill-timed crashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labrpc.errors import TesterError
from tester.engine.node import Event
from tester.engine.scheduler import Place
from tester.world import trap
from tester.world.disk import SYNC_US, Store
from tester.world.host import OnDisk
from tester.world.probe import OnProbe

if TYPE_CHECKING:
    from tester.world.simulation import Simulation


class Mishaps:
    """The part of a node of the run that things happen to: see `tester.world.cluster.Member`."""

    place: Place
    down: bool

    def __init__(self, name: str, sim: Simulation) -> None:
        self.name = name
        self.sim = sim
        self.paused = False
        self.store = Store()
        """What is on its disk."""
        self._clock = 0, 0
        self._traps: list[Callable[[], None]] = []

    def crash(self, lost_writes: int = 0) -> None:
        """Take the node down."""
        raise NotImplementedError

    def restart(self) -> None:
        """Start it anew."""
        raise NotImplementedError

    def crash_in_handler(
        self, lost: int = 0, told: Callable[[int], None] = lambda rpc: None
    ) -> Callable[[], None]:
        """Crash when a handler is next about to answer: it has run, and nobody is told.

        What the node wrote or sent in that step is out already, but for the last `lost` of it.
        `told` learns which RPC it was. Returns what calls the crash off, if it is not too late.
        """
        place = self.place

        def sprung(rpc: int) -> None:
            self.sim.after(0, lambda: self._die_handling(place, rpc, told))

        call_off = trap.before_answer(place, lost, sprung)
        self._traps.append(call_off)
        return call_off

    def _die_handling(self, place: Place, rpc: int, told: Callable[[int], None]) -> None:
        if self.place is place and not self.down:
            told(rpc)
            self._note("cut short", rpc)
            self.crash()

    def pause(self) -> None:
        """Let the node stand still: what arrives waits, and its timers will be late.

        Operations on it raise NodeDown and stay open; it goes on with them when it resumes.
        """
        if self.down or self.paused:
            return
        self.paused = True
        self._note("pause")
        self.place.suspend()
        self.sim.border.node_went_down(self)

    def resume(self) -> None:
        """Let the node go on after a pause."""
        if self.paused:
            self._note("resume")
            self._wake()

    def _wake(self) -> None:
        if self.paused:
            self.paused = False
            self.place.thaw()

    def skew(self, ahead_ms: int = 0, drift_ppm: int = 0) -> None:
        """Set the node's clocks wrong, until they are set again; without arguments, right.

        Its wall clock is so many milliseconds ahead of the others', or behind. All its clocks,
        and the timers it sets from now on, are fast by so many microseconds a second, or slow.
        """
        if drift_ppm <= -1_000_000:
            raise TesterError(f"a clock that drifts by {drift_ppm} ppm stands still or runs back")
        if self._clock != (ahead_ms, drift_ppm):
            self._clock = ahead_ms, drift_ppm
            self._note("skew", ahead_ms, drift_ppm)
            self._set_clock()

    def _set_clock(self) -> None:
        ahead_ms, drift_ppm = self._clock
        self.place.put(("skew", ahead_ms * 1_000, drift_ppm))

    def slow_disk(self, extra_ms: int = 0) -> None:
        """Have each sync of its disk take so much longer, from now on; 0: no longer than usual."""
        latency_us = SYNC_US + extra_ms * 1_000
        if self.store.latency_us != latency_us:
            self.store.latency_us = latency_us
            self._note("slow disk", extra_ms)

    def heal(self) -> None:
        """Have the node up, running and in step, whatever is wrong with it or is yet to be."""
        self.call_off()
        if self.down:
            self.restart()
        self.resume()
        self.skew()
        self.slow_disk()

    def call_off(self) -> None:
        """Have no crash in a handler any more."""
        for call_off in self._traps:
            call_off()
        self._traps.clear()

    @property
    def disk(self) -> OnDisk:
        """The disk of this node, for a factory's arguments: see `tester.world.disk.Disk`."""
        return OnDisk(self.name)

    @property
    def probe(self) -> OnProbe:
        """A probe of this node, for a factory's arguments: see `tester.world.probe.Probe`."""
        return OnProbe(self.name)

    def from_disk(self, place: Place, event: Event) -> None:
        """Take the node's ("write", files) or ("sync", number); of a dead incarnation, neither."""
        if self.place is not place or self.down:
            return
        if event[0] == "write":
            self.store.write(event[1])
            return
        written = self.store.sync()
        self.sim.after(self.store.latency_us, lambda: self._synced(place, written, event[1]))

    def _synced(self, place: Place, written: int, number: int) -> None:
        if self.place is place and not self.down:
            self.store.flush(written)
            place.put(("synced", number))

    def _recover(self) -> None:
        """What a new incarnation finds: its disk, and clocks that are as wrong as before."""
        if files := self.store.files():
            self.place.put(("disk", files))
        if any(self._clock):
            self._set_clock()

    def _note(self, *event: Any) -> None:
        kind, *rest = event
        self.sim.trace.add((self.sim.virtual_us, kind, self.name, *rest))
