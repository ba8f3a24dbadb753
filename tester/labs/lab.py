"""What a lab is: the classes it asks of a submission, the tests of them, and the bugs to find."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Final

from tester.labs.patch import Catalogue

COURSE: Final = "course"
OURS: Final = "ours"


@dataclass(frozen=True)
class Method:
    """A method the suite or the network will call."""

    name: str
    parameters: tuple[str, ...] = ()
    """Its positional arguments, besides self, by the names the handout gives them."""
    message: str = ""
    """The argument of an RPC handler, as `module:class`; its reply is below."""
    reply: str = ""


@dataclass(frozen=True)
class Expected:
    """A class of a submission: where it is, how it is built, and what it can do.

    Or a coroutine function, `async def`, with its positional arguments.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    """The positional arguments of its constructor."""
    methods: tuple[Method, ...] = ()
    is_function: bool = False


@dataclass(frozen=True)
class Lab:
    """A lab. Its suite and its catalogue are named here, and imported when they are needed."""

    name: str
    """By which the command line knows it."""
    suite: str
    """The module with its simulated tests, or their `FILE.py`."""
    classes: tuple[Expected, ...]
    """What the suite builds of a submission."""
    bugs: str = ""
    """The module with its `CATALOGUE` of bugs and of correct variants; "" for none."""
    document: str = ""
    """The chapter of the guide about it: "6-raft.md"."""
    course: tuple[str, ...] = ()
    """The tests that are the course's, by name, where the course numbers no parts."""

    def parts(self, test: str) -> tuple[str, ...]:
        """What a test belongs to: `course` or `ours`, and the part in its name, `3c`.

        A part in its name says that it is the course's.
        """
        part = re.findall(r"_(\d[a-z])$", test)
        return (COURSE if part or test in self.course else OURS, *part)

    def points(self, test: str) -> int:
        """What a test is worth where no rubric says it."""
        return 10 if COURSE in self.parts(test) else 5

    @property
    def files(self) -> tuple[str, ...]:
        """The files of a submission that hold these classes: "kvsrv/server.py"."""
        return tuple(dict.fromkeys(f"{cls.module.replace('.', '/')}.py" for cls in self.classes))

    def catalogue(self) -> Catalogue:
        """The bugs its suite must notice, and the correct variants it must let pass."""
        if not self.bugs:
            return Catalogue((), ())
        found: Catalogue = importlib.import_module(self.bugs).CATALOGUE
        return found
