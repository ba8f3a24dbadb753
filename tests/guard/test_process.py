"""What a process keeps for itself is left as it was by a run, or the run fails with the line."""

import copyreg
import csv
import decimal
import gc
import locale
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kvsrv import GetArgs, GetReply, KVServer
from tester import SharedState, Simulation
from tester.guard.process import Settings
from tests.world.lab import once

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Makes a module of a user of a text; what it does to the process is undone at the end."""
    limit, path, precision = sys.getrecursionlimit(), [*sys.path], decimal.DefaultContext.prec
    place = locale.setlocale(locale.LC_ALL)
    field, interval, size = csv.field_size_limit(), sys.getswitchinterval(), threading.stack_size()
    thresholds, callbacks, reducers = (
        gc.get_threshold(),
        [*gc.callbacks],
        {**copyreg.dispatch_table},
    )

    def load(text: str) -> ModuleType:
        file = tmp_path / "mine.py"
        file.write_text(text)
        module = ModuleType("mine")
        module.__file__ = str(file)
        exec(compile(text, str(file), "exec"), vars(module))
        return module

    with warnings.catch_warnings():
        yield load
    sys.setrecursionlimit(limit)
    sys.path[:] = path
    decimal.DefaultContext.prec = precision
    locale.setlocale(locale.LC_ALL, place)
    csv.field_size_limit(field)
    sys.setswitchinterval(interval)
    threading.stack_size(size)
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    sys.set_coroutine_origin_tracking_depth(0)
    sys.set_asyncgen_hooks(None, None)
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(reducers)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import sys\ndef act(): sys.setrecursionlimit(4321)", "the recursion limit"),
        ("import sys\ndef act(): sys.path.append('x')", "sys.path"),
        ("import warnings\ndef act(): warnings.simplefilter('ignore')", "the filters of warnings"),
        ("import locale\ndef act(): locale.setlocale(locale.LC_ALL, 'C')", "the locale"),
        (
            "import decimal\ndef act(): decimal.DefaultContext.prec = 3",
            "the default context of decimals",
        ),
        ("import csv\ndef act(): csv.field_size_limit(9)", "the longest field of csv"),
        ("import sys\ndef act(): sys.setswitchinterval(1)", "the switch interval of threads"),
        (
            "import threading\ndef act(): threading.stack_size(1 << 20)",
            "the stack size of threads",
        ),
        ("import gc\ndef act(): gc.set_threshold(7)", "the thresholds of the garbage collector"),
        ("import gc\ndef act(): gc.callbacks.append(print)", "the callbacks of the garbage"),
        (
            "import sys\ndef act(): sys.set_coroutine_origin_tracking_depth(3)",
            "the tracking of coroutines",
        ),
        (
            "import sys\ndef act(): sys.set_asyncgen_hooks(firstiter=print)",
            "the hooks of asynchronous generators",
        ),
        (
            "import copyreg\ndef act(): copyreg.pickle(type(act), str)",
            "the registry of copyreg",
        ),
    ],
)
def test_a_setting_that_changes_is_told_with_its_line(load: Load, text: str, what: str) -> None:
    if what == "the locale" and locale.setlocale(locale.LC_ALL) == "C":
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
    module = load(text)
    settings = Settings()
    assert settings.changed([module]) == []
    module.act()
    [change] = settings.changed([module])
    assert change.name.startswith(what)
    assert (change.file, change.line) == (module.__file__, 2)
    assert change.sentence.startswith(f"{what}")


def test_what_a_library_changes_is_not_the_users_doing(load: Load) -> None:
    module = load("X = 1")
    settings = Settings()
    warnings.simplefilter("ignore")
    assert settings.changed([module]) == []


def test_what_is_put_back_has_not_changed(load: Load) -> None:
    module = load("import sys\ndef act(): sys.setrecursionlimit(4321)")
    settings, limit = Settings(), sys.getrecursionlimit()
    module.act()
    sys.setrecursionlimit(limit)
    assert settings.changed([module]) == []


class Deeper(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        return super().get(args)


def test_a_run_that_changes_one_fails() -> None:
    async def ask(sim: Simulation) -> None:
        sim.serve(Deeper)
        await sim.clerk().get("k")

    limit = sys.getrecursionlimit()
    try:
        outcome = once(ask)
    finally:
        sys.setrecursionlimit(limit)
    assert outcome.leaked_state
    assert "the recursion limit" in outcome.leaked_state[0].sentence
    assert isinstance(outcome.error, SharedState) or outcome.leaked_state[0].module == __name__
