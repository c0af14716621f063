"""The command line: what each command prints, and the exit code it ends with."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Literal

import trio
from rich.console import Console
from rich.table import Table

from ingestor import config
from ingestor.assembly import run as service
from ingestor.assembly.run import Exit
from ingestor.commands import audit, backfill, jobs, quarantine
from ingestor.commands.check import check
from ingestor.config import Settings
from ingestor.model.errors import ConfigError
from ingestor.storage.store import Finding
from metrics import log


def command(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; a mistake of the user is told in sentences, never with a traceback."""
    parser = argparse.ArgumentParser(
        prog="ingestor", description="Every state change of your Home Assistant reaches your database, enriched."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="ingest, until a signal; settings come from the environment and .env")
    commands.add_parser("check", help="try Home Assistant, the database and the weather service, and say what works")
    quarantine.add_arguments(commands.add_parser("quarantine", help="what could not be stored, and why"))
    audit.add_arguments(commands.add_parser("audit", help="when changes were missed, and what became of them"))
    backfill.add_arguments(commands.add_parser("backfill", help="import history from Home Assistant's recorder"))
    jobs.add_arguments(
        commands.add_parser("jobs", help="what is being compared with Home Assistant's recorder, and was")
    )
    commands.add_parser("demo", help="ingest a simulated home into .demo, with a live view")
    given = parser.parse_args(arguments)
    try:
        if given.command == "demo":
            return _demo()
        return _with_settings(config.load(), given)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"ingestor: {mistake}", file=sys.stderr)
        return Exit.CONFIGURATION


def _with_settings(settings: Settings, given: argparse.Namespace) -> Exit:
    match given.command:
        case "check":
            return _check(settings)
        case "audit":
            _configure_log(settings, "error")
            return trio.run(audit.audit, settings, given)
        case "backfill":
            _configure_log(settings, "error")
            return trio.run(backfill.backfill, settings, given)
        case "jobs":
            _configure_log(settings, "error")
            return trio.run(jobs.jobs, settings, given)
        case "quarantine":
            _configure_log(settings, "error")
            return trio.run(quarantine.quarantine, settings, given)
    return _run(settings)


def _run(settings: Settings) -> Exit:
    _configure_log(settings, settings.log_level)
    return trio.run(service.run, settings)


def _check(settings: Settings) -> Exit:
    _configure_log(settings, "error")
    found = trio.run(check, settings)
    Console(highlight=False).print(_table(found))
    return Exit.DONE if all(finding.works for finding in found) else Exit.FAILED


def _demo() -> Exit:
    from ingestor.commands.demo import demo  # noqa: PLC0415  the simulated home is no part of a run

    seconds = float(os.environ.get("DEMO_SECONDS") or 0)
    return trio.run(demo, seconds or float("inf"), _configure_log)


def _table(found: Sequence[Finding]) -> Table:
    table = Table(box=None)
    for heading in ("", "what", "found", "hint"):
        table.add_column(heading, overflow="fold")
    for finding in found:
        table.add_row("ok" if finding.works else "FAILS", finding.subject, finding.detail, finding.hint)
    return table


def _configure_log(settings: Settings, level: Literal["debug", "info", "warning", "error"]) -> None:
    log.configure(level=level, style=settings.log_format, secrets=settings.secrets)
