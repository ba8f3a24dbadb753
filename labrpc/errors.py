"""The root of the error tree: what the person who wrote the code under test did wrong.

It stands in labrpc because labrpc is the lowest package; every other one may import it.
"""


class TesterError(Exception):
    """Misuse of labtester by the code under test or by its test: fix that code, not the seed."""

    __test__ = False  # its name begins as those do that pytest collects


class UnknownMethod(TesterError):
    """An RPC named a service or a method that the server does not have."""


class NotAMessage(TesterError):
    """A value, or the type of a value, cannot travel between nodes as bytes."""
