"""Stops a deployment whose configuration breaks a rule, or can't be judged: python before_a_deployment.py infrastructure"""

import sys

from averment import api


def main(folder: str) -> int:
    try:
        checked = api.check(folder, fail_on=api.FailOn.UNKNOWN)
    except api.AvermentError as error:
        print(error.diagnostics(), file=sys.stderr)
        return error.exit_code
    for finding in (*checked.failures, *checked.unknowns):
        print(f"{finding.where}: {finding.verdict} ({finding.severity}): {finding.message}")
    for problem in checked.problems:
        print(f"{problem.where}: could not be checked: {problem.reason}")
    return checked.conclusion.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
