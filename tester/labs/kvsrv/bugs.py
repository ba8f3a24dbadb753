"""Bugs of a key/value server and of its clerk, and variants that are none."""

from typing import Final

from tester.labs.kvsrv import bugs_rare, solutions
from tester.labs.patch import Catalogue, Patch
from tester.labs.variants import Handler, async_handlers, importing_asyncio, locked_handlers

SERVER, CLERK = "kvsrv/server.py", "kvsrv/client.py"
PUT, CONCURRENT = "test_reliable_put", "test_put_concurrent_reliable"
UNRELIABLE, MEMORY = "test_unreliable_net", "test_mem_put_many_clients_reliable"

VERSION_CHECK = """\
        if version != args.version:
            return PutReply(Err.VERSION)
"""
KEY_CHECK = """\
        if version == 0 and args.version > 0:
            return PutReply(Err.NO_KEY)
"""
EMPTY_TABLE = "        self._table: dict[str, tuple[str, Version]] = {}\n"
INSTALL = "        self._table[args.key] = (args.value, version + 1)\n"
READ = "        return GetReply(value, version, Err.OK)\n"
GET_AGAIN = """\
                return reply.value, reply.version, reply.err
            await asyncio.sleep(0.1)
"""
PUT_AGAIN = """\
            repeated = True
            await asyncio.sleep(0.1)
"""
CALL = """\
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
"""
PUT_ONCE_MORE = """\
                if not repeated and reply.err is Err.OK:
                    await self._end.call(KVServer.put, args)
                return reply.err
"""
KEEP_READ = """\
                self._read[key] = reply.value, reply.version, reply.err
                return self._read[key]
"""
FLOOD = """\
            args = PutArgs(key, value, version)
            await asyncio.gather(*(self._end.call(KVServer.put, args) for _ in range(100)))
"""
MAKE_ARGS = "        args = PutArgs(key, value, version)\n"
ASK = """\
        while True:
            reply = await self._end.call(KVServer.get, GetArgs(key))
"""
CALL_FOR_20_MS = """\
            try:
                async with asyncio.timeout(0.02):
                    reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            except TimeoutError:
                reply = None
"""
IMPORTS = "from kvsrv.rpc"
HANDLERS = (Handler("get", "GetArgs", "GetReply"), Handler("put", "PutArgs", "PutReply"))
INSTALL_IN_TWO_TABLES = """\
        self._values[args.key] = args.value
        self._versions[args.key] = version + 1
"""

BUGS: Final = (
    Patch(
        "resend_says_version",
        "A put that was resent and finds another version is answered ErrVersion.",
        CLERK,
        (("return Err.MAYBE", "return Err.VERSION"),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "resend_says_ok",
        "A put that was resent and finds another version is answered OK.",
        CLERK,
        (("return Err.MAYBE", "return Err.OK"),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "first_try_says_maybe",
        "A put that was sent once and finds another version is answered ErrMaybe.",
        CLERK,
        (("reply.err is Err.VERSION and repeated", "reply.err is Err.VERSION"),),
        killed_by=(PUT, UNRELIABLE),
    ),
    Patch(
        "lost_says_version",
        "A put that is not answered is taken for one that was refused.",
        CLERK,
        ((PUT_AGAIN, PUT_AGAIN.replace("await asyncio.sleep(0.1)", "return Err.VERSION")),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "floods",
        "The clerk sends a hundred copies at once of a put that was not answered.",
        CLERK,
        ((PUT_AGAIN, PUT_AGAIN.replace("            await asyncio.sleep(0.1)\n", FLOOD)),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "puts_twice",
        "The clerk puts once more after each put that succeeded, in case it was lost.",
        CLERK,
        (
            (
                "                return reply.err\n",
                PUT_ONCE_MORE,
            ),
            (CALL, CALL.replace("PutArgs(key, value, version)", "args")),
            ("        repeated = False\n", "        repeated = False\n" + MAKE_ARGS),
        ),
        killed_by=(PUT, CONCURRENT),
    ),
    Patch(
        "remembers_what_it_read",
        "The clerk answers a get from what an earlier get returned.",
        CLERK,
        (
            ("        self._end = end\n", "        self._end = end\n        self._read = {}\n"),
            (
                "                return reply.value, reply.version, reply.err\n",
                KEEP_READ,
            ),
            (
                ASK,
                "        if key in self._read:\n            return self._read[key]\n" + ASK,
            ),
        ),
        killed_by=(CONCURRENT, UNRELIABLE),
    ),
    Patch(
        "gives_up",
        "A get that is not answered is taken for a missing key.",
        CLERK,
        ((GET_AGAIN, GET_AGAIN.replace("await asyncio.sleep(0.1)", 'return "", 0, Err.NO_KEY')),),
        killed_by=(UNRELIABLE,),
    ),
    Patch(
        "ignores_the_version",
        "A put to a key that exists succeeds whatever its version.",
        SERVER,
        ((VERSION_CHECK, ""),),
        killed_by=(PUT, CONCURRENT),
    ),
    Patch(
        "keeps_the_version",
        "Only the first put raises the version.",
        SERVER,
        ((INSTALL, INSTALL.replace("version + 1", "version or 1")),),
        killed_by=(CONCURRENT, UNRELIABLE),
    ),
    Patch(
        "get_is_ahead",
        "A get returns the version plus one.",
        SERVER,
        ((READ, READ.replace("version", "version + 1")),),
        killed_by=(PUT, CONCURRENT, UNRELIABLE),
    ),
    Patch(
        "put_creates_at_any_version",
        "A put to a missing key creates it, whatever its version.",
        SERVER,
        ((KEY_CHECK, "        version = version or args.version\n"),),
        killed_by=(PUT,),
    ),
    Patch(
        "not_atomic",
        "Another put may run between the check of a put's version and its installation.",
        SERVER,
        (
            importing_asyncio(IMPORTS),
            ("    def put(", "    async def put("),
            (INSTALL, "        await asyncio.sleep(0)\n" + INSTALL),
        ),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "get_is_stale_at_times",
        "One get in 200 returns what the key held before.",
        SERVER,
        (
            (EMPTY_TABLE, EMPTY_TABLE + "        self._before = {}\n        self._gets = 0\n"),
            (INSTALL, "        self._before[args.key] = self._table.get(args.key)\n" + INSTALL),
            (
                READ,
                "        self._gets += 1\n"
                "        if self._gets % 200 == 0 and self._before[args.key]:\n"
                "            value, version = self._before[args.key]\n" + READ,
            ),
        ),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "version_is_stale_at_times",
        "One get in 200 returns the right value with the version before.",
        SERVER,
        (
            (EMPTY_TABLE, EMPTY_TABLE + "        self._gets = 0\n"),
            (READ, "        self._gets += 1\n        version -= self._gets % 200 == 0\n" + READ),
        ),
        killed_by=(CONCURRENT,),
    ),
    Patch(
        "takes_equal_values_for_a_repetition",
        "A put of the value the key has, at the version before, is installed once more.",
        SERVER,
        (
            (
                VERSION_CHECK,
                "        stored = self._table.get(args.key)\n"
                "        again = stored == (args.value, args.version + 1)\n"
                + VERSION_CHECK.replace(":\n", " and not again:\n", 1),
            ),
        ),
        killed_by=(PUT, UNRELIABLE),
    ),
    Patch(
        "remembers_every_put",
        "The server keeps what every put has asked for.",
        SERVER,
        (
            (EMPTY_TABLE, EMPTY_TABLE + "        self._puts: list[Version] = []\n"),
            (KEY_CHECK, "        self._puts.append(args.version)\n" + KEY_CHECK),
        ),
        killed_by=(MEMORY,),
        seeds=1,
    ),
)

VARIANTS: Final = (
    async_handlers(SERVER, HANDLERS),
    locked_handlers(SERVER, HANDLERS, first_import=IMPORTS, table=EMPTY_TABLE),
    Patch(
        "two_tables",
        "Values and versions are kept apart.",
        SERVER,
        (
            (EMPTY_TABLE, "        self._values = {}\n        self._versions = {}\n"),
            ("if args.key not in self._table", "if args.key not in self._values"),
            (
                "value, version = self._table[args.key]\n",
                "value, version = self._values[args.key], self._versions[args.key]\n",
            ),
            (
                "version = self._table[args.key][1] if args.key in self._table else 0",
                "version = self._versions.get(args.key, 0)",
            ),
            (INSTALL, INSTALL_IN_TWO_TABLES),
        ),
    ),
    Patch(
        "impatient_clerk",
        "The clerk resends a put without a pause.",
        CLERK,
        ((PUT_AGAIN, PUT_AGAIN.replace("await asyncio.sleep(0.1)", "await asyncio.sleep(0)")),),
    ),
    Patch(
        "patient_clerk",
        "The clerk waits longer after each try to put.",
        CLERK,
        (
            ("        repeated = False\n", "        repeated = False\n        pause = 0.01\n"),
            (
                PUT_AGAIN,
                PUT_AGAIN.replace("0.1)", "pause)\n            pause = min(2 * pause, 1)"),
            ),
        ),
    ),
    Patch(
        "hedging_clerk",
        "The clerk puts again when no reply has come within 20 ms.",
        CLERK,
        ((CALL, CALL_FOR_20_MS),),
    ),
)

CATALOGUE: Final = Catalogue((*BUGS, *bugs_rare.BUGS), (*VARIANTS, *solutions.SOLUTIONS))
