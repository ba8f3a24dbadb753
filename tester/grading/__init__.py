"""Coursework: submissions are collected, run shut in on a rubric's seeds, and graded."""
