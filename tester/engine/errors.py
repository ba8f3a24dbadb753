"""What the code under test did that no simulated machine can do."""

from labrpc.errors import TesterError


class OutsideWorld(TesterError):
    """Code on a node reached for something that is not simulated: a socket, a thread, a process."""


class SharedState(TesterError):
    """Something other than a message went from one node, or from one run, to another."""
