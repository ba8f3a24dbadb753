"""The signatures of functions under test, without resolving the names in their annotations.

Since CPython 3.14 (PEP 649) annotations are evaluated only when somebody asks for them, so a name
that is imported under TYPE_CHECKING alone is legal there, and asking for its value raises.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    import annotationlib


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature; raises TypeError or ValueError as `inspect.signature` does."""
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)
