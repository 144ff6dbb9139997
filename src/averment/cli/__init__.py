"""The command line: one module a command group, and a written-out registry in ``main``."""
