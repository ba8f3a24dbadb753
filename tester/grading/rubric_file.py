"""Reads the file of a rubric into a plan, and names each mistake in it by its line."""

from __future__ import annotations

import difflib
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec

from tester.grading import seeds
from tester.grading.collect import REFERENCE, below
from tester.grading.plan import Part, Plan
from tester.grading.rubric import Rubric, TestRule
from tester.grading.toml_lines import lines_of, nearest
from tester.labs import LABS
from tester.labs.lab import Lab
from tester.labs.suite import tests_of

_MOST_SEEDS: Final = 1_000_000


class BadRubric(Exception):
    """A rubric with mistakes: one sentence for each, with file, line and remedy."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def load(file: Path) -> Plan:
    """The rubric in a file, checked. Raises BadRubric with all its mistakes."""
    try:
        text = file.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise BadRubric(
            [f"{file}: {error.strerror}; `labtester new LAB DIR --instructor` writes a rubric"]
        ) from None
    except UnicodeDecodeError:
        raise BadRubric([f"{file}: expected UTF-8, got another encoding: save it anew"]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadRubric([_syntax(file, text, error)]) from None
    return _Checker(file, text, table).plan()


def _syntax(file: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    head, _, place = str(error).partition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    if not line.isdecimal():  # at the end of the document
        line = str(max(1, len(text.splitlines())))
    return f"{file}:{line}: expected TOML, got {head[:1].lower()}{head[1:]}; correct this line"


class _Checker:
    """Collects the mistakes of one rubric."""

    def __init__(self, file: Path, text: str, table: dict[str, Any]) -> None:
        self._file = file
        self._text = text
        self._table = table
        self._lines = lines_of(text)
        self._mistakes: list[str] = []

    def plan(self) -> Plan:
        rubric = self._converted()
        if rubric is None:
            raise BadRubric(self._mistakes)
        lab = self._lab(rubric)
        secret = self._secret(rubric)
        self._check_tables(rubric)
        parts: tuple[Part, ...] = ()
        if lab is not None:
            self._check_below(rubric, lab)
            parts = self._parts(rubric, lab)
        if self._mistakes or lab is None:
            raise BadRubric(self._mistakes)
        digest = seeds.commitment(self._text.encode() + b"\0" + secret)
        stands_on = {name: rubric.stands_on.get(name, REFERENCE) for name in below(lab)}
        return Plan(rubric, lab, parts, stands_on, secret, digest)

    def _say(self, where: tuple[str | int, ...], sentence: str) -> None:
        self._mistakes.append(f"{self._file}:{nearest(self._lines, where)}: {sentence}")

    # -- the shape --------------------------------------------------------------------------------

    def _converted(self) -> Rubric | None:
        """The file as a Rubric, if each of its values is of the right kind."""
        tests = self._table.get("tests")
        if "lab" not in self._table:
            self._say(("lab",), f'expected lab = "NAME" with one of {", ".join(LABS)}, got none')
        if not tests:
            self._say(("tests",), "expected at least one [[tests]], got none")
        self._walk(Rubric, self._table, ())
        if self._mistakes:
            return None
        return msgspec.convert(self._table, Rubric)

    def _walk(self, cls: type, table: dict[str, Any], where: tuple[str | int, ...]) -> None:
        """Check each value of a table alone, so that each mistake is found at once."""
        fields = {one.name: one for one in msgspec.structs.fields(cls)}
        for key, value in table.items():
            place = (*where, key)
            if key not in fields:
                self._say(place, unknown_key(key, list(fields)))
                continue
            kind = fields[key].type
            inner = kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
            if inner is not None and isinstance(value, dict):
                self._walk(inner, value, place)
            elif key == "tests" and cls is Rubric and isinstance(value, list):
                for number, rule in enumerate(value):
                    self._walk_rule(rule, (*place, number))
            else:
                self._convert(value, kind, place)

    def _walk_rule(self, rule: Any, place: tuple[str | int, ...]) -> None:
        if not isinstance(rule, dict):
            self._say(place, "expected a table: write [[tests]], and its keys below")
        elif "name" not in rule:
            self._say(place, 'expected name = "TEST" in this [[tests]], got none')
        else:
            self._walk(TestRule, rule, place)

    def _convert(self, value: Any, kind: Any, place: tuple[str | int, ...]) -> None:
        try:
            _ = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            what = str(error).partition(" - at ")[0]
            self._say(place, f"{place[-1]}: {what[:1].lower()}{what[1:]}; correct this value")

    # -- the meaning ------------------------------------------------------------------------------

    def _lab(self, rubric: Rubric) -> Lab | None:
        if rubric.lab in LABS:
            return LABS[rubric.lab]
        self._say(("lab",), unknown_key(rubric.lab, list(LABS), "lab"))
        return None

    def _secret(self, rubric: Rubric) -> bytes:
        wanted = any(self._hidden(rubric, rule) for rule in rubric.tests)
        if not rubric.seeds.secret:
            if wanted:
                self._say(
                    ("seeds",),
                    'hidden seeds need a secret: add secret = "secret.txt" to [seeds]',
                )
            return b""
        try:
            return seeds.read_secret(self._file.parent / rubric.seeds.secret)
        except seeds.BadSecret as error:
            self._say(("seeds", "secret"), str(error))
            return b""

    def _check_tables(self, rubric: Rubric) -> None:
        limits, late = rubric.limits, rubric.late
        for place, value, least, most in (
            (("seeds", "public"), rubric.seeds.public, 0, _MOST_SEEDS),
            (("seeds", "hidden"), rubric.seeds.hidden, 0, _MOST_SEEDS),
            (("limits", "stuck_after"), limits.stuck_after, 1, 3_600),
            (("limits", "memory_mb"), limits.memory_mb, 256, 1 << 20),
            (("limits", "seconds"), limits.seconds, 1, 1 << 20),
            (("limits", "files"), limits.files, 1, 10_000),
            (("limits", "kilobytes"), limits.kilobytes, 1, 1 << 16),
            (("late", "percent_per_day"), late.percent_per_day, 0, 100),
            (("late", "days"), late.days, 0, 1_000),
        ):
            self._check_range(place, value, least, most)
        if late.due is not None and late.due.tzinfo is None:
            self._say(
                ("late", "due"),
                "due: expected a time with its zone, such as 2026-12-01T23:59:00Z; add the zone",
            )

    def _check_range(
        self, place: tuple[str | int, ...], value: float, least: float, most: float
    ) -> None:
        if not least <= value <= most:
            self._say(place, f"{place[-1]}: expected {least} to {most}, got {value}")

    def _check_below(self, rubric: Rubric, lab: Lab) -> None:
        for name in rubric.stands_on:
            if name not in below(lab):
                known = ", ".join(below(lab)) or "no lab"
                self._say(
                    ("stands_on", name), f"{lab.name} stands on {known}, not on {name}: delete it"
                )

    def _hidden(self, rubric: Rubric, rule: TestRule) -> int:
        return rubric.seeds.hidden if rule.hidden is None else rule.hidden

    def _parts(self, rubric: Rubric, lab: Lab) -> tuple[Part, ...]:
        scenarios = tests_of(lab.suite)
        ruled: dict[str, tuple[int, TestRule]] = {}
        for number, rule in enumerate(rubric.tests):
            self._check_rule(rule, number)
            names = [
                name
                for name in scenarios
                if fnmatchcase(name, rule.name) or rule.name.lower() in lab.parts(name)
            ]
            if not names:
                known = [*scenarios, *{part for name in scenarios for part in lab.parts(name)}]
                self._say(("tests", number, "name"), unknown_key(rule.name, known, "test"))
            for name in names:
                if name in ruled and rule.name == ruled[name][1].name:
                    self._say(("tests", number, "name"), f"{name} is named twice: delete one")
                # A later rule is the more special one: `course` first, then what differs.
                ruled[name] = number, rule
        parts = []
        for name in scenarios:
            if name in ruled:
                number, rule = ruled[name]
                parts += self._parts_of(rubric, rule, number, name, scenarios[name].weight)
        if parts and not sum(part.points for part in parts):
            self._say(("tests",), "expected points for some test, got none: raise points")
        return tuple(parts)

    def _check_rule(self, rule: TestRule, number: int) -> None:
        place = ("tests", number)
        self._check_range((*place, "points"), rule.points, 0, 1e6)
        self._check_range((*place, "public_points"), rule.public_points, 0, 1e6)
        for key in ("public", "hidden"):
            self._check_range((*place, key), getattr(rule, key) or 0, 0, _MOST_SEEDS)
        if not isinstance(rule.credit, str):
            for tier in rule.credit:
                self._check_range((*place, "credit"), tier.passed, 0, 1)
                self._check_range((*place, "credit"), tier.points, 0, 1)

    def _parts_of(
        self, rubric: Rubric, rule: TestRule, number: int, name: str, weight: int
    ) -> list[Part]:
        public = rubric.seeds.public if rule.public is None else rule.public
        hidden = self._hidden(rubric, rule)
        if not public and not hidden:
            self._say(
                ("tests", number),
                f"{name} runs on no seed: set public or hidden, here or in [seeds]",
            )
            return []
        shown = rubric.shown
        credit = rule.credit if isinstance(rule.credit, str) else tuple(rule.credit)
        parts = []
        if public:
            points = rule.public_points if hidden else rule.points + rule.public_points
            hint = shown.hint if rule.hint is None else rule.hint
            count = max(1, public // weight)
            parts.append(Part(name, False, count, points, credit, hint, "visible", weight))
        if hidden:
            hint = shown.hidden_hint if rule.hidden_hint is None else rule.hidden_hint
            seen = rule.visibility or shown.visibility
            points = rule.points + (0 if public else rule.public_points)
            count = max(1, hidden // weight)
            parts.append(Part(name, True, count, points, credit, hint, seen, weight))
        return parts


def unknown_key(key: str, known: list[str], kind: str = "key") -> str:
    """The sentence about a name that is none, with the nearest that is one."""
    near = difflib.get_close_matches(key, known, n=1)
    remedy = f"write {near[0]}" if near else f"use one of {', '.join(known)}"
    return f"there is no {kind} {key[:60]!r}: {remedy}"
