"""The table and what stands around it fit 80 columns, and colours go where they are wanted."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tester.report import table
from tester.report.json_output import of_run
from tester.search.shortest import Size
from tester.workers.results import Counted, LabResult, Lost, Rerun, TestResult
from tester.workers.wire import Figure, Ran, RerunReport


def printed(
    result: LabResult,
    *,
    unfinished: bool = False,
    color: bool = False,
    width: int = 80,
    every: bool = False,
) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
    )
    if unfinished:
        table.show_unfinished(console, result)
    else:
        table.show(console, result, every=every)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def counted(*verdicts: str, times: int = 1) -> Counted:
    made = Counted()
    for _ in range(times):
        for verdict in verdicts:
            made.add(Ran(verdict, "digest", 1_234, 50, 1_500_000, 1_000, peers=3))
    return made


def rerun(text: str) -> Rerun:
    ran = Ran("fail", "digest", 1, 1, 1, 1)
    return Rerun("test_b", 3, "again", ran, RerunReport(ran, text))


def test_a_wide_table_still_fits() -> None:
    names = ["test_many_clients_put_and_get_under_an_unreliable_network", "test_a", "x" * 40]
    passed = counted("pass", times=5000)
    tests = [TestResult(name, 5_000_000, 1000, passed, None) for name in names]
    lines = [line.rstrip() for line in printed(LabResult("kvsrv", tests)).splitlines()]
    figures = "  5 000 (1 in 1000)       0      3  6 170 000  250 000  7 500.0 s    1 000"
    assert lines[:6] == [
        "test",
        "              seeds  failed  peers       rpcs      ops    virtual  seeds/s",
        "test_many_clients_put_and_get_under_an_unreliable_network",
        figures,
        "test_a",
        figures,
    ]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 100, 200])
def test_a_name_is_never_broken(width: int) -> None:
    names = [
        "test_snapshot_install_unreliable_3d",
        "test_a",
        "test_entries_outlive_power_failures",
    ]
    tests = [TestResult(name, 100, 5, counted("pass", times=20), None) for name in names]
    lines = printed(LabResult("raft", tests), width=width).splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith("test_")] == names
    assert lines[0].startswith("test")
    figures = [line for line in lines if "20 (1 in 5)       0" in line]
    assert len(figures) == len(names)
    if width >= 60:
        assert max(map(len, lines)) <= width


def test_columns_give_way_to_names() -> None:
    test = TestResult("test_" + "x" * 35, 100, 1, counted("pass", times=20), None)
    heads = [
        printed(LabResult("raft", [test]), width=width).splitlines()[0].split()[1:]
        for width in (110, 93, 84, 77, 68, 61)
    ]
    assert heads == [
        ["seeds", "failed", "peers", "rpcs", "ops", "virtual", "seeds/s"],
        ["seeds", "failed", "peers", "rpcs", "ops", "virtual"],
        ["seeds", "failed", "rpcs", "ops", "virtual"],
        ["seeds", "failed", "rpcs", "ops"],
        ["seeds", "failed", "rpcs"],
        ["seeds", "failed"],
    ]


def test_a_failure_a_lost_seed_and_an_unknown() -> None:
    lost = counted("pass", "pass")
    lost.add_lost()
    third = rerun("")
    third.report, third.lost = None, Lost(30, "", ())
    result = LabResult(
        "kvsrv",
        [
            TestResult("test_a", 3, 1, counted("pass", times=3), None),
            TestResult(
                "test_b",
                4,
                1,
                counted("pass", "fail", "fail", "unknown"),
                None,
                rerun("story [b]"),
            ),
            TestResult("test_c", 10, 1, lost, Lost(30, "", ()), third),
        ],
        elapsed_s=2.04,
        rerun_s=1.26,
    )
    text = printed(result)
    assert text.startswith(
        """\
2 tests fail, in 2 ways

test_b: 2 of 4 seeds fail: 1, 2; 1 of 4 seeds stays unknown: 3

story [b]

test_c: 1 of 3 seeds fails: 2
seed 2 was stuck: its later seeds were not run

seed 3: stuck
"""
    )
    assert text.endswith(
        f"""\
test    seeds  failed  unknown  peers   rpcs  ops  virtual  seeds/s
test_b      4       2        1      3  4 936  200    6.0 s    1 000
test_c      3       1        0      3  2 468  100    3.0 s    1 500
1 test passed (--all lists them)

kvsrv: fail, 10 seeds of 3 tests in 2.0 s, and 1.3 s for the stories
digest {result.digest}
"""
    )


def test_all_tests_are_listed_where_that_is_wanted() -> None:
    tests = [
        TestResult("test_a", 3, 1, counted("pass"), None),
        TestResult("test_b", 3, 1, counted("fail"), None, rerun("story")),
    ]
    text = printed(LabResult("kvsrv", tests), every=True)
    assert "\ntest_a " in text
    assert "passed" not in text


def failing(name: str, story: str, likeness: str, *, faults: int = 0) -> TestResult:
    ran = Ran("fail", "digest", 1, 1, 1, 1)
    size = Size(faults, 0, 0, 0, 0, 0)
    told = RerunReport(ran, story, size=size, likeness=likeness)
    return TestResult(
        name, 1, 1, counted("fail"), None, Rerun(name, 0, f"again {name}", ran, told)
    )


def test_each_kind_of_failure_is_shown_once_and_the_most_instructive_first() -> None:
    tests = [
        failing("test_a", "long\nstory a", "one"),
        failing("test_b", "story b", "one", faults=1),
        failing("test_c", "story c", "two"),
        failing("test_d", "story d", "one"),
    ]
    lines = printed(LabResult("kvsrv", tests)).splitlines()
    assert lines[:12] == [
        "4 tests fail, in 2 ways",
        "",
        "test_b: 1 of 1 seed fails: 0",
        "",
        "story b",
        "",
        "2 more tests fail in the same way:",
        "",
        "    again test_a",
        "    again test_d",
        "",
        "test_c: 1 of 1 seed fails: 0",
    ]
    assert "story c" in lines
    assert not {"story a", "story d"} & set(lines)


def test_what_nobody_compared_is_like_nothing_else() -> None:
    tests = [failing(name, f"story of {name}", "") for name in ("test_a", "test_b")]
    assert printed(LabResult("kvsrv", tests)).startswith("2 tests fail, in 2 ways\n")


def test_of_many_tests_that_fail_few_lines_are_printed() -> None:
    tests = [
        failing(f"test_{n}", "seed 0: fails\n\n" + "story\n" * 30, f"{n % 9}") for n in range(60)
    ]
    lines = printed(LabResult("kvsrv", tests)).splitlines()
    assert lines.count("story") == 30
    assert sum(line.startswith("test_") for line in lines) == 1, "no table has a row"
    assert "    and 3 others (--all lists them)" in lines
    assert "53 tests fail in 8 more ways (--all lists them)" in lines


def nothing(name: str, seed: int = 0) -> TestResult:
    """A test whose failing seed was not yet run again when its run was interrupted."""
    ran = Ran("fail", "digest", 1, 1, 1, 1, symptom=("Livelock",))
    return TestResult(name, 1, 1, counted("fail"), None, Rerun(name, seed, f"again {name}", ran))


def talkative(name: str, *, differs: str = "", printed: str = "", demanded: int = 0) -> TestResult:
    """A test that fails, and of which there is more to say."""
    counts = Counted([f"condition {number}" for number in range(demanded)])
    figures = {f"figure {number}": Figure.of([number]) for number in range(3)}
    counts.add(Ran("fail", "digest", 1, 1, 1, 1, figures=figures))
    test = failing(name, "seed 0: fails\n\nstory\nstory", name)
    assert test.rerun is not None
    test.rerun.printed = printed
    return replace(test, counted=counts, differs=differs)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=70),
    st.lists(st.integers(1, 37)),
    st.integers(0, 40),
    st.booleans(),
)
def test_however_many_tests_fail_no_more_than_56_lines_are_printed(
    ways: list[int], sizes: list[int], untold: int, unfinished: bool
) -> None:
    lengths = dict(enumerate(sizes))
    tests = [
        failing(f"test_{n}", "seed 0: fails\n" + "\nstory" * lengths.get(way, 9), f"{way}")
        for n, way in enumerate(ways)
    ]
    tests += [nothing(f"test_{n}") for n in range(100, 100 + untold * unfinished)]
    lines = printed(LabResult("kvsrv", tests), unfinished=unfinished).splitlines()
    assert len(lines) <= 56, "and four more say where records are kept"
    assert "seed 0: fails" in lines


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=40),
    st.booleans(),
)
def test_nor_where_there_is_more_to_say_of_them(
    more: list[tuple[int, int]], differs: bool
) -> None:
    tests = [
        talkative(
            f"test_{n}",
            differs="\n".join(["line"] * number) if differs else "",
            printed="\n".join(["word"] * words),
            demanded=0 if differs else number % 4,
        )
        for n, (number, words) in enumerate(more)
    ]
    assert len(printed(LabResult("kvsrv", tests)).splitlines()) <= 60


def test_what_tests_report_of_their_runs_stands_below_the_table() -> None:
    counts = Counted()
    for values in ([7, 1_200], [3]):
        figures = {"acquisitions of a client": Figure.of(values)}
        counts.add(Ran("pass", "digest", 1, 1, 1, 1, figures=figures))
    counts.add(Ran("pass", "digest", 1, 1, 1, 1))
    result = LabResult("lock", [TestResult("test_a", 3, 1, counts, None)])
    assert printed(result).splitlines()[2:4] == [
        "",
        "test_a: acquisitions of a client 3 to 1 200, 403.3 on average",
    ]
    assert of_run(result)["tests"][0]["figures"] == {
        "acquisitions of a client": {"least": 3, "most": 1_200, "mean": 1_210 / 3}
    }


def test_a_recorded_failure_that_no_seed_finds_is_in_the_table() -> None:
    tests = [
        TestResult(name, 2, 1, counted("pass", times=2), None) for name in ("test_a", "test_b")
    ]
    text = printed(LabResult("kvsrv", tests, recorded=["test_b", "test_b"]))
    assert text.startswith(
        """\
test    seeds          failed  peers   rpcs  ops  virtual  seeds/s
test_a      2               0      3  2 468  100    3.0 s    1 000
test_b      2  0 + 2 recorded      3  2 468  100    3.0 s    1 000

kvsrv: fail, 4 seeds of 2 tests in 0.0 s
"""
    )


def test_a_test_that_ended_at_a_seed_that_used_up_its_steps() -> None:
    counts = counted("pass")
    counts.add(Ran("fail", "digest", 1, 1, 1, 1, steps=1_000_000))
    text = printed(LabResult("kvsrv", [TestResult("test_a", 9, 1, counts, None, rerun("story"))]))
    assert text.startswith(
        "test_a: 1 of 2 seeds fails: 1\nseed 1 used up its steps: its later seeds were not run\n"
    )


def test_a_run_that_ended_at_the_first_failure() -> None:
    test = TestResult("test_a", 9, 1, counted("pass", "fail"), None, rerun("story"))
    text = printed(LabResult("kvsrv", [test], not_run=["test_b"]))
    assert text.startswith(
        "test_a: 1 of 2 seeds fails: 1\nseed 1 failed: its later seeds were not run\n\nstory\n"
    )
    assert "\nstopped at the first failure: 1 test was not run\ndigest" in text
    assert of_run(LabResult("kvsrv", [test], not_run=["test_b"]))["not_run"] == ["test_b"]
    alone = printed(LabResult("kvsrv", [], not_run=["test_a", "test_b"], recorded=["test_a"]))
    assert alone.splitlines()[1:3] == [
        "kvsrv: fail, 0 seeds of 0 tests in 0.0 s",
        "stopped at the first failure: 2 tests were not run",
    ]


def test_what_there_is_of_an_interrupted_run() -> None:
    result = LabResult(
        "kvsrv",
        [
            TestResult("test_a", 30, 1, counted("pass", "fail"), None),
            TestResult("test_b", 30, 1, Counted(), None),
        ],
    )
    assert printed(result, unfinished=True) == (
        """\
test    seeds  failed  peers   rpcs  ops  virtual  seeds/s
test_a      2       1      3  2 468  100    3.0 s    1 000
interrupted; only the seeds that are finished are counted above
"""
    )
    nothing = LabResult("kvsrv", [TestResult("test_a", 30, 1, Counted(), None)])
    assert printed(nothing, unfinished=True).startswith("interrupted;")


def test_stories_of_an_interrupted_run_stand_together_and_the_others_are_listed() -> None:
    tests = [failing(name, f"story of {name}", "one") for name in ("test_a", "test_b")]
    tests += [nothing(f"test_{name}", seed) for seed, name in enumerate("cdefgh")]
    lines = printed(LabResult("kvsrv", tests), unfinished=True).splitlines()
    assert lines == [
        "8 tests fail",
        "",
        "test_a: 1 of 1 seed fails: 0",
        "",
        "story of test_a",
        "",
        "1 more test fails in the same way:",
        "",
        "    again test_b",
        "",
        "6 failing tests have no story yet:",
        "",
        "    again test_c",
        "    again test_d",
        "    again test_e",
        "    and 3 others (--all lists them)",
        "",
        "interrupted; only the seeds that are finished are counted above",
    ]
    alone = printed(LabResult("kvsrv", [nothing("test_c")]), unfinished=True)
    assert "Interrupted before its story was written." in alone


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ">  0.102  c0          #2 KVServer.put('k', 'a', v0)\n   0.103  c0      Get('k') -> 1",
            "(#4: the 4th RPC; v2: version 2; ->: returned; >: the event that decides)",
        ),
        ("   0.102  c0          #2 KVServer.append('k')", "(#4: the 4th RPC)"),
        ("   0.102  s0      leads term 1", None),
    ],
)
def test_the_signs_that_are_used_are_explained_below_the_stories(
    row: str, said: str | None
) -> None:
    story = f"seed 0: fails\n\n    time  who     what happened\n{row}\n\nMore -> #1 v2"
    lines = printed(LabResult("kvsrv", [failing("test_a", story, "one")])).splitlines()
    assert [line for line in lines if line.startswith("(")] == [said] * (said is not None)


def test_figures_are_left_out_where_tests_fail_in_ways_that_take_the_room() -> None:
    tests = [talkative(f"test_{number}") for number in range(4)]
    text = printed(LabResult("kvsrv", tests))
    assert "test_1: figure 2 2 to 2, 2.0 on average" in text
    assert "6 figures that tests report are left out (--all lists them)" in text
    assert "test_3: figure 2" in printed(LabResult("kvsrv", tests), every=True)


def test_colours_are_for_terminals() -> None:
    result = LabResult(
        "kvsrv", [TestResult("test_a", 1, 1, counted("fail"), None, rerun("[red]x"))]
    )
    assert "\x1b" not in printed(result)
    coloured = printed(result, color=True)
    assert "\x1b[1;31mfail" in coloured
    assert "[red]x" in coloured


def test_a_long_line_of_a_story_is_not_broken() -> None:
    command = "labtester replay " + "x" * 200
    result = LabResult(
        "kvsrv", [TestResult("test_a", 1, 1, counted("fail"), None, rerun(command))]
    )
    assert command in printed(result)


def test_what_some_run_must_come_to_is_counted() -> None:
    counts = Counted(["a leader was down"])
    for reached in (False, True, True):
        counts.add(
            Ran("pass", "d", 1, 1, 1, 1, reached={"a leader was down": reached, "late": False})
        )
    result = LabResult("mine", [TestResult("test_a", 3, 1, counts, None)])
    said = printed(result)
    assert "test_a: 'a leader was down': reached in 2 of 3 seeds\n" in said
    assert "test_a: 'late': reached in 0 of 3 seeds\n" in said
    assert result.verdict == "pass"
    assert of_run(result)["tests"][0]["sometimes"] == {"a leader was down": 2, "late": 0}


def test_what_no_run_comes_to_is_a_failure() -> None:
    counts = Counted(["a leader was down"])
    counts.add(Ran("pass", "d", 1, 1, 1, 1))
    result = LabResult("mine", [TestResult("test_a", 1, 1, counts, None)])
    assert result.verdict == "fail"
    assert printed(result).startswith(
        "test_a: never reached\n\n'a leader was down': reached in 0 of 1 seed."
    )
    unfinished = LabResult("mine", [TestResult("test_a", 2, 1, counts, None)])
    assert unfinished.verdict == "pass"
