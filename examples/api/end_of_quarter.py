"""Collects, tests a claim and writes the package of a quarter: python end_of_quarter.py 2026Q4 media/generated"""

import sys

from averment import api


def main(quarter: str, generated: str) -> int:
    collected = api.collect("check", "media-states", period=quarter)
    for record in collected.incomplete:
        print(f"{record.collector} could not collect all: {record.reason}")
    for error in collected.errors:
        print(error.diagnostics())

    proved = api.prove("SM-PRV-01", populations={"generated-media": generated})
    for outcome in proved.outcomes:
        print(f"{outcome.id}: {outcome.result.verdict if outcome.result else outcome.error}")

    package = api.export(quarter)
    states = ", ".join(f"{number} {status}" for status, number in package.totals.items() if number)
    print(f"{package.path}: {package.records} records; controls: {states}")
    return max(collected.conclusion.exit_code, proved.conclusion.exit_code)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except api.AvermentError as error:
        print(error.diagnostics(), file=sys.stderr)
        sys.exit(error.exit_code)
