"""A sequential specification as a small record of functions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import FunctionType
from typing import Any

from linearizability.decision import Case
from linearizability.operation import OPEN, Operation

State = Any
Method = Callable[[Iterable[Operation]], list[Case]]


_input_of = attrgetter("input")


def _itself(state: State) -> Hashable:
    return state  # type: ignore[no-any-return]


def _never(input: Any, output: Any) -> bool:
    return False


def _describe_operation(input: Any, output: Any) -> str:
    return f"{input!r} -> {'?' if output is OPEN else repr(output)}"


def _why_not(state: State, input: Any, output: Any) -> str:
    return f"{_describe_operation(input, output)} is impossible in state {state!r}"


_ARGUMENTS = {
    "init": (),
    "step": ("state", "input", "output"),
    "key": ("state",),
    "read_only": ("input", "output"),
    "describe_operation": ("input", "output"),
    "describe_state": ("state",),
    "partition": ("input",),
    "why_not": ("state", "input", "output"),
    "indefinite": ("input", "output"),
    "fold": ("operations",),
    "method": ("history",),
    "wrong_input": ("input",),
}
_VARIABLE = 0x04
"""The flag of a function that takes any number of arguments; `inspect` is dear to import."""
_OPTIONAL = ("partition", "why_not", "indefinite", "fold", "method", "wrong_input")


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with so many arguments; of other callables nobody asks."""
    if type(function) is not FunctionType:
        return True
    code = function.__code__
    least = code.co_argcount - len(function.__defaults__ or ())
    return least <= count and (count <= code.co_argcount or bool(code.co_flags & _VARIABLE))


def _are_swapped(legal: Any, state: State) -> bool:
    """Whether step returned (next state, legal)."""
    return type(legal) is not bool and type(state) is bool


def _are_states(found: Any) -> bool:
    """Whether something can be all states that a nondeterministic object may be in."""
    if isinstance(found, tuple) and len(found) == 2 and type(found[0]) is bool:
        return type(found[1]) is bool  # otherwise it is (legal, next state)
    return isinstance(found, Iterable) and not isinstance(found, str | bytes)


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """What a sequential object allows; every function must be pure.

    init() is the first state. step(state, input, output) gives (legal, next state); for an open
    operation `output` is `OPEN`, and the step is what the operation does whenever it takes effect
    (a compare-and-set that finds another value changes nothing): it must allow whatever any reply
    to this input allows. Operations with equal inputs of one type and equal outputs must step
    alike.

    With `nondeterministic`, init() gives all possible first states and step gives all possible
    next states, none meaning illegal.

    key(state) identifies a state by something hashable; the default is the state itself.
    partition(input) names the independent object an operation is about; None: there is only one.

    read_only(input, output) declares that for *every* state the step is illegal or leaves the
    state as it is. It makes searches much shorter. Declaring it for an operation that is a no-op
    only in some states gives wrong verdicts.

    why_not(state, input, output) says why a step is illegal ("cannot read 3: it holds 0").

    indefinite(input, output) declares replies that leave open whether the operation took effect,
    now, later or never: an operation so answered is treated as open although it returned.

    fold(operations) gives the state after operations that are known to be legal in this order, at
    less expense than one step after the other: for states that grow with the history. Only
    explanations use it.

    `inputs` are the types of inputs that it has operations of, if it names any: a history with
    others is none of this model, which is better said than judged. wrong_input(input) says what
    was expected in the place of an input of these types that nobody can ask for ("a value other
    than None"); None: nothing is wrong with it.

    `method` is a special method: it partitions a history and decides the parts without a search,
    or declines to.
    """

    name: str
    init: Callable[[], State]
    step: Callable[[State, Any, Any], Any]
    nondeterministic: bool = False
    key: Callable[[State], Hashable] = _itself
    partition: Callable[[Any], Hashable] | None = None
    read_only: Callable[[Any, Any], bool] = _never
    describe_operation: Callable[[Any, Any], str] = _describe_operation
    describe_state: Callable[[State], str] = repr
    why_not: Callable[[State, Any, Any], str] = _why_not
    indefinite: Callable[[Any, Any], bool] | None = None
    fold: Callable[[Sequence[Operation]], State] | None = None
    method: Method | None = None
    inputs: tuple[type, ...] = ()
    wrong_input: Callable[[Any], str | None] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise self.broken("name", "a string")
        if type(self.inputs) is not tuple or not all(isinstance(t, type) for t in self.inputs):
            raise self.broken("inputs", "a tuple of types, as (str,)")
        for name, arguments in _ARGUMENTS.items():
            function = getattr(self, name)
            if function is None and name in _OPTIONAL:
                continue
            if not callable(function):
                raise self.broken(name, "a function" + ", or None" * (name in _OPTIONAL))
            if not _takes(function, len(arguments)):
                taken = function.__code__.co_varnames[: function.__code__.co_argcount]
                raise TypeError(
                    f"model {self.name!r}: expected {name}({', '.join(arguments)}), got a function"
                    f" of ({', '.join(taken)})"
                )

    def broken(self, name: str, expected: str) -> TypeError:
        """The error for a field that is not what it must be."""
        what = f"{name} is {getattr(self, name)!r}"
        return TypeError(f"model {self.name!r}: {what}: expected {expected}")

    def __repr__(self) -> str:
        return f"Model({self.name!r})"

    def stepped(self, result: Any) -> Any:
        """What step returned, if that can be an answer; raises TypeError if not."""
        if self.nondeterministic:
            if not _are_states(result):
                raise TypeError(
                    f"model {self.name!r}: step returned {result!r}: expected all next states,"
                    " as a list, which is empty if the step is illegal"
                )
        elif type(result) is not tuple or len(result) != 2 or _are_swapped(*result):
            raise TypeError(
                f"model {self.name!r}: step returned {result!r}: expected (legal, next state),"
                " in which legal is True or False"
            )
        return result

    def truth(self, name: str, found: Any) -> bool:
        """What read_only or indefinite returned; a forgotten return would pass for False."""
        if found is None:
            what = f"{name} returned {found!r}: expected True or False"
            raise TypeError(f"model {self.name!r}: {what}")
        return bool(found)

    def first_states(self) -> tuple[State, ...]:
        """All states the object may start in."""
        first = self.init()
        if not self.nondeterministic:
            return (first,)
        states = tuple(first) if _are_states(first) else ()
        if not states:
            raise TypeError(
                f"model {self.name!r}: init returned {first!r}: expected all first states, as a"
                " list with at least one"
            )
        return states

    def outcomes(self, state: State, operation: Operation) -> tuple[State, ...]:
        """All states the operation may leave behind; none: it is illegal in this state."""
        output = OPEN if operation.ret is None else operation.output
        result = self.step(state, operation.input, output)
        if self.nondeterministic:
            return tuple(self.stepped(result))
        if type(result) is not tuple or len(result) != 2 or type(result[0]) is not bool:
            self.stepped(result)  # what is as good as true or false passes
        legal, after = result
        return (after,) if legal else ()

    def check_inputs(self, operations: Sequence[Operation]) -> None:
        """Raises TypeError or ValueError for the first operation that is none of this model."""
        kinds = set(map(type, map(_input_of, operations))) if self.inputs else ()
        strange = tuple(kind for kind in kinds if not issubclass(kind, self.inputs))
        if strange:
            number, op = next(
                (number, op) for number, op in enumerate(operations) if type(op.input) in strange
            )
            names = ", ".join(kind.__name__ for kind in self.inputs)
            raise TypeError(
                f"model {self.name!r} has no operation {op.input!r} (entry {number} of the"
                f" history): expected {names}"
            )
        wrong = self.wrong_input
        if wrong is not None:
            for number, op in enumerate(operations):
                expected = wrong(op.input)
                if expected is not None:
                    raise ValueError(
                        f"model {self.name!r} has no operation {op.input!r} (entry {number} of"
                        f" the history): expected {expected}"
                    )

    def settle(self, operations: list[Operation]) -> list[Operation]:
        """The history as it is judged: what was answered indefinitely is open."""
        indefinite = self.indefinite
        if indefinite is None:
            return operations
        truth = self.truth
        return [
            op
            if op.ret is None or not truth("indefinite", indefinite(op.input, op.output))
            else Operation(op.client, op.input, None, op.call, None, op.metadata)
            for op in operations
        ]

    def describe(self, operation: Operation) -> str:
        """An operation in one line, as `Put('k', 'a', v0) -> OK`."""
        output = OPEN if operation.ret is None else operation.output
        return self.described(operation.input, output)

    def described(self, input: Any, output: Any) -> str:
        """What describe_operation says."""
        return self._text("describe_operation", self.describe_operation(input, output))

    def described_state(self, state: State) -> str:
        """What describe_state says."""
        return self._text("describe_state", self.describe_state(state))

    def _text(self, name: str, found: Any) -> str:
        if not isinstance(found, str):
            raise TypeError(f"model {self.name!r}: {name} returned {found!r}: expected a string")
        return found

    def reason(self, state: State, operation: Operation) -> str:
        """Why an operation is illegal in a state, by default in the words of the description."""
        if self.why_not is not _why_not:
            found = self.why_not(state, operation.input, operation.output)
            return self._text("why_not", found)
        described = self.describe(operation)
        return f"{described} is impossible in state {self.described_state(state)}"


def power_set(model: Model) -> Model:
    """A deterministic model whose states are the sets of states a nondeterministic one may be in.

    For other tools and for comparison: `check` branches on outcomes instead, which visits no more
    configurations and names the outcome it chose at each step. Nothing is read-only any more,
    because a read narrows down the set.
    """
    if not model.nondeterministic:
        raise ValueError(f"model {model.name!r} is deterministic already")

    def distinct(states: Iterable[State]) -> tuple[State, ...]:
        return tuple({model.key(state): state for state in states}.values())

    def step(states: tuple[State, ...], input: Any, output: Any) -> tuple[bool, Any]:
        after = distinct(t for state in states for t in model.step(state, input, output))
        return bool(after), after

    return Model(
        name=f"power set of {model.name}",
        init=lambda: distinct(model.init()),
        step=step,
        key=lambda states: frozenset(map(model.key, states)),
        partition=model.partition,
        describe_operation=model.describe_operation,
        describe_state=lambda states: " or ".join(map(model.describe_state, states)),
        why_not=lambda states, input, output: model.why_not(states[0], input, output),
    )


def next_states(model: Model, states: Iterable[State], operation: Operation) -> list[State]:
    """The distinct states that an operation may lead to from any of these; none: it is illegal."""
    if not model.nondeterministic:
        [state] = states
        return list(model.outcomes(state, operation))
    after = (t for state in states for t in model.outcomes(state, operation))
    return list({model.key(state): state for state in after}.values())


def last_states(model: Model, operations: Iterable[Operation]) -> list[State]:
    """The states that executing these operations in this order may end in; none: it is illegal."""
    states = list(model.first_states())
    for operation in operations:
        states = next_states(model, states, operation)
        if not states:
            break
    return states


def replay(model: Model, operations: Sequence[Operation]) -> list[State] | None:
    """The state after each operation when they are executed in this order; None if one is illegal.

    The first entry is the state before any. Of several possible runs of a nondeterministic model
    it gives one.
    """
    if not model.nondeterministic:
        reached = list(model.first_states())
        for operation in operations:
            after = model.outcomes(reached[-1], operation)
            if not after:
                return None
            reached.append(after[0])
        return reached
    layers = [list(model.first_states())]
    for operation in operations:
        layers.append(next_states(model, layers[-1], operation))
        if not layers[-1]:
            return None
    states = [layers[-1][0]]
    for layer, operation in zip(layers[-2::-1], reversed(operations), strict=True):
        wanted = model.key(states[-1])
        states.append(
            next(
                state
                for state in layer
                if any(model.key(t) == wanted for t in model.outcomes(state, operation))
            )
        )
    states.reverse()
    return states
