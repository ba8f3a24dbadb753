"""The MapReduce lab: a coordinator and workers that share a folder, and some of whom crash."""

from typing import Final

from tester.labs.lab import Expected, Lab, Method

COORDINATOR: Final = Expected(
    "mapreduce.coordinator", "Coordinator", ("files", "n_reduce"), (Method("done"),)
)
WORKER: Final = Expected("mapreduce.worker", "worker", ("app", "end", "disk"), is_function=True)
"""What they say to each other is the submission's own business."""

LAB: Final = Lab(
    name="mapreduce",
    suite="tester.labs.mapreduce.suite",
    classes=(COORDINATOR, WORKER),
    bugs="tester.labs.mapreduce.bugs",
    document="10-mapreduce.md",
    course=(
        "test_wc",
        "test_indexer",
        "test_map_parallel",
        "test_reduce_parallel",
        "test_job_count",
        "test_early_exit",
        "test_crash_worker",
    ),
)
