"""Sweeps: many seeds of some tests on any number of processes and machines, kept in a store."""
