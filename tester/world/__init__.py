"""What happens in a run: nodes, operations, faults, the history, and `run` itself."""
