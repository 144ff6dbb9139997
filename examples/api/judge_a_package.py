"""Says of a stranger's package what is shown and what isn't: python judge_a_package.py evidence-2026Q4 auditee.pub.pem"""

import sys

from averment import api


def main(package: str, key: str) -> int:
    try:
        verified = api.verify(package, keys=[key])
    except api.AvermentError as error:
        print(error.diagnostics(), file=sys.stderr)
        return error.exit_code
    for wrong in verified.problems:
        print(f"{wrong.file} {wrong.reason}")
    for line in verified.covered:
        print(f"shown: {line}")
    for line in verified.uncovered:
        print(f"not shown: {line}")
    return verified.conclusion.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
