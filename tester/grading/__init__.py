"""Grading: a submission's nodes run in processes of their own, and are judged in another one."""
