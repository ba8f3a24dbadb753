"""What a run changes in other modules, and puts back exactly: names, attributes, items."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import MemberDescriptorType
from typing import Any, Protocol


class Patch(Protocol):
    """Something to change when a run begins and to put back exactly when it ends."""

    def apply(self) -> None: ...

    def undo(self) -> None: ...


_NOTHING = object()


class Names:
    """A few names of one namespace, and what they mean during a run."""

    __slots__ = ("_get", "_names", "_saved", "fakes", "namespace")

    def __init__(self, namespace: dict[str, Any], fakes: dict[str, Any]) -> None:
        self.namespace, self.fakes, self._names = namespace, fakes, tuple(fakes)
        # One C call reads all values.  Naming the first twice makes it a tuple even for one name.
        self._get = operator.itemgetter(*self._names, self._names[0])
        self._saved: tuple[Any, ...] = ()

    def apply(self) -> None:
        self._saved = self._get(self.namespace)
        self.namespace.update(self.fakes)

    def undo(self) -> None:
        self.namespace.update(zip(self._names, self._saved, strict=False))
        self._saved = ()


class Bound(Names):
    """Names that a user's module bound; one that a test has replaced since stays replaced."""

    __slots__ = ("_reals",)

    def __init__(self, namespace: dict[str, Any], fakes: dict[str, Any]) -> None:
        super().__init__(namespace, fakes)
        self._reals = self._get(namespace)

    def apply(self) -> None:
        super().apply()
        if any(map(operator.is_not, self._saved, self._reals)):
            bound = zip(self._names, self._saved, self._reals, strict=False)
            self.namespace.update({name: now for name, now, real in bound if now is not real})


class Namespaces:
    """Names of many namespaces, changed in one go: this happens twice in every run."""

    __slots__ = ("_rows", "_saved")

    def __init__(self, patches: Sequence[Names]) -> None:
        merged: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        for patch in patches:
            merged.setdefault(id(patch.namespace), (patch.namespace, {}))[1].update(patch.fakes)
        self._rows = [
            (namespace, fakes, tuple(fakes), operator.itemgetter(*fakes, next(iter(fakes))))
            for namespace, fakes in merged.values()
        ]
        self._saved: list[tuple[Any, ...]] = []

    def apply(self) -> None:
        self._saved = [get(namespace) for namespace, _, _, get in self._rows]
        for namespace, fakes, _, _ in self._rows:
            namespace.update(fakes)

    def undo(self) -> None:
        for (namespace, _, names, _), saved in zip(self._rows, self._saved, strict=False):
            namespace.update(zip(names, saved, strict=False))
        self._saved.clear()


class Attribute:
    """One attribute of one object (a class, a function, a cell), and its value during a run."""

    __slots__ = ("_fake", "_name", "_owner", "saved")

    def __init__(self, owner: Any, name: str, fake: Any) -> None:
        self._owner, self._name, self._fake = owner, name, fake
        self.saved: Any = _NOTHING

    def apply(self) -> None:
        owner, name = self._owner, self._name
        # A class gives its functions and descriptors changed; its namespace has them as they are.
        self.saved = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
        setattr(owner, name, self._fake)

    def undo(self) -> None:
        if self.saved is not _NOTHING:
            setattr(self._owner, self._name, self.saved)
            self.saved = _NOTHING


class Slot:
    """One slot of one object, which may be frozen."""

    __slots__ = ("_fake", "_of", "_real", "_slot")

    def __init__(self, slot: MemberDescriptorType, of: Any, real: Any, fake: Any) -> None:
        self._slot, self._of, self._real, self._fake = slot, of, real, fake

    def apply(self) -> None:
        if held_in(self._slot, self._of) is self._real:
            self._slot.__set__(self._of, self._fake)

    def undo(self) -> None:
        if held_in(self._slot, self._of) is self._fake:
            self._slot.__set__(self._of, self._real)


class Added:
    """Class methods that a class has during a run, in the place of those it inherits."""

    __slots__ = ("_methods", "_owner")

    def __init__(self, owner: type, methods: dict[str, Any]) -> None:
        self._owner = owner
        self._methods = {name: m for name, m in methods.items() if name not in vars(owner)}

    def apply(self) -> None:
        for name, method in self._methods.items():
            setattr(self._owner, name, method)

    def undo(self) -> None:
        for name, method in self._methods.items():
            if vars(self._owner).get(name) is method:
                delattr(self._owner, name)


class Items:
    """Items of one container: what a run replaces is put back, wherever it is by then."""

    __slots__ = ("_container", "_fakes")

    def __init__(self, container: Any, fakes: list[tuple[Any, Any]]) -> None:
        self._container, self._fakes = container, fakes

    def apply(self) -> None:
        for real, fake in self._fakes:
            self._replace(real, fake)

    def undo(self) -> None:
        for real, fake in self._fakes:
            self._replace(fake, real)

    def _replace(self, old: Any, new: Any) -> None:
        held = self._container
        if isinstance(held, dict):
            for key in [key for key, value in held.items() if value is old]:
                held[key] = new
        elif isinstance(held, set):
            if old in held:
                held.remove(old)
                held.add(new)
        else:
            for at, value in enumerate(held):
                if value is old:
                    held[at] = new


def held_in(slot: MemberDescriptorType, value: Any) -> Any:
    """What an object holds in one of its slots; None if that is not set."""
    try:
        return slot.__get__(value)
    except AttributeError:
        return None
