"""What every test file shares: the pytester fixture, and how Hypothesis runs here."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# The same examples in every run, and no limit in seconds: a test that fails here fails anywhere.
settings.register_profile(
    "labtester",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("labtester")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the scenarios' outputs anew")


@pytest.fixture(autouse=True, scope="session")
def plain() -> Iterator[None]:
    """The texts that tests compare with, whatever the environment says of the terminal."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ["CI", "BUILD_NUMBER", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS"]:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether the texts that a test compares with are to be written anew."""
    return bool(request.config.getoption("--rewrite"))
