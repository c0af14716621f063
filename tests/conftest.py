"""What holds for all tests: none is timed, and what was left out for want of something is told at the end of a run.

Under CI a run that left out what it needs has failed.
"""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

from tests.servers.absence import left_out

settings.register_profile("untimed", deadline=None)  # a busy machine is no mistake of what is tried
settings.load_profile("untimed")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a server that is started a hundred times is compiled once
sys.dont_write_bytecode = False
os.environ["WEATHER_PROVIDER"] = "none"  # no test asks a service of the internet: who wants weather has a double


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("real") is None)  # the long ones first, so that none is last


def pytest_sessionfinish(session: pytest.Session) -> None:
    _, required = left_out(_reasons(session.config))
    if required and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    line, required = left_out(_reasons(config))
    if line:
        terminalreporter.write_line(line, red=required, yellow=not required)


def _reasons(config: pytest.Config) -> list[str]:
    """Return why tests were skipped; a worker of xdist, which reports to another process, has none."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    return [report.longrepr[-1] for report in skipped]  # its file, line and reason
