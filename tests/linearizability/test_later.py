"""What a check imports, and that what it has put off works when it comes to be needed."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from linearizability import Ok, Operation, check
from linearizability.later import Later, load
from linearizability.models import MODELS, Enqueue, queue

WHICH = "import sys; print(*[name for name in sys.modules if name.startswith('linearizability.')])"


def imported(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\n{WHICH}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_a_check_imports_the_method_of_its_model_only(tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    history.write_text('{"c":0,"op":"write","v":1,"call":1,"ret":2}\n')
    code = (
        "from linearizability import check\n"
        "from linearizability.formats import read_history\n"
        "from linearizability.models import MODELS\n"
        f"recorded = read_history({str(history)!r}, 'register')\n"
        "check(MODELS['register'], recorded.operations)"
    )
    names = imported(code)
    assert "linearizability.methods.register" in names
    for unused in (
        "methods.queue",
        "methods.kv.decide",
        "explanation.text",
        "explanation.prefix",
        "search",
        "formats.jepsen_edn",
    ):
        assert f"linearizability.{unused}" not in names


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_imports_nothing_more(name: str) -> None:
    code = (
        "import sys\n"
        "from linearizability import Operation, check\n"
        "from linearizability.later import load\n"
        "from linearizability.models import MODELS\n"
        f"load(MODELS[{name!r}])\n"
        "before = set(sys.modules)\n"
        f"check(MODELS[{name!r}], [])\n"
        "assert set(sys.modules) == before, set(sys.modules) - before"
    )
    imported(code)


def test_what_is_put_off_is_the_function_itself() -> None:
    later = Later("linearizability.methods.queue", "decide")
    from linearizability.methods.queue import decide

    assert later.load() is decide
    assert pickle.loads(pickle.dumps(later)).load() is decide


def test_load_takes_anything() -> None:
    load(queue)
    load(object())
    assert isinstance(check(queue, [Operation(0, Enqueue("q", 1), None, call=1, ret=2)]), Ok)
