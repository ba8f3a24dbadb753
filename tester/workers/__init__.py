"""Worker processes that run seeds, and survive whatever the code under test does."""
