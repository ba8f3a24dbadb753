"""`labtester mapreduce`: a real MapReduce job, in processes of this machine or on a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from tester.cli.options import check_writable, cores, finish, integer, json_option

if TYPE_CHECKING:
    from mapreduce.processes import Job

_SCHEME: Final = "dask://"
_EACH: Final = 2
"""How many tasks are under way at once for each thread of a cluster."""


@click.command()
@click.argument("app", metavar="APP")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", required=True, metavar="DIR", help="Write the output into this folder.")
@click.option(
    "--workers",
    type=integer(1, 1024),
    metavar="N",
    help="The number of worker processes.  [default: one a core]",
)
@click.option(
    "--n-reduce",
    type=integer(1, 10_000),
    default=10,
    show_default=True,
    metavar="N",
    help="The number of output files into which the keys are divided.",
)
@click.option(
    "--executor",
    metavar="dask://HOST:PORT",
    help="Run the tasks on a dask cluster, by the address of its scheduler.",
)
@json_option
def mapreduce(
    app: str,
    inputs: tuple[str, ...],
    out: str,
    workers: int | None,
    n_reduce: int,
    executor: str | None,
    json_to: str | None,
) -> int:
    """Run APP on the input files: wc, indexer, grep=PATTERN, or your own MODULE:CLASS.

    Input files are cut at the ends of lines into tasks of 4 MiB or less, so one large file keeps
    all workers busy. The output is in DIR/mr-out-0 and so on: a line `key value` for each key.
    Exit status: 0 when the output is complete, 2 when it is not; then there is none.
    """
    from mapreduce.processes import BadJob, Job

    check_writable(json_to)
    job = Job(app, inputs, out, workers or cores(), n_reduce)
    record = {"app": app, "out": out, "n_reduce": n_reduce, "workers": job.workers}
    try:
        record |= _on_dask(executor, job) if executor else _here(job)
    except BadJob as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{record['maps']} map tasks, {n_reduce} reduce tasks: {out}", err=json_to == "-")
    return finish("pass", json_to, record)


def _here(job: Job) -> dict[str, Any]:
    from mapreduce.processes import Processes
    from tester.report import tasks

    with tasks.progress(job.n_reduce) as (prepared, changed):
        processes = Processes(job, changed)
        prepared(processes.maps)
        asyncio.run(processes.run())
    return {"maps": processes.maps, "lost_workers": processes.lost}


def _on_dask(address: str, job: Job) -> dict[str, Any]:
    from mapreduce.cluster import run
    from tester.report import tasks

    if not address.startswith(_SCHEME):
        raise click.BadParameter(
            f"expected {_SCHEME}HOST:PORT, got {address!r}", param_hint="--executor"
        )
    try:
        import distributed
    except ImportError:
        raise click.ClickException(
            "--executor needs dask.distributed: pip install 'labtester[cluster]'"
        ) from None
    where = f"tcp://{address.removeprefix(_SCHEME)}"
    maps: list[int] = []
    try:
        client = distributed.Client(where, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no dask scheduler answers at {where}: {error}") from None
    with client, tasks.progress(job.n_reduce) as (prepared, changed):

        def counted(total: int) -> None:
            maps.append(total)
            prepared(total)

        threads = sum(client.nthreads().values())
        executor = client.get_executor(pure=False)
        run(executor, job, _EACH * max(1, threads), counted, changed)
    return {"maps": maps[0], "lost_workers": 0}
