"""Bugs of an exactly-once store and of its clerk, and variants that are none."""

from typing import Final

from tester.labs.dedup import bugs_rare, solutions
from tester.labs.patch import Catalogue, Patch
from tester.labs.variants import Handler, async_handlers, importing_asyncio, locked_handlers

SERVER, CLERK = "kvsrv/dedup/server.py", "kvsrv/dedup/client.py"
BASIC, CONCURRENT = "test_basic", "test_concurrent"
UNRELIABLE, ONE_KEY = "test_unreliable", "test_unreliable_one_key"
MEM_GET, MEM_PUT, MEM_APPEND = "test_mem_get", "test_mem_put", "test_mem_append"
MANY_PUTS, MANY_GETS = "test_mem_put_many_clients", "test_mem_get_many_clients"
MANY_APPENDS = "test_mem_many_appends"

EMPTY = "        self._answer: dict[int, str] = {}\n"
READ = '        return GetReply(self._table.get(args.key, ""))\n'
PUT = """\
        if self._is_new(args):
            self._table[args.key] = args.value
"""
APPEND = """\
            self._table[args.key] = old + args.value
            self._answer[args.client] = old
"""
ANSWER = '        return AppendReply(self._answer.get(args.client, ""))\n'
ANSWER_FROM_TABLE = """\
            return AppendReply(old)
        return AppendReply(self._table.get(args.key, ""))
"""
OLD = "        if args.request <= self._last.get(args.client, 0):\n"
REMEMBER = "        self._last[args.client] = args.request\n"
IMPORTS = "from kvsrv.dedup.rpc"
ASK_APPEND = """\
        args = self._write(key, arg)
        while (reply := await self._end.call(KVServer.append, args)) is None:
            await asyncio.sleep(0.1)
        return reply.old
"""
ASK_APPEND_ANEW = """\
        while True:
            reply = await self._end.call(KVServer.append, self._write(key, arg))
            if reply is not None:
                return reply.old
            await asyncio.sleep(0.1)
"""
ASK_PUT = """\
        while await self._end.call(KVServer.put, args) is None:
            await asyncio.sleep(0.1)
"""
CLIENT = "secrets.randbits(62)"
HANDLERS = (
    Handler("get", "GetArgs", "GetReply"),
    Handler("put", "WriteArgs", "PutReply"),
    Handler("append", "WriteArgs", "AppendReply"),
)
HEDGED = """\
        args = self._write(key, arg)
        while True:
            try:
                async with asyncio.timeout(0.02):
                    reply = await self._end.call(KVServer.append, args)
            except TimeoutError:
                continue
            if reply is not None:
                return reply.old
            await asyncio.sleep(0.1)
"""

BUGS: Final = (
    Patch(
        "executes_every_copy",
        "The server executes a request as often as it arrives.",
        SERVER,
        ((OLD, "        if args.request < 0:\n"),),
        killed_by=(UNRELIABLE, ONE_KEY),
    ),
    Patch(
        "answers_with_what_is_there",
        "An append that was executed before is answered with the value the key has by now.",
        SERVER,
        (
            (
                ANSWER,
                ANSWER_FROM_TABLE,
            ),
        ),
        killed_by=(UNRELIABLE, ONE_KEY),
    ),
    Patch(
        "answers_with_the_new_value",
        "An append returns the value after it instead of the one before.",
        SERVER,
        ((APPEND, APPEND.replace("= old\n", "= old + args.value\n")),),
        killed_by=(BASIC, CONCURRENT, UNRELIABLE, ONE_KEY, MEM_APPEND, MANY_APPENDS),
        seeds=1,
    ),
    Patch(
        "one_answer_for_all_clients",
        "The server remembers the answer to one append only, whoever asked.",
        SERVER,
        ((APPEND, "            self._answer.clear()\n" + APPEND),),
        killed_by=(UNRELIABLE, ONE_KEY),
    ),
    Patch(
        "a_new_number_for_each_try",
        "The clerk gives an append that it sends again a new number.",
        CLERK,
        (
            (
                ASK_APPEND,
                ASK_APPEND_ANEW,
            ),
        ),
        killed_by=(UNRELIABLE, ONE_KEY),
    ),
    Patch(
        "one_number_for_all_requests",
        "The clerk does not count its requests.",
        CLERK,
        (("        self._request += 1\n", "        self._request = 1\n"),),
        killed_by=(BASIC, CONCURRENT, UNRELIABLE, ONE_KEY, MANY_APPENDS),
        seeds=1,
    ),
    Patch(
        "one_name_for_all_clients",
        "All clerks call themselves by the same name.",
        CLERK,
        ((CLIENT, "1"), ("import secrets\n", "")),
        killed_by=(BASIC, CONCURRENT, UNRELIABLE, ONE_KEY),
        seeds=1,
    ),
    Patch(
        "gives_up_on_appends",
        "An append that is not answered is taken for one to a missing key.",
        CLERK,
        (
            (
                ASK_APPEND,
                ASK_APPEND.replace("await asyncio.sleep(0.1)", 'return ""'),
            ),
        ),
        killed_by=(UNRELIABLE, ONE_KEY),
    ),
    Patch(
        "gives_up_on_puts",
        "The clerk sends a put once, and never asks whether it arrived.",
        CLERK,
        ((ASK_PUT, "        await self._end.call(KVServer.put, args)\n"),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "not_atomic",
        "Another request may run between an append's look at the value and its change of it.",
        SERVER,
        (
            importing_asyncio(IMPORTS),
            ("    def append(", "    async def append("),
            (APPEND, "            await asyncio.sleep(0)\n" + APPEND),
        ),
        killed_by=(ONE_KEY,),
        seeds=10,
    ),
    Patch(
        "put_appends",
        "A put adds to the value of its key.",
        SERVER,
        (
            (
                PUT,
                PUT.replace("= args.value", '= self._table.get(args.key, "") + args.value'),
            ),
        ),
        killed_by=(BASIC, CONCURRENT, UNRELIABLE, MEM_GET, MEM_PUT),
        seeds=1,
    ),
    Patch(
        "get_is_behind_at_times",
        "One get in 50 returns what the key held before the last append.",
        SERVER,
        (
            (EMPTY, EMPTY + "        self._before: dict[str, str] = {}\n        self._gets = 0\n"),
            (APPEND, APPEND + "            self._before[args.key] = old\n"),
            (
                READ,
                "        self._gets += 1\n"
                "        if self._gets % 50 == 0 and args.key in self._before:\n"
                "            return GetReply(self._before[args.key])\n" + READ,
            ),
        ),
        killed_by=(BASIC, CONCURRENT, UNRELIABLE),
    ),
    Patch(
        "remembers_every_answer",
        "The server remembers what it has answered to each append.",
        SERVER,
        (
            (EMPTY, EMPTY + "        self._answers: list[str] = []\n"),
            (APPEND, APPEND + "            self._answers.append(old)\n"),
        ),
        killed_by=(MANY_APPENDS,),
        seeds=1,
    ),
    Patch(
        "remembers_what_it_replaced",
        "The server remembers the value that a client's last put has replaced.",
        SERVER,
        (
            (
                PUT,
                PUT.replace(
                    "            self._table",
                    '            self._answer[args.client] = self._table.get(args.key, "")\n'
                    "            self._table",
                ),
            ),
        ),
        killed_by=(MEM_GET, MEM_PUT),
        seeds=1,
    ),
    Patch(
        "remembers_whole_requests",
        "The server remembers each client's last request, and not only its number.",
        SERVER,
        (
            (EMPTY, EMPTY + "        self._requests: dict[int, WriteArgs] = {}\n"),
            (REMEMBER, REMEMBER + "        self._requests[args.client] = args\n"),
        ),
        killed_by=(MEM_APPEND, MEM_GET, MEM_PUT, MANY_PUTS),
        seeds=1,
    ),
    Patch(
        "remembers_its_readers",
        "The server keeps a line about each get.",
        SERVER,
        (
            (EMPTY, EMPTY + "        self._gets: list[str] = []\n"),
            (READ, '        self._gets.append(f"get {args.key} {len(self._gets)}")\n' + READ),
        ),
        killed_by=(MANY_GETS,),
        seeds=1,
    ),
)

VARIANTS: Final = (
    async_handlers(SERVER, HANDLERS),
    locked_handlers(SERVER, HANDLERS, first_import=IMPORTS, table=EMPTY),
    Patch(
        "expects_the_next_number",
        "The server takes a request for a copy only if it has the number of the last one.",
        SERVER,
        ((OLD, OLD.replace("<=", "==")),),
    ),
    Patch(
        "counts_by_sevens",
        "The numbers of a clerk's requests have gaps.",
        CLERK,
        (("self._request += 1", "self._request += 7"),),
    ),
    Patch(
        "impatient_clerk",
        "The clerk resends a put without a pause.",
        CLERK,
        ((ASK_PUT, ASK_PUT.replace("sleep(0.1)", "sleep(0)")),),
    ),
    Patch(
        "hedging_clerk",
        "The clerk appends again when no reply has come within 20 ms.",
        CLERK,
        ((ASK_APPEND, HEDGED),),
    ),
)

CATALOGUE: Final = Catalogue((*BUGS, *bugs_rare.BUGS), (*VARIANTS, *solutions.SOLUTIONS))
