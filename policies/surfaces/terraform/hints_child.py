"""The program that runs tfparse in a process of its own: tfparse is Go and takes the whole process down on some input.

Run as a script, with the module's folder and the variable files as arguments; prints JSON. It imports nothing of Averment, so
that it starts quickly, and bounds its own CPU time and memory.
"""

import json
import resource
import sys

CPU_SECONDS = 60
MEMORY_BYTES = 8 * 1024**3  # address space; Go reserves far more than it uses


def main() -> int:
    """Print what tfparse makes of the folder."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import tfparse

    value = tfparse.load_from_path(sys.argv[1], allow_downloads=False, vars_paths=sys.argv[2:])
    json.dump(value, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
