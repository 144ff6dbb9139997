"""The entry script of a Spark job, for ``spark-submit`` and EMR Serverless: its arguments are those of ``averment media scan``.

A job whose images were scanned has succeeded, whatever was found: the counts are in its log and results. With another exit code than 0 EMR
would call it failed, and perhaps begin it anew. It fails where the scan could not be done.
"""

from __future__ import annotations

import sys

import click

from averment.cli.media_scan import scan
from averment.core.errors import AvermentError, ExitCode


def main(arguments: list[str]) -> int:
    """Scan by Spark; 0 when it was done."""
    try:
        found = scan.main([*arguments, "--engine", "spark"], prog_name="spark_scan.py", standalone_mode=False)
    except AvermentError as error:
        click.echo(f"averment: {error.diagnostics()}", err=True)
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    click.echo(f"done; averment media scan would exit with {found}", err=True)
    return int(ExitCode.CLEAN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
