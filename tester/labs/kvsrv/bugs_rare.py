"""Bugs of a key/value server and of its clerk that only tests of ours notice."""

from typing import Final

from tester.labs.kvsrv.bugs_copies import SAYS_OK_TO_COPIES
from tester.labs.patch import Patch, Rewrite
from tester.labs.variants import importing_asyncio

KV_SERVER, KV_CLERK = "kvsrv/server.py", "kvsrv/client.py"
IMPORT_ASYNCIO = importing_asyncio("from kvsrv.rpc")
INSTALL = "        self._table[args.key] = (args.value, version + 1)\n"
INSTALL_IN_TWO_STEPS = """\
        self._table[args.key] = (args.value, version)
        await asyncio.sleep(0)
        self._table[args.key] = (args.value, version + 1)
"""
PUT_AGAIN = """\
            repeated = True
            await asyncio.sleep(0.1)
"""
TEN_TRIES = """\
            tries += 1
            if tries == 10:
                return Err.MAYBE
"""
ASK = """\
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            if"""
ASK_FOR_50_MS = """\
            try:
                async with asyncio.timeout(0.05):
                    reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            except TimeoutError:
                continue
            if"""
EMPTY_TABLE = "        self._table: dict[str, tuple[str, Version]] = {}\n"
READ = "        return GetReply(value, version, Err.OK)\n"
IMPORT_RPC = "from kvsrv.rpc import Err,"
MANY = "test_many_and_long_reliable"

BUGS: Final = (
    Rewrite(
        "says_ok_to_copies_in_flight",
        "A put that arrives while the same one is worked on is answered OK at once.",
        ((KV_SERVER, SAYS_OK_TO_COPIES),),
        killed_by=("test_copies",),
    ),
    Patch(
        "takes_versions_of_the_future",
        "A put at a higher version than the key has succeeds, too.",
        KV_SERVER,
        (("if version != args.version", "if version > args.version"),),
        killed_by=("test_many_keys_reliable",),
        seeds=1,
    ),
    Patch(
        "misses_what_is_empty",
        "A key whose value is empty is taken for one that is missing.",
        KV_SERVER,
        (("if args.key not in self._table:", 'if self._table.get(args.key, ("",))[0] == "":'),),
        killed_by=("test_many_keys_reliable",),
        seeds=1,
    ),
    Patch(
        "puts_in_two_steps",
        "A get may run between the installation of a value and that of its version.",
        KV_SERVER,
        (
            IMPORT_ASYNCIO,
            ("    def put(", "    async def put("),
            (INSTALL, INSTALL_IN_TWO_STEPS),
        ),
        killed_by=("test_get_and_put_reliable",),
    ),
    Patch(
        "loses_its_patience",
        "The clerk asks ten times, and then says ErrMaybe.",
        KV_CLERK,
        (
            ("        repeated = False\n", "        repeated = False\n        tries = 0\n"),
            (PUT_AGAIN, PUT_AGAIN + TEN_TRIES),
        ),
        killed_by=("test_outage",),
        seeds=1,
    ),
    Patch(
        "resend_says_maybe",
        "A put that was resent and succeeded is answered ErrMaybe.",
        KV_CLERK,
        (
            (
                "if reply.err is Err.VERSION and repeated",
                "if reply.err is not Err.NO_KEY and repeated",
            ),
        ),
        killed_by=("test_outage",),
        seeds=1,
    ),
    Patch(
        "forgets_what_it_waited_for",
        "A put whose reply is not waited for is sent again as if it were the first.",
        KV_CLERK,
        ((ASK, ASK_FOR_50_MS),),
        killed_by=("test_late_replies",),
    ),
    Patch(
        "keeps_a_hundred_keys",
        "A new key takes the place of the oldest one, if there are a hundred.",
        KV_SERVER,
        (
            (
                INSTALL,
                INSTALL
                + "        if len(self._table) > 100:\n"
                + "            del self._table[next(iter(self._table))]\n",
            ),
        ),
        killed_by=(MANY,),
        seeds=1,
    ),
    Patch(
        "cuts_long_values",
        "Of a value, 65 536 letters are kept.",
        KV_SERVER,
        ((INSTALL, INSTALL.replace("args.value", "args.value[:65536]")),),
        killed_by=(MANY,),
        seeds=1,
    ),
    Patch(
        "remembers_its_readers",
        "The server keeps a list of what was read.",
        KV_SERVER,
        (
            (EMPTY_TABLE, EMPTY_TABLE + "        self._reads: list[str] = []\n"),
            (READ, "        self._reads.append(f'{args.key} v{version}')\n" + READ),
        ),
        killed_by=(MANY,),
        seeds=1,
    ),
    Patch(
        "normalizes_keys",
        "Keys that Unicode takes for equivalent are one.",
        KV_SERVER,
        (
            (IMPORT_RPC, "from unicodedata import normalize\n\n" + IMPORT_RPC),
            (
                "        if args.key not in self._table:\n",
                (
                    '        args = GetArgs(normalize("NFC", args.key))\n'
                    "        if args.key not in self._table:\n"
                ),
            ),
            (
                "        version = self._table[args.key][1] if",
                (
                    '        key = normalize("NFC", args.key)\n'
                    "        args = PutArgs(key, args.value, args.version)\n"
                    "        version = self._table[args.key][1] if"
                ),
            ),
        ),
        killed_by=("test_similar_texts_reliable",),
        seeds=1,
    ),
)
