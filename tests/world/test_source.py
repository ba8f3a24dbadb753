"""The source is what runs; one that is no text is named with the line, whoever imported it."""

import importlib.util
import py_compile
from pathlib import Path

import pytest

from tester.world.source import check_text
from tests.world.test_submission import GET, SERVER, loaded

LATIN = b"# -*- coding: latin-1 -*-\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1\n",
        "x = 'µ'\n".encode(),
        LATIN + b"x = '\xe4'\n",
        b"\n# vim: set fileencoding=latin-1 :\n# \xe4\n",
        b"\xef\xbb\xbfx = 1\n",
        b"#!/bin/sh\n# coding=utf-8\n",
    ],
)
def test_what_is_text_passes(data: bytes) -> None:
    check_text("a.py", data)
    compile(data, "a.py", "exec")


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"x = 1\n\ny = 2\0\n", 3, "it holds a NUL byte"),
        (b"# caf\xe9\n", 1, "the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"x = 1\n\n# caf\xe9\n", 3, "the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"x = '\xff'", 1, "the byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"\n# coding: ascii\n# \xe4", 3, "the byte 0xe4 is not ascii; save the file as UTF-8"),
        (b"\n# coding: nosuch\n", 2, "there is no encoding 'nosuch'"),
        (b"\n# coding: undefined\n", 2, "the encoding 'undefined': "),
        (b"x = 1\n# coding: latin-1\n# \xe4", 3, "the byte 0xe4 is not UTF-8; save the file as"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, line: int, message: str) -> None:
    with pytest.raises(SyntaxError) as refused:
        check_text("a.py", data)
    assert (refused.value.filename, refused.value.lineno) == ("a.py", line)
    assert refused.value.msg.startswith(message)


@pytest.mark.parametrize("importer", ["kvsrv.client", "kvsrv.mine.deep", "helper", "own.part"])
@pytest.mark.parametrize("bad", [b"x = 1\n\ny\0 = 2", b"x = 1\n\n# \xe9"])
def test_the_file_at_fault_is_named_and_not_the_one_that_imports_it(
    tmp_path: Path, importer: str, bad: bytes
) -> None:
    place = tmp_path / "theirs" / f"{importer.replace('.', '/')}.py"
    place.parent.mkdir(parents=True)
    place.write_bytes(bad)
    said = loaded(tmp_path, GET, {"kvsrv/server.py": f"import {importer}\n{SERVER}"})
    assert said.startswith(f"./theirs/{importer.replace('.', '/')}.py:3: ")
    assert said.endswith("; the file is not Python")


def compiled(source: Path, text: str, to: Path) -> None:
    """Write what a file of this text compiles to, with the word not to compare it with any."""
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(to), doraise=True, invalidation_mode=unchecked)


@pytest.mark.parametrize(
    "module", ["kvsrv.more", "kvsrv.mine.deep", "helper", "own.part", "own", "kvsrv.mine"]
)
def test_the_source_runs_and_not_what_it_was_compiled_to(tmp_path: Path, module: str) -> None:
    name = module.replace(".", "/") + (
        "/__init__.py" if module in {"own", "kvsrv.mine"} else ".py"
    )
    place = tmp_path / "theirs" / name
    compiled(place, "X = 'compiled'\n", Path(importlib.util.cache_from_source(str(place))))
    files = {name: "X = 'the source'\n", "kvsrv/server.py": f"from {module} import X\n{SERVER}"}
    code = (
        "print(current().get('kvsrv.server', 'KVServer') and __import__('kvsrv.server').server.X)"
    )
    assert loaded(tmp_path, code, files) == "the source"


@pytest.mark.parametrize("module", ["kvsrv.mine", "helper", "own.part"])
def test_a_module_without_a_source_is_refused(tmp_path: Path, module: str) -> None:
    place = tmp_path / "theirs" / f"{module.replace('.', '/')}.py"
    compiled(place, "X = 1\n", place.with_suffix(".pyc"))
    place.unlink()
    said = loaded(tmp_path, GET, {"kvsrv/server.py": f"import {module}\n{SERVER}"})
    assert f"expected the source of {module}, got compiled code: " in said
