"""What every test file shares: the pytester fixture, and how Hypothesis runs here."""

from hypothesis import settings

pytest_plugins = ["pytester"]

# The same examples in every run, and no limit in seconds: a test that fails here fails anywhere.
settings.register_profile("labtester", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("labtester")
