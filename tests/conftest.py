"""What was left out for want of something, in one line at the end of a run; under CI the run has then failed."""

from __future__ import annotations

import os

import pytest

from tests.servers.absence import left_out


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
