"""How wide a text is that a person reads."""

from __future__ import annotations

from typing import Final

WIDTH: Final = 80
"""Columns."""
