"""JUnit XML as pytest writes it (`junit_family=xunit2`)."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree

from tester.grading.feedback import command
from tester.grading.formats.items import Item, summary, visible
from tester.grading.grade import FAILED, GRADED, Grade

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def write(grade: Grade) -> str:
    """One suite with one case for each test on public or on hidden seeds."""
    lines = list(visible(grade))
    failed = [item for item in lines if _is_failure(grade, item)]
    errors = [item for item in lines if not item.passed and item not in failed]
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=_text(grade.title),
        errors=str(len(errors)),
        failures=str(len(failed)),
        skipped="0",
        tests=str(len(lines)),
        time=f"{sum(item.part.virtual_s for item in lines):.3f}",
    )
    if grade.submitted:
        suite.set("timestamp", grade.submitted)
    for item in lines:
        _case(suite, grade, item, failed=item in failed)
    ElementTree.SubElement(suite, "system-out").text = _text(summary(grade))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _case(suite: ElementTree.Element, grade: Grade, item: Item, *, failed: bool) -> None:
    part = item.part
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(grade.lab),
        name=_text(item.name),
        time=f"{part.virtual_s:.3f}",
    )
    properties = ElementTree.SubElement(case, "properties")
    facts = {"points": f"{item.points:g}", "max_points": f"{part.max_points:g}"}
    if part.first_failing_seed and not part.hidden:
        facts |= {"seed": part.first_failing_seed, "replay": command(grade, part)}
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    if not item.passed:
        kind = "failure" if failed else "error"
        told = ElementTree.SubElement(case, kind, message=_text(item.message))
        told.text = _text(item.output)


def _is_failure(grade: Grade, item: Item) -> bool:
    """Whether it is the code that is wrong; else there was no verdict."""
    return not item.passed and grade.status == GRADED and item.part.status == FAILED


def _text(text: str) -> str:
    """Text without what XML 1.0 forbids."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
