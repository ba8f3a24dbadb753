"""The labs on replicated state machines: rsm (4A), kvraft (4B and 4C), and kvraft-dedup (2024)."""
