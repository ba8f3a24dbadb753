"""How many there are of something, in words that fit: "1 put", "2 puts", "3 entries"."""


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun; `many` is the plural, if it takes more than an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
