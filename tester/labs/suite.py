"""The simulated tests of a suite, from its module or its file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tester.world.run import Scenario


def tests_of(suite: str) -> dict[str, Scenario]:
    """The scenarios of a suite by their names, in order. `suite`: a module, or `FILE.py`."""
    return {
        name: test.simulation
        for name, test in vars(_module(suite)).items()
        if name.startswith("test_") and hasattr(test, "simulation")
    }


def _module(suite: str) -> ModuleType:
    if not suite.endswith(".py"):
        return importlib.import_module(suite)
    file = Path(suite)
    sys.path.append(str(file.parent))  # for what stands beside it, after everything else
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None  # for it ends in .py
    assert spec.loader is not None
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
