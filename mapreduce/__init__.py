"""The MapReduce lab: a coordinator that hands out tasks, workers that do them, and apps."""

from mapreduce.api import App, Disk, partition
from mapreduce.coordinator import Coordinator

__all__ = ["App", "Coordinator", "Disk", "partition"]

# A submission's modules may take the places of those in this package.
__lab__ = True
