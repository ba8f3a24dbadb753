"""Bugs of an exactly-once store and of its clerk that only tests of ours notice."""

from typing import Final

from tester.labs.dedup.bugs_copies import ANSWERS_COPIES_WITH_NOTHING, RUNS_COPIES
from tester.labs.patch import Patch, Rewrite

DEDUP_SERVER, DEDUP_CLERK = "kvsrv/dedup/server.py", "kvsrv/dedup/client.py"
PUT_IF_NEW = "        if self._is_new(args):\n            self._table[args.key] = args.value\n"
PUT = "        self._is_new(args)\n        self._table[args.key] = args.value\n"
REMEMBER = "        self._last[args.client] = args.request\n"
FORGET = """\
        _ = self._last.pop(args.client, None)
        if len(self._last) >= 100:
            del self._last[next(iter(self._last))]
"""
APPEND_IF_NEW = "        if self._is_new(args):\n            old"
APPEND_IF_ANYTHING = """\
        if args.value == "":
            return AppendReply("")
        if self._is_new(args):
            old"""
WRITE_APPEND = "        args = self._write(key, arg)\n"
ASK_APPEND = """\
        while (reply := await self._end.call(KVServer.append, args)) is None:
            await asyncio.sleep(0.1)
"""
EVERY_TENTH_TIME = """\
            tries += 1
            if tries % 10 == 0:
                args = self._write(key, arg)
"""
IMPORT = ("from kvsrv.dedup.rpc", "import asyncio\n\nfrom kvsrv.dedup.rpc")
EMPTY = "        self._answer: dict[int, str] = {}\n"
IS_NEW = "        if args.request <= self._last.get(args.client, 0):\n"
FORGET_THE_OLD = """\
        now = asyncio.get_running_loop().time()
        for client in [client for client, when in self._when.items() if now - when > 60]:
            del self._last[client], self._when[client]
        self._when[args.client] = now
"""
ADD = "        self._seen.add((args.client, args.request))\n"

BUGS: Final = (
    Rewrite(
        "runs_copies_in_flight",
        "A copy that arrives before the first request is done is executed as well.",
        ((DEDUP_SERVER, RUNS_COPIES),),
        killed_by=("test_copies_in_flight",),
    ),
    Rewrite(
        "answers_copies_with_nothing",
        "A copy that arrives before the first request is done is answered at once.",
        ((DEDUP_SERVER, ANSWERS_COPIES_WITH_NOTHING),),
        killed_by=("test_copies_in_flight",),
    ),
    Patch(
        "executes_every_copy_of_a_put",
        "The server executes a put as often as it arrives: it may undo what others have written.",
        DEDUP_SERVER,
        ((PUT_IF_NEW, PUT),),
        killed_by=("test_unreliable_one_key_put", "test_forgotten_client"),
    ),
    Patch(
        "forgets_clients",
        "The server remembers the last hundred clients only.",
        DEDUP_SERVER,
        ((REMEMBER, FORGET + REMEMBER),),
        killed_by=("test_forgotten_client",),
        seeds=1,
    ),
    Patch(
        "appends_nothing_for_nothing",
        "An append of an empty text is answered with an empty text.",
        DEDUP_SERVER,
        ((APPEND_IF_NEW, APPEND_IF_ANYTHING),),
        killed_by=("test_any_text",),
        seeds=1,
    ),
    Patch(
        "loses_its_patience",
        "The clerk asks ten times, and then gives the append a new number.",
        DEDUP_CLERK,
        (
            (
                WRITE_APPEND + ASK_APPEND,
                "        tries = 0\n" + WRITE_APPEND + ASK_APPEND + EVERY_TENTH_TIME,
            ),
        ),
        killed_by=("test_forgotten_client",),
        seeds=1,
    ),
    Patch(
        "names_that_are_not_unique",
        "Clerks choose one of 65 536 names.",
        DEDUP_CLERK,
        (("secrets.randbits(62)", "secrets.randbits(16)"),),
        killed_by=("test_forgotten_client",),
    ),
    Patch(
        "forgets_after_a_minute",
        "The server forgets clients that it has not heard of for a minute.",
        DEDUP_SERVER,
        (
            IMPORT,
            (EMPTY, EMPTY + "        self._when: dict[int, float] = {}\n"),
            (IS_NEW, FORGET_THE_OLD + IS_NEW),
        ),
        killed_by=("test_cut_off_for_minutes",),
        seeds=1,
    ),
    Patch(
        "remembers_every_number",
        "The server keeps the number of each request that it has executed.",
        DEDUP_SERVER,
        (
            (EMPTY, EMPTY + "        self._seen: set[tuple[int, int]] = set()\n"),
            (IS_NEW, "        if (args.client, args.request) in self._seen:\n"),
            (REMEMBER, ADD),
        ),
        killed_by=("test_mem_many_writes",),
        seeds=1,
    ),
    Patch(
        "creates_what_is_read",
        "A get makes its key, with an empty value.",
        DEDUP_SERVER,
        (
            (
                'self._table.get(args.key, ""))\n\n    def put',
                'self._table.setdefault(args.key, ""))\n\n    def put',
            ),
        ),
        killed_by=("test_mem_many_writes",),
        seeds=1,
    ),
    Patch(
        "drops_line_ends",
        "The line end at the end of what is appended is dropped.",
        DEDUP_SERVER,
        (("= old + args.value\n", '= old + args.value.removesuffix("\\n")\n'),),
        killed_by=("test_similar_texts",),
        seeds=1,
    ),
)
