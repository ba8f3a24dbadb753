"""The pictures of pages in docs/: planted bugs, drawn and photographed.

`make pictures` takes them; that needs Chromium and its driver, as the tests of pages do.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.report.page.browser import Browser, browser, missing  # noqa: E402

HERE: Final = Path(__file__).resolve().parent
MAIN: Final = "from tester.cli import main; main()"
OPEN_TAB: Final = "document.getElementById('tab-' + arguments[0]).click()"


class Bug(NamedTuple):
    """Lines of a reference solution, and what is planted in their place."""

    file: str
    edits: tuple[tuple[str, str], ...]


class Picture(NamedTuple):
    """A page, and what of it is photographed."""

    name: str
    command: str
    tab: str
    address: str = ""
    bug: Bug | None = None
    theme: str = "light"
    height: int = 1_000


RETRIES: Final = Bug("kvsrv/client.py", (("Err.VERSION and repeated", "Err.VERSION and False"),))
PUT: Final = "if await self._clerk.put(self._name, self._me, version) is "
NO_LOOK: Final = Bug("lock/lock.py", ((f"{PUT}Err.OK:", f"{PUT}not Err.NO_KEY:"),))
LEADS_ON: Final = Bug(
    "raft/core.py",
    (
        ("if args.term > self.term:", "if args.term > self.term and self.role != Role.LEADER:"),
        ("if reply.term > self.term:", "if reply.term > self.term and self.role != Role.LEADER:"),
    ),
)
PICTURES: Final = (
    Picture("kvsrv-failure", "report kvsrv test_unreliable_net --seed 0", "Event", bug=RETRIES),
    Picture("lock-failure", "report lock test_many_clients_reliable --seed 0", "Event",
            bug=NO_LOOK, theme="dark"),
    Picture("raft-failure", "report raft test_re_election_3a --seed 0", "Raft", bug=LEADS_ON),
    Picture("passing-run", "report raft test_persist1_3c --seed 1", "Raft", "#event=330"),
    Picture("checker", "check history.jsonl --model kv --html {page}", "Keys"),
)  # fmt: skip
HISTORY: Final = """
{"c": 0, "op": "put", "k": "x", "v": "a", "ver": 0, "call": 0, "ret": 10}
{"c": 1, "op": "put", "k": "x", "v": "b", "ver": 1, "call": 12, "ret": 40}
{"c": 2, "op": "get", "k": "x", "rv": "b", "rver": 2, "call": 15, "ret": 20}
{"c": 3, "op": "get", "k": "x", "rv": "a", "rver": 1, "call": 24, "ret": 30}
{"c": 2, "op": "put", "k": "y", "v": "1", "ver": 0, "call": 22, "ret": 28}
{"c": 0, "op": "put", "k": "y", "v": "2", "ver": 1, "call": 31, "ret": -1}
{"c": 3, "op": "get", "k": "y", "rv": "2", "rver": 2, "call": 45, "ret": 50}
{"c": 1, "op": "put", "k": "x", "v": "c", "ver": 2, "call": 46, "ret": 58}
"""


def drawn(picture: Picture, folder: Path) -> Path:
    """The page of a picture."""
    page = folder / f"{picture.name}.html"
    (folder / "history.jsonl").write_text(HISTORY.lstrip())
    words = picture.command.format(page=page).split()
    if words[0] == "report":
        words += ["-o", str(page)]
    if picture.bug is not None:
        words += ["--submission", planted(picture.bug, folder / picture.name)]
    subprocess.run([sys.executable, "-c", MAIN, *words], check=False, cwd=folder)
    return page


def planted(bug: Bug, folder: Path) -> str:
    """A submission with the bug; its name stands in the command that the page shows."""
    package = Path(bug.file).parent
    shutil.copytree(ROOT / package, folder / package)
    file = folder / bug.file
    source = file.read_text()
    for right, wrong in bug.edits:
        assert right in source, f"{bug.file} has changed: plant the bug anew"
        source = source.replace(right, wrong)
    file.write_text(source)
    return folder.name


def photograph(opened: Browser, picture: Picture, page: Path) -> None:
    """Open the page at its failure, and keep what is seen."""
    opened.theme(picture.theme)
    opened.open(page, picture.address, width=1_500, height=picture.height)
    opened.ask(OPEN_TAB, picture.tab)
    opened.settled()
    opened.driver.save_screenshot(str(HERE / f"{picture.name}.png"))


def main() -> None:
    """Take all pictures, or those that are named."""
    if why := missing():
        sys.exit(f"no pictures: {why}")
    wanted = sys.argv[1:] or [picture.name for picture in PICTURES]
    with tempfile.TemporaryDirectory() as name, browser(Path(name) / "profile") as opened:
        for picture in PICTURES:
            if picture.name in wanted:
                photograph(opened, picture, drawn(picture, Path(name)))


if __name__ == "__main__":
    main()
