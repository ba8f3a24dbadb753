"""Pages in a real browser: they load, step, filter, link, and can be read in either theme."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from linearizability import Operation, check
from linearizability.models import Get, Put, kv
from tester.report import sweeps
from tester.report.page.document import Band, Document, LogEntry, State
from tester.report.page.from_history import of_history
from tester.report.page.html import write_page
from tests.report.page import runs
from tests.report.page.browser import Browser, browser, missing

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is there"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by what they show."""
    folder = tmp_path_factory.mktemp("pages")
    documents = {
        "failing": runs.drawn(runs.lost_reply, runs.failing_seed(runs.lost_reply), lossy=True),
        "hostile": runs.drawn(runs.hostile),
        "restarts": runs.drawn(runs.restarts),
        "lasting": runs.drawn(runs.lasting),
        "large": of_history(check(kv, large()), large(), source="large"),
        "crowd": of_history(check(kv, crowd()), crowd(), source="crowd"),
        "hangs": runs.drawn(runs.hangs),
        "raft": runs.of_lab("raft", "test_initial_election_3a"),
    }
    documents |= {
        "adjacent": adjacent(documents["failing"]),
        "logged": logged(documents["failing"]),
        "locked": locked(documents["failing"]),
    }
    for name, document in documents.items():
        (folder / f"{name}.html").write_text(write_page(document))
    return {name: folder / f"{name}.html" for name in documents}


def changed(document: Document, **fields: Any) -> Document:
    """A document with other fields of its run."""
    run = msgspec.structs.replace(document.run, **fields)
    return msgspec.structs.replace(document, run=run)


def adjacent(document: Document) -> Document:
    """The marks of a rule and of its cause stand beside each other."""
    events = [msgspec.structs.replace(event, cause=False) for event in document.run.events]
    before = max(at for at in range(document.focus) if events[at].node == "c0")
    events[before] = msgspec.structs.replace(events[before], cause=True)
    return changed(document, events=events)


def logged(document: Document) -> Document:
    """The put is an entry in the log of a server that describes itself as Raft does."""
    put = next(m for m in document.run.messages if m.op == 0)
    at = put.arrivals[0]
    rows: dict[str, str | None] = {"role": "'leader'", "term": "1", "commit": "1"}
    state = State(at, "server", "server", {**rows, "log[1]": "1 b'...'"})
    role = Band("server", "role", at, -1, "leader t1", term=1)
    entry = LogEntry(5, "server", 1, 1, 0, put.rpc)
    return changed(document, states=[state], entries=[entry], bands=[role])


def locked(document: Document) -> Document:
    """Two clients hold the same lock at the same time."""
    first = Band("c0", "holds", 2, -1, "holds it", "l")
    return changed(document, bands=[first, Band("c1", "holds", 8, -1, "holds it", "l")])


def large() -> list[Operation]:
    """10 000 operations of 20 clients on one key; the last read is stale."""
    made = []
    for at in range(5_000):
        start = 40 * at
        client = at % 20
        made.append(Operation(client, Put("k", str(at), at), "OK", start, start + 30))
        read = (str(at), at + 1, "OK") if at < 4_999 else ("0", 1, "OK")
        made.append(Operation(client + 20, Get("k"), read, start + 31, start + 39))
    return made


def crowd() -> list[Operation]:
    """100 clients, of which the last one's read is wrong."""
    made = [Operation(at, Get("k"), ("", 0, "ErrNoKey"), 2 * at, 2 * at + 1) for at in range(100)]
    return [*made[:-1], Operation(99, Get("k"), ("a", 1, "OK"), 198, 199)]


def network_requests(opened: Browser) -> list[str]:
    """The addresses that were asked for since the last time."""
    events = [json.loads(entry["message"]) for entry in opened.driver.get_log("performance")]
    return [
        event["message"]["params"]["request"]["url"]
        for event in events
        if event["message"]["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("name", ["failing", "hostile", "restarts", "large"])
def test_a_page_loads_without_errors_or_requests(
    chromium: Browser, pages: dict[str, Path], name: str
) -> None:
    chromium.errors()
    network_requests(chromium)
    chromium.open(pages[name])
    chromium.settled()
    assert chromium.errors() == []
    asked = [url for url in network_requests(chromium) if not url.startswith(("about:", "data:"))]
    assert asked == [f"file://{pages[name]}"]


def test_the_failing_operation_comes_first(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["failing"])
    assert chromium.text("#verdict") == "FAIL"
    assert "must return ErrMaybe" in chromium.text("#sentences")
    assert "Put('k', 'a', v0) -> ErrVersion" in chromium.text("#list .row.current")
    assert "wrong" in chromium.ask("return document.querySelector('.current').className")
    chromium.click("#tab-Keys")
    first, *_ = chromium.texts("#panel tbody tr")
    assert first.split("\t")[:2] == ["k", "not linearizable"]


def test_stepping_moves_the_cursor_and_the_state_follows(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"], "#event=0")
    chromium.click("#tab-State")
    assert "('a', 1)" not in chromium.text("#panel")
    seen = []
    for _ in range(4):
        chromium.press("j")
        seen.append((chromium.text("#where").split()[1], "('a', 1)" in chromium.text("#panel")))
    assert [where for where, _ in seen] == ["1", "2", "3", "4"]
    assert [known for _, known in seen] == sorted(known for _, known in seen)
    assert seen[-1][1]
    changed = next(at for at, (_, known) in enumerate(seen) if known)
    chromium.press("k" * (3 - changed))
    assert "● ('a', 1)" in chromium.text("#panel tr.changed")
    chromium.press("k")
    assert "('a', 1)" not in chromium.text("#panel")


HOVER = (
    "const canvas = document.getElementById('drawing'), tip = document.getElementById('tip');"
    "const box = canvas.getBoundingClientRect(), found = [];"
    "for (let y = arguments[0]; y < arguments[1]; y += 4)"
    "for (let x = 60; x < box.width; x += 8) {"
    " canvas.dispatchEvent(new PointerEvent('pointermove',"
    "  { clientX: box.x + x, clientY: box.y + y, bubbles: true }));"
    " if (!tip.hidden && !found.includes(tip.innerText)) found.push(tip.innerText);"
    "} return found;"
)
"""The cards under the pointer, as it goes over some rows of pixels of the picture."""


def test_a_card_says_where_an_operation_stands_and_what_its_key_held(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"])
    cards = [str(card) for card in chromium.ask(HOVER, 24, 90)]
    wrong = next(card for card in cards if "Put('k', 'a', v0) → ErrVersion" in card)
    assert "not in the longest legal order, which has 0 of " in wrong
    assert "held before\tno such key" in wrong
    assert "✗ cannot come next\tErrVersion is impossible" in wrong
    assert "called\t0.000 s, event " in wrong
    chromium.click("#tab-Event")  # with the keyboard, the panel says the same of the event at hand
    assert "not in the longest legal order" in chromium.text("#panel")
    assert "no such key" in chromium.text("#panel")


def test_a_card_says_what_was_held_before_and_after(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["lasting"])
    chromium.click("#fit")
    cards = [str(card) for card in chromium.ask(HOVER, 24, 60)]
    put, get = (next(card for card in cards if name in card) for name in ("Put(", "Get("))
    assert "in the order\tnumber 1 of 2" in put
    assert "held before\tno such key\nheld after\t'a' at version 1" in put
    assert "in the order\tnumber 2 of 2" in get
    assert "held before\t'a' at version 1\nheld after\tthe same" in get


def test_what_lasts_at_the_same_time_stands_below_each_other(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["lasting"])
    chromium.click("#fit")
    height = {text: y for text, _, y, _ in painted(chromium)}
    rows = ["✂ server | c0", "✂ server | c1", "✎ phase: writing", "✎ load: one client"]
    assert len({round(height[text]) for text in rows}) == 4
    assert height["✎ phase: quiet"] == height["✎ phase: writing"], "one follows the other"


def test_an_operation_is_linked_with_its_messages(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"])
    chromium.click("#tab-Event")
    assert "reply lost" in chromium.text("#panel")
    linked = chromium.texts("#list .row.linked")
    assert any("KVServer.put" in row for row in linked)
    chromium.click("#panel table .link")
    assert "KVServer.put" in chromium.text("#list .row.current")


def test_filters_and_the_search_narrow_the_list(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["failing"])
    everything = chromium.ask("return document.querySelector('#where').textContent")
    chromium.choose("kind", "operations")
    assert all("KVServer" not in row for row in chromium.texts("#list .row"))
    chromium.choose("kind", "")
    chromium.choose("client", "c1")
    assert {row.split("\n")[2] for row in chromium.texts("#list .row")} <= {"c1", "server"}
    chromium.choose("client", "")
    chromium.choose("search", "errversion")
    rows = chromium.texts("#list .row")
    assert rows
    assert all("ErrVersion" in row for row in rows)
    chromium.choose("search", "no such text")
    assert "No event fits these filters." in chromium.text("#list")
    chromium.choose("search", "")
    assert chromium.ask("return document.querySelector('#where').textContent") == everything


def test_a_deep_link_opens_at_its_event_and_the_address_follows(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"], "#event=3")
    assert chromium.text("#list .row.current").startswith("3\n")
    chromium.press("j")
    assert chromium.ask("return location.hash") == "#event=4"


def painted(opened: Browser, action: str = "dispatchEvent(new Event('resize'))") -> list[Any]:
    """What is written into the picture when an action draws it anew: text, x, y and width."""
    found = opened.driver.execute_async_script(
        "const pen = CanvasRenderingContext2D.prototype, real = pen.fillText, texts = [];"
        "pen.fillText = function (text, x, y) { texts.push([text, x, y,"
        " this.measureText(text).width]); return real.apply(this, arguments); };"
        f"{action};"
        "const done = arguments[0];"
        "requestAnimationFrame(() => requestAnimationFrame(() => {"
        " pen.fillText = real; done(texts); }))"
    )
    assert isinstance(found, list)
    return found


def test_messages_that_a_sentence_names_are_named_in_the_picture_and_lead_there(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"])
    texts = [text for text, *_ in painted(chromium)]
    assert {"#1 put", "reply lost", "by this", "✗ rule broken"} <= set(texts)
    chromium.click("#sentences .link")
    assert "#1" in chromium.text("#list .row.current")


@pytest.mark.parametrize("width", [1400, 380])
def test_no_two_words_of_the_picture_stand_on_each_other(
    chromium: Browser, pages: dict[str, Path], width: int
) -> None:
    chromium.open(pages["adjacent"], width=width)
    marks = {"by this", "✗ rule broken", "reply lost"}
    boxes = [one for one in painted(chromium) if one[0] in marks or one[0][0] == "#"]
    assert {"by this", "✗ rule broken"} <= {text for text, *_ in boxes}
    for at, (text, x, y, wide) in enumerate(boxes):
        for other, x2, y2, wide2 in boxes[at + 1 :]:
            apart = x + wide <= x2 or x2 + wide2 <= x or abs(y - y2) >= 12
            assert apart, (text, other)


def test_the_key_that_fails_is_looked_at_first(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["failing"])
    assert chromium.ask("return document.getElementById('key').value") == "k"
    assert not any("quiet" in row for row in chromium.texts("#list .row"))
    chromium.choose("key", "")
    assert any("quiet" in row for row in chromium.texts("#list .row"))


def test_what_is_folded_takes_no_room(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["raft"])
    chromium.click("#fit")
    folded = [int(text) for text, *_ in painted(chromium) if text.isdecimal()]
    chromium.click("#fold")
    chromium.click("#fit")
    every = [int(text) for text, *_ in painted(chromium) if text.isdecimal()]
    assert len({b - a for a, b in itertools.pairwise(every)}) == 1, "each event takes a step"
    assert max(folded) < max(every) / 5, "those that are folded take none"


def test_an_operation_is_linked_with_its_log_entry(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["logged"], "#event=5")
    chromium.click("#tab-Event")
    panel = chromium.text("#panel")
    assert "entry 1 of term 1, at server: event 5" in panel
    assert "In the logs now: server: committed." in panel
    chromium.click("#tab-Raft")
    (cell,) = chromium.texts("#panel button.cell.linked.committed")
    assert "Put('k', 'a', v0)" in cell
    chromium.click("#panel button.cell")
    assert "Put('k', 'a', v0)" in chromium.text("#list .row.current")


def test_two_holders_of_a_lock_are_seen(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["locked"])
    chromium.choose("key", "")
    texts = [text for text, *_ in painted(chromium)]
    assert "holds it" in texts
    assert "✗ holds it, too" in texts


def test_the_code_stands_below_the_rule_that_it_breaks(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"])
    assert "return reply.err" in chromium.text("#sentences .broken + pre.code")
    assert "return reply.err" in chromium.text("#panel pre.code")


def test_what_hangs_shows_what_is_waiting(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["hangs"])
    assert "await asyncio.Event().wait()" in chromium.text("#sentences details")


def test_filters_are_out_of_the_way_in_a_narrow_window(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    seen = "return document.getElementById('kind').offsetParent !== null"
    chromium.open(pages["failing"], width=380, height=800)
    assert not chromium.ask(seen)
    chromium.click("#narrow")
    assert chromium.ask(seen)
    assert chromium.ask("return document.documentElement.scrollWidth") <= 380


def test_the_twin_is_shown_beside_the_failure(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["failing"])
    chromium.click("#tab-Twin")
    assert "Without the lost reply to #" in chromium.text("#panel")
    assert chromium.texts("#panel .twins .differs")
    chromium.click("#runs button:nth-child(2)")
    assert "run=twin" in chromium.ask("return location.hash")
    rows = chromium.texts("#list .row")
    assert not any("lost" in row for row in rows)


def test_hostile_values_are_shown_as_text(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["hostile"])
    chromium.choose("search", "script")
    assert any("</script><script>alert(1)</script>" in row for row in chromium.texts("#list .row"))
    assert chromium.ask("return document.scripts.length") == 2
    chromium.choose("search", "1000000")
    rows = chromium.texts("#list .row")
    assert rows
    assert max(map(len, rows)) < 500


def test_crashes_and_disks_are_shown(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["restarts"])
    chromium.press("f")
    chromium.click("#tab-Disks")
    assert "server when it crashed" in chromium.text("#panel")


def test_ten_thousand_operations_are_usable_at_once(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["large"])
    rows = chromium.ask("return document.querySelectorAll('#list .row').length")
    assert 5 < rows < 100, "only the rows in sight exist"
    assert chromium.text("#where").endswith("of 20000)")
    assert "event 19999" in chromium.text("#where")
    (y,) = {y for text, _, y, _ in painted(chromium) if text.startswith("✗ Get('k') → ('0',")}
    seen = "const e = document.getElementById('lanes'); return [e.scrollTop, e.clientHeight]"
    top, height = chromium.ask(seen)
    assert top < y < top + height, "the lane that matters is in sight, though there are 40"
    count = (
        "const [name, button] = arguments;"
        "const pen = CanvasRenderingContext2D.prototype, real = pen[name]; let count = 0;"
        "pen[name] = function (...args) { count += 1; return real.apply(this, args); };"
        "document.getElementById(button).click();"
        "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {"
        "pen[name] = real; done(count); })))"
    )
    drawn = chromium.ask(count, "fillText", "previous")
    assert 0 < drawn < 2_000, "only what is in view is drawn"
    spans = chromium.ask(count, "strokeRect", "fit")
    assert 100 < spans < 1_400, "of 5 000 values of the key no more than there are pixels"
    chromium.press("0jjt")
    assert chromium.errors() == []


def test_of_very_many_clients_those_that_matter_have_lanes(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["crowd"])
    assert "40 of 100 clients have no lane in the picture" in chromium.text("#notes")
    texts = {text for text, *_ in painted(chromium)}
    assert {"c0", "c99"} <= texts
    assert "c90" not in texts
    chromium.choose("client", "c90")
    assert "c90" in {text for text, *_ in painted(chromium)}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["failing", "restarts", "large", "logged", "hangs"])
def test_axe_finds_no_serious_violation(
    chromium: Browser, pages: dict[str, Path], name: str, theme: str
) -> None:
    chromium.theme(theme)
    chromium.open(pages[name])
    for tab in chromium.texts("[role=tab]"):
        chromium.click(f"#tab-{tab}")
        assert chromium.violations() == [], tab


def test_a_narrow_window_has_one_column_and_nothing_to_scroll_sideways(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.open(pages["failing"], width=380, height=800)
    chromium.settled()
    assert chromium.ask("return document.documentElement.scrollWidth") <= 380
    picture, aside = (
        chromium.ask("return document.querySelector(arguments[0]).getBoundingClientRect().top", s)
        for s in ("#picture", "aside")
    )
    assert aside > picture


def test_the_page_of_a_sweep_fits_a_narrow_window(chromium: Browser, tmp_path: Path) -> None:
    quantiles = dict.fromkeys(("least", "5 %", "median", "95 %", "most"), 12_345_678)
    test = {
        "target": "a_rather_long_name_of_a_folder/test_of_a_project.py", "test": "t" * 60,
        "schedule": "random", "strategy": "uniform", "seeds": 9, "failed": 9, "unknown": 0,
        "failure_rate": 1.0, "failure_rate_95": [0.5, 1.0], "figures": {"virtual_us": quantiles},
        "traces": [(1, 1)], "patterns": [(1, 1)], "new_pattern_chance": 0.1, "reached": {},
        "coverage": {"hits": {"lost": {"a_method": 1, "another_method": 2}}, "absent": []},
    }  # fmt: skip
    stories = [{"seed": 0, "text": "a long line " * 20}]
    group = {"test": "a::b", "failed": 1, "first_seeds": [0], "kind": "K", "runs_shrunk": 1}
    found = {"verdict": "fail", "tests": [test], "failures": [{**group, "stories": stories}]}
    text = sweeps.page(found)
    (tmp_path / "sweep.html").write_text(text)
    chromium.theme("light")
    chromium.open(tmp_path / "sweep.html", width=380, height=800)
    assert chromium.ask("return document.documentElement.scrollWidth") <= 380
    assert chromium.violations() == []
    heights = "return [...document.querySelectorAll('td')].map(e => e.getClientRects()[0].height)"
    assert len({round(height) for height in chromium.ask(heights)}) == 1, "no cell is broken"
