"""The documented fields of each format, as types that admit nothing else."""

from typing import Annotated, Any, Literal

import msgspec

Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]
TextFormat = Literal["text", "html", "simple_format", "md", "ansi"]
Status = Literal["passed", "failed"]
Count = Annotated[int, msgspec.Meta(ge=0)]
Number = Annotated[float, msgspec.Meta(ge=0)]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class StrictHyphens(
    msgspec.Struct, forbid_unknown_fields=True, rename=lambda n: n.replace("_", "-")
):
    pass


class GradescopeTest(Strict):
    score: Number
    max_score: Number
    name: str
    status: Status
    number: str
    output: str
    tags: list[str]
    visibility: Visibility
    name_format: TextFormat = "text"
    output_format: TextFormat = "text"
    extra_data: dict[str, Any] = {}


class Leader(Strict):
    name: str
    value: float | str
    order: Literal["asc", "desc"] = "desc"


class Gradescope(Strict):
    score: Number
    tests: Annotated[list[GradescopeTest], msgspec.Meta(min_length=1)]
    execution_time: float = 0
    output: str = ""
    output_format: TextFormat = "simple_format"
    test_output_format: TextFormat = "text"
    test_name_format: TextFormat = "text"
    visibility: Visibility = "visible"
    stdout_visibility: Visibility = "hidden"
    extra_data: dict[str, Any] = {}
    leaderboard: list[Leader] = []


class ClassroomTest(Strict):
    name: str
    status: Literal["pass", "fail", "error"]
    score: Number
    message: str | None
    test_code: str
    task_id: Count
    filename: str
    line_no: Count
    duration: Number
    output: Annotated[str, msgspec.Meta(max_length=500)]


class Classroom(Strict):
    version: Literal[1]
    status: Literal["pass", "fail", "error"]
    max_score: Number
    tests: Annotated[list[ClassroomTest], msgspec.Meta(min_length=1)]


class Classroom50Test(StrictHyphens):
    test_name: str
    passed: bool
    score: Count
    max_score: Count


class Classroom50(StrictHyphens):
    schema: Literal["classroom50/result/v1"]
    classroom: str
    assignment: str
    submission: str
    commit: str
    release: str
    review: str
    datetime: str
    score: Count
    max_score: Count
    tests: Annotated[list[Classroom50Test], msgspec.Meta(min_length=1)]


class Image(Strict):
    label: str
    url: str


class PrairieLearnTest(Strict):
    name: str
    description: str
    points: Number
    max_points: Number
    message: str
    output: str
    images: list[Image]


class PrairieLearn(Strict):
    gradable: Literal[True]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    message: str
    output: str
    images: list[Image]
    tests: Annotated[list[PrairieLearnTest], msgspec.Meta(min_length=1)]


class NotGradable(Strict):
    gradable: Literal[False]
    format_errors: str | list[str]
    message: str = ""


JUNIT = {
    "testsuites": (set(), set(), {"testsuite"}),
    "testsuite": (
        {"name", "errors", "failures", "skipped", "tests", "time"},
        {"timestamp", "hostname"},
        {"testcase", "system-out", "properties"},
    ),
    "testcase": (
        {"classname", "name", "time"},
        set(),
        {"properties", "failure", "error", "skipped", "system-out"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "failure": ({"message"}, {"type"}, set()),
    "error": ({"message"}, {"type"}, set()),
    "system-out": (set(), set(), set()),
}
"""Of each element: its attributes, those it may have, and its children."""
