"""Apps: word count, inverted index and grep, and those that the tests of the lab run."""

from mapreduce.apps.crash import Crash, NoCrash
from mapreduce.apps.early_exit import EarlyExit
from mapreduce.apps.grep import Grep
from mapreduce.apps.indexer import Indexer
from mapreduce.apps.job_count import JobCount
from mapreduce.apps.machine import Machine
from mapreduce.apps.parallelism import MapParallelism, ReduceParallelism
from mapreduce.apps.wc import WordCount

__all__ = [
    "Crash",
    "EarlyExit",
    "Grep",
    "Indexer",
    "JobCount",
    "Machine",
    "MapParallelism",
    "NoCrash",
    "ReduceParallelism",
    "WordCount",
]
