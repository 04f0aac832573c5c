"""Runs pytest and ends with one plain line for programs: `123 passed, 0 failed, 4 skipped`."""

import sys

import pytest


class Tally:
    """Pytest plugin that counts the outcomes pytest reports."""

    def __init__(self) -> None:
        self.line = "0 passed, 0 failed"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Keep the counts; an error in a fixture or while collecting is a failure."""
        found = {name: len(reports) for name, reports in terminalreporter.stats.items()}
        failed = found.get("failed", 0) + found.get("error", 0)
        self.line = f"{found.get('passed', 0)} passed, {failed} failed"
        if found.get("skipped"):
            self.line += f", {found['skipped']} skipped"


if __name__ == "__main__":
    tally = Tally()
    code = pytest.main(sys.argv[1:], plugins=[tally])
    print(tally.line, flush=True)
    sys.exit(code)
