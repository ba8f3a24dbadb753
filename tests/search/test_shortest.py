"""Which of several failing runs makes the shortest story, and what is said of the others."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tester.search.shortest import Size, in_words, is_candidate, shortest


def size(
    faults: int = 1, asked: int = 20, wanted: int = 0, choices: int = 5, drawn: int = 9
) -> Size:
    return Size(faults, asked, wanted, choices, drawn, late=3)


class Story(NamedTuple):
    seed: int
    size: Size | None


def test_fewer_faults_come_before_less_work_and_that_before_fewer_choices() -> None:
    ordered = [
        size(faults=0, asked=99, choices=99),
        size(asked=19, choices=99),
        size(choices=4),
        size(),
    ]
    stories = [Story(seed, one) for seed, one in enumerate(ordered)]
    for left in range(4):
        first, *others = reversed(stories[left:])
        chosen, rest = shortest(first, others)
        assert chosen is stories[left]
        assert sorted(rest) == list(range(left + 1, 4))


def test_of_stories_that_read_alike_the_first_is_shown() -> None:
    stories = [Story(3, size(wanted=-1, drawn=9)), Story(7, size(wanted=-2, drawn=1))]
    assert shortest(stories[0], stories[1:])[0].seed == 3


def test_a_story_that_was_not_made_smaller_is_no_match() -> None:
    first, other = Story(3, size()), Story(7, None)
    assert shortest(first, [other]) == (first, [])


def test_only_the_first_few_that_fail_soon_after_are_tried() -> None:
    assert [seed for seed in range(100) if is_candidate(seed, 7, 1)][-1] == 27
    assert [found for found in range(1, 9) if is_candidate(8, 7, found)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("one", "short"),
    [
        (size(faults=1, asked=12), True),
        (size(faults=1, asked=13), False),
        (size(faults=2, asked=2), False),
        (size(faults=0, asked=900, choices=0), True),
        (size(faults=0, asked=900, choices=1), False),
    ],
)
def test_a_story_may_be_short_enough(one: Size, short: bool) -> None:
    assert one.short is short


@pytest.mark.parametrize(
    ("one", "simpler"),
    [
        (size(choices=4), True),
        (size(choices=5), False),
        (size(choices=4, faults=2), False),
        (size(choices=4, asked=22), True),
        (size(choices=4, asked=23), False),
    ],
)
def test_fewer_choices_for_hardly_more_work_are_simpler(one: Size, simpler: bool) -> None:
    assert one.simpler(size()) is simpler


@pytest.mark.parametrize(
    ("rivals", "said"),
    [
        ([3], "seed 3 fails too, and has no shorter story than seed 9"),
        ([3, 7], "seeds 3 and 7 fail too, and none has a shorter story than seed 9"),
        ([3, 7, 12], "seeds 3, 7 and 12 fail too, and none has a shorter story than seed 9"),
    ],
)
def test_the_seeds_that_are_not_shown_are_named(rivals: list[int], said: str) -> None:
    assert in_words(9, rivals) == said
