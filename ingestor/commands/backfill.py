"""`ingestor backfill`: import history from the recorder; by the running service, or in its place."""

from __future__ import annotations

import argparse

from ingestor.assembly.run import Exit
from ingestor.commands import jobs
from ingestor.commands.moments import add_span, check_span
from ingestor.config import Settings
from ingestor.history.work import JobState
from metrics.codes import JobKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "import everything", required=True)
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


async def backfill(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Import a span of time; FAILED when there was nothing. Raises an `IngestorError` when it cannot begin."""
    check_span(arguments)
    found = await jobs.ask(settings, JobKind.BACKFILL, arguments)
    found_nothing = any(job.state is JobState.DONE and not job.compared for job in found)
    return max(jobs.exit_of(found), Exit.FAILED if found_nothing else Exit.DONE)
