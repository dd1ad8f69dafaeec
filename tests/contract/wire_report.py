"""Print how the pretend cloud compares with every recording: what `make wire` shows."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from tests.contract.wire_differences import DIFFERENCES
from tests.contract.wire_records import scenarios
from tests.contract.wire_replay import Outcome, Report, replay


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


async def reports(names: list[str]) -> list[Report]:
    return [await replay(name) for name in scenarios() if not names or name in names]


def main(names: list[str]) -> None:
    found = asyncio.run(reports(names))
    say(f"{'recording':<30} {'replayed':>8} {'equal':>6} {'different':>9} {'not covered':>11}")
    for report in found:
        counts = [len(report.of(outcome)) for outcome in Outcome]
        say(f"{report.name:<30} {report.replayed:>8} {counts[0]:>6} {counts[1]:>9} {counts[2]:>11}")
    totals = [sum(len(report.of(outcome)) for report in found) for outcome in Outcome]
    say(f"{'total':<30} {totals[0] + totals[1]:>8} {totals[0]:>6} {totals[1]:>9} {totals[2]:>11}")
    _print_differences(found)
    _print_causes(found)
    if any(report.unexplained for report in found):
        sys.exit("There are differences that no reason is given for.")


def _print_differences(found: list[Report]) -> None:
    say("\nDifferent:")
    for report in found:
        for line in report.of(Outcome.DIFFERENT):
            reason = DIFFERENCES.get((report.name, line.exchange.index), "NOT LISTED")
            say(f"  {report.name} {line.exchange}: {reason}")
            if reason == "NOT LISTED":
                for one in line.because:
                    say(f"      {one}")


def _print_causes(found: list[Report]) -> None:
    causes: Counter[str] = Counter()
    for report in found:
        causes += report.causes
    say("\nNot covered:")
    for cause, count in causes.most_common():
        say(f"  {count:>4} {cause}")


if __name__ == "__main__":
    main(sys.argv[1:])
