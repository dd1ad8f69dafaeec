"""Turn the tests that did not run into a list at the end, and under CI=true into a failed run."""

from collections import Counter

import pytest
from _pytest.terminal import TerminalReporter

from tests.services.missing import IN_CI


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if IN_CI and session.exitstatus == pytest.ExitCode.OK and not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    reasons = not_run(config)
    if not reasons:
        return
    terminalreporter.section("NOT RUN" + (" (a failure under CI=true)" if IN_CI else ""), red=True)
    for reason, times in reasons.most_common():
        terminalreporter.line(f"{times} test{'s' if times > 1 else ''}: {reason}")


def not_run(config: pytest.Config) -> Counter[str]:
    """Count skipped tests and modules by their reason; empty in a worker, which reports nothing."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    return Counter(_reason(report) for report in skipped)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
