"""Bugs of a lock, which its suite must notice, and variants that are none."""

from typing import Final

from tester.labs.lock import bugs_rare, solutions
from tester.labs.patch import Catalogue, Patch

LOCK = "lock/lock.py"
ONE, MANY = "test_one_client_reliable", "test_many_clients_reliable"
ONE_UNRELIABLE, MANY_UNRELIABLE = "test_one_client_unreliable", "test_many_clients_unreliable"
BASIC, NESTED = "test_reliable_basic", "test_reliable_nested"

TAKE = "if await self._clerk.put(self._name, self._me, version) is Err.OK:"
GIVE = 'if await self._clerk.put(self._name, "", version) is Err.OK:'
LOOK = """\
            if holder == self._me and asked:
                return  # the put that answered MAYBE had happened
"""
OWNER = """\
            if holder != self._me:
                return  # a put that answered MAYBE had happened
"""
PAUSE = "await asyncio.sleep(0.01)"

BUGS: Final = (
    Patch(
        "maybe_is_mine",
        "Acquire takes ErrMaybe for success.",
        LOCK,
        ((TAKE, TAKE.replace("is Err.OK", "in (Err.OK, Err.MAYBE)")),),
        killed_by=(MANY_UNRELIABLE,),
    ),
    Patch(
        "never_looks",
        "After ErrMaybe, acquire does not look whether the lock is its own.",
        LOCK,
        ((LOOK, ""),),
        killed_by=(ONE_UNRELIABLE, MANY_UNRELIABLE),
        seeds=20,
    ),
    Patch(
        "checks_then_acts",
        "Acquire reads the version again after it has seen that the lock is free.",
        LOCK,
        ((TAKE, f"_, version, _ = await self._clerk.get(self._name)\n                {TAKE}"),),
        killed_by=(MANY, MANY_UNRELIABLE),
    ),
    Patch(
        "one_name_for_all",
        "All clients sign the lock with the same name.",
        LOCK,
        (("uuid.uuid4().hex", '"me"'),),
        killed_by=(MANY_UNRELIABLE,),
    ),
    Patch(
        "gives_away_what_it_has_not",
        "Release writes until a put succeeds, without a look at whose the lock is by now.",
        LOCK,
        ((OWNER, ""),),
        killed_by=(MANY_UNRELIABLE,),
        seeds=20,
    ),
    Patch(
        "releases_nothing",
        "Release puts at a version that the lock's key never has.",
        LOCK,
        ((GIVE, GIVE.replace("version)", "version + 1)")),),
        killed_by=(BASIC, ONE, ONE_UNRELIABLE),
    ),
    Patch(
        "one_lock_for_all_names",
        "Locks of different names are one.",
        LOCK,
        (("self._name = name", 'self._name = "lock"'),),
        killed_by=(NESTED, ONE),
    ),
    Patch(
        "loses_its_patience",
        "Acquire takes the lock away from a holder that keeps it for long.",
        LOCK,
        (
            ("        asked = False\n", "        asked = False\n        looks = 0\n"),
            (PAUSE, PAUSE + "\n                looks += 1"),
            ('if holder == "":', 'if holder == "" or looks > 50:'),
        ),
        killed_by=(MANY,),
    ),
    Patch(
        "waits_for_nobody",
        "A client that finds the lock taken waits for a signal that nobody gives.",
        LOCK,
        ((PAUSE, "await asyncio.Event().wait()"),),
        killed_by=(MANY, MANY_UNRELIABLE),
    ),
)

VARIANTS: Final = (
    Patch(
        "own_name_means_held",
        "Acquire returns whenever the lock has its own name, also if it had it before.",
        LOCK,
        (
            ("        asked = False\n", ""),
            ("if holder == self._me and asked:", "if holder == self._me:"),
            ("                asked = True\n", ""),
        ),
    ),
    Patch(
        "release_puts_once",
        "Release puts once, without a look at whose the lock is: its own until the put happened.",
        LOCK,
        (
            (OWNER, ""),
            (GIVE, GIVE.replace("is Err.OK", "in (Err.OK, Err.MAYBE)")),
        ),
    ),
    Patch("spins", "Acquire asks again at once.", LOCK, ((PAUSE, "pass"),)),
    Patch(
        "backs_off",
        "Acquire waits longer after each look at a lock that is taken.",
        LOCK,
        (
            ("        asked = False\n", "        asked = False\n        pause = 0.001\n"),
            (
                PAUSE,
                "await asyncio.sleep(pause)\n                pause = min(2 * pause, 0.5)",
            ),
        ),
    ),
    Patch(
        "counts_its_turns",
        "Each acquisition signs with a name of its own.",
        LOCK,
        (
            (
                "        asked = False\n",
                "        self._me = uuid.uuid4().hex\n        asked = False\n",
            ),
        ),
    ),
    Patch(
        "shares_no_names",
        "The state of the lock lies at a key that differs from the lock's name.",
        LOCK,
        (("self._name = name", 'self._name = f"lock/{name}"'),),
    ),
)

CATALOGUE: Final = Catalogue((*BUGS, *bugs_rare.BUGS), (*VARIANTS, *solutions.SOLUTIONS))
