"""The command line: what each command prints, and the exit code it ends with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Coroutine, Sequence
from pathlib import Path
from typing import Literal

import trio

from ingestor import config
from ingestor.assembly import run as service
from ingestor.assembly.measures import VERSION
from ingestor.assembly.run import Exit
from ingestor.commands import audit, backfill, check, jobs, losses, quarantine, rename
from ingestor.config import Settings
from ingestor.model import disk
from ingestor.model.errors import ConfigError, IngestorError, first
from metrics import log
from metrics.redaction import Redactor

_COMMANDS: dict[str, Callable[[Settings, argparse.Namespace], Coroutine[object, object, Exit]]] = {
    "check": check.check,
    "losses": losses.losses,
    "audit": audit.audit,
    "backfill": backfill.backfill,
    "jobs": jobs.jobs,
    "quarantine": quarantine.quarantine,
    "rename": rename.rename,
}


def command(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; whatever keeps it from being done is told in sentences, here alone."""
    given = _parser().parse_args(arguments)
    failures: list[IngestorError] = []
    secrets: Collection[str] = ()
    try:
        if given.command == "demo":
            return _demo()
        settings = config.load()
        secrets = settings.secrets
        return _with_settings(settings, given)
    except* IngestorError as group:
        failures.append(first(group))
    except* OSError as group:  # of a file that no boundary stands before
        failures.append(disk.meaning(first(group), Path("the system")))
    except* KeyboardInterrupt:
        print("ingestor: interrupted", file=sys.stderr)
    if not failures:
        return Exit.INTERRUPTED
    _tell(failures[0], Redactor(secrets))
    return Exit.FAILED if failures[0].heals else Exit.NOT_DONE


def _tell(failure: IngestorError, redactor: Redactor) -> None:
    for sentence in failure.mistakes if isinstance(failure, ConfigError) else [str(failure)]:
        print(f"ingestor: {redactor.clean(sentence)}", file=sys.stderr)
    if failure.hint:
        print(f"  hint: {failure.hint}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ingestor", description="Every state change of your Home Assistant reaches your database, enriched."
    )
    parser.add_argument("--version", action="version", version=f"ingestor {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="ingest, until a signal; settings come from the environment and .env")
    check.add_arguments(commands.add_parser("check", help="try everything that `run` needs, and say what works"))
    quarantine.add_arguments(commands.add_parser("quarantine", help="what could not be stored, and why"))
    losses.add_arguments(commands.add_parser("losses", help="what was dropped, until you acknowledge it"))
    audit.add_arguments(commands.add_parser("audit", help="when changes were missed, and what became of them"))
    backfill.add_arguments(commands.add_parser("backfill", help="import history from Home Assistant's recorder"))
    jobs.add_arguments(
        commands.add_parser("jobs", help="what is being compared with Home Assistant's recorder, and was")
    )
    rename.add_arguments(
        commands.add_parser("rename", help="store the history of an entity that was renamed under its new id")
    )
    commands.add_parser("demo", help="ingest a simulated home into .demo, with a live view")
    return parser


def _with_settings(settings: Settings, given: argparse.Namespace) -> Exit:
    if given.command == "run":
        return _run(settings)
    _configure_log(settings, "error")
    return trio.run(_COMMANDS[given.command], settings, given)


def _run(settings: Settings) -> Exit:
    _configure_log(settings, settings.log_level)
    return trio.run(service.run, settings)


def _demo() -> Exit:
    from ingestor.commands.demo import demo  # noqa: PLC0415  the simulated home is no part of a run

    return trio.run(demo, _configure_log)


def _configure_log(settings: Settings, level: Literal["debug", "info", "warning", "error"]) -> None:
    log.configure(level=level, style=settings.log_format, secrets=settings.secrets)
