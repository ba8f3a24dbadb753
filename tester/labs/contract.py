"""The contract check: a submission has the classes its lab asks for, built and called as agreed.

It finds in a moment, and with file and line, what would otherwise fail every seed of every test.
What only a run can show stays for the run.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

from tester.labs.lab import Expected, Lab, Method
from tester.world.submission import BadSubmission, Submission


def check(lab: Lab, submission: Submission, loading: Callable[[str], None]) -> None:
    """Raise BadSubmission unless the submission fits the lab.

    `loading` is told the name of each module before it is imported: an import may never return.
    """
    for expected in lab.classes:
        loading(expected.module.replace(".", "/") + ".py")
        cls = submission.get(expected.module, expected.name)
        _check_constructor(cls, expected)
        for method in expected.methods:
            _check_method(cls, method)


def _check_constructor(cls: type, expected: Expected) -> None:
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return  # inherited from a class in C: nobody can tell before it is called
    if not _takes(signature, expected.parameters):
        init = getattr(cls, "__init__", cls)
        raise BadSubmission(
            f"{_where(init, cls)}: {cls.__name__} is built by "
            f"{cls.__name__}({', '.join(expected.parameters)}), but it takes {_shown(signature)}"
        )


def _check_method(cls: type, method: Method) -> None:
    name = f"{cls.__name__}.{method.name}"
    wanted = f"{method.name}({', '.join(method.parameters)})"
    function = inspect.getattr_static(cls, method.name, None)
    if not inspect.isfunction(function):
        what = "has no method" if function is None else "has something that is not a method called"
        raise BadSubmission(f"{_where(cls)}: {cls.__name__} {what} {method.name}; define {wanted}")
    signature = inspect.signature(function)
    if not _takes(signature, ("self", *method.parameters)):
        raise BadSubmission(
            f"{_where(function)}: {name} is called as {wanted}, but it takes {_shown(signature)}"
        )
    if method.message:
        _check_messages(function, name, method, list(signature.parameters)[1])


def _check_messages(
    function: Callable[..., Any], name: str, method: Method, parameter: str
) -> None:
    """An RPC handler says by its annotations what travels, and both sides must agree on it."""
    try:
        hints = typing.get_type_hints(inspect.unwrap(function))
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise BadSubmission(
            f"{_where(function)}: {name} has an annotation that its module cannot resolve: "
            f"{error}; import the name there, and not under TYPE_CHECKING"
        ) from None
    for word, wanted in ((parameter, method.message), ("return", method.reply)):
        module, _, cls = wanted.partition(":")
        if word not in hints:
            raise BadSubmission(
                f"{_where(function)}: {name} does not annotate {word}; annotations say what "
                f"travels, and here it is {cls} of {module}"
            )
        if hints[word] is not getattr(importlib.import_module(module), cls):
            raise BadSubmission(
                f"{_where(function)}: {name} annotates {word} as {_spelled(hints[word])}, but the "
                f"lab's message is {cls} of {module}"
            )


def _takes(signature: inspect.Signature, arguments: tuple[str, ...]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def _shown(signature: inspect.Signature) -> str:
    """The parameters as their author wrote them, without self, annotations and defaults."""
    prefixes: dict[Any, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    names = [
        prefixes.get(parameter.kind, "") + parameter.name
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return f"({', '.join(names)})"


def _spelled(annotation: Any) -> str:
    if inspect.isclass(annotation):
        return f"{annotation.__qualname__} of {annotation.__module__}"
    return str(annotation)


def _where(*candidates: Any) -> str:
    """`file:line` of the first of these whose source is at hand."""
    for thing in candidates:
        try:
            _, line = inspect.getsourcelines(thing)
        except (OSError, TypeError):
            continue
        return f"{inspect.getsourcefile(thing)}:{line}"
    return str(getattr(candidates[-1], "__module__", candidates[-1]))
