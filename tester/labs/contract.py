"""The contract check: whether a submission has the classes its lab asks for, as they are called.

It finds at once, with file and line, what would otherwise fail every seed of every test.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

from tester.labs.lab import Expected, Lab, Method
from tester.world.signatures import signature_of
from tester.world.submission import BadSubmission, Submission


def check_contract(lab: Lab, submission: Submission, loading: Callable[[str], None]) -> None:
    """Raise BadSubmission unless the submission fits the lab.

    `loading` is called with the name of each module before its import, which may never return.
    """
    for expected in lab.classes:
        loading(expected.module.replace(".", "/") + ".py")
        if expected.is_function:
            _check_function(submission.function(expected.module, expected.name), expected)
            continue
        cls = submission.get(expected.module, expected.name)
        _check_constructor(cls, expected)
        for method in expected.methods:
            _check_method(cls, method)


def _check_function(function: Callable[..., Any], expected: Expected) -> None:
    signature = signature_of(function)
    if not _takes(signature, expected.parameters):
        raise BadSubmission(
            f"{_where(function)}: expected the function "
            f"{expected.name}({', '.join(expected.parameters)}), got parameters "
            f"{_shown(signature)}"
        )


def _check_constructor(cls: type, expected: Expected) -> None:
    try:
        signature = signature_of(cls)
    except (TypeError, ValueError):
        return  # inherited from a class in C: only a call can tell
    if not _takes(signature, expected.parameters):
        init = getattr(cls, "__init__", cls)
        raise BadSubmission(
            f"{_where(init, cls)}: expected the constructor "
            f"{cls.__name__}({', '.join(expected.parameters)}), got parameters {_shown(signature)}"
        )


def _check_method(cls: type, method: Method) -> None:
    name = f"{cls.__name__}.{method.name}"
    wanted = f"{method.name}({', '.join(method.parameters)})"
    function = inspect.getattr_static(cls, method.name, None)
    if not inspect.isfunction(function):
        got = "none" if function is None else type(function).__name__
        raise BadSubmission(f"{_where(cls)}: expected a method {cls.__name__}.{wanted}, got {got}")
    signature = signature_of(function)
    if not _takes(signature, ("self", *method.parameters)):
        raise BadSubmission(
            f"{_where(function)}: expected {cls.__name__}.{wanted}, got parameters "
            f"{_shown(signature)}"
        )
    if method.message:
        _check_messages(function, name, method, list(signature.parameters)[1])


def _check_messages(
    function: Callable[..., Any], name: str, method: Method, parameter: str
) -> None:
    """Check the annotations of an RPC handler, which both sides must agree on."""
    try:
        hints = typing.get_type_hints(inspect.unwrap(function))
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise BadSubmission(
            f"{_where(function)}: {name} has an annotation that its module cannot resolve: "
            f"{error}; import the name there, outside of TYPE_CHECKING"
        ) from None
    for word, wanted in ((parameter, method.message), ("return", method.reply)):
        module, _, cls = wanted.partition(":")
        if word not in hints:
            raise BadSubmission(
                f"{_where(function)}: {name}: expected the annotation {cls} of {module} for "
                f"{word}, got none"
            )
        if hints[word] is not getattr(importlib.import_module(module), cls):
            raise BadSubmission(
                f"{_where(function)}: {name}: expected the annotation {cls} of {module} for "
                f"{word}, got {_spelled(hints[word])}"
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
