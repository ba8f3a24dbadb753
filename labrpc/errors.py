"""The root of the error tree: misuse of labtester by the code under test or by a test.

It is in labrpc because labrpc is the lowest package; every other one may import it.
"""


class TesterError(Exception):
    """Misuse of labtester by the code under test or by its test."""

    __test__ = False  # its name begins as those do that pytest collects


class UnknownMethod(TesterError):
    """An RPC named a service or a method that the server does not have."""


class NotAMessage(TesterError):
    """A value, or the type of a value, cannot travel between nodes as bytes."""
