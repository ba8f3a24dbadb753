"""What every test of the guard leaves behind."""

from tests.engine.conftest import _leave_the_running_loop

__all__ = ["_leave_the_running_loop"]
