"""``averment sandbox``: the embedded AWS for trying things out."""

from __future__ import annotations

import shlex
import signal
import threading
from contextlib import suppress

import click

from averment.cli.common import stderr


@click.group(name="sandbox")
def command() -> None:
    """Run the embedded AWS: S3, KMS, SQS, EventBridge, Config, SageMaker, Audit Manager and more, on this machine.

    Example: averment sandbox run --port 5005
    """


@command.command("run")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port on the loopback; 0 takes a free one.")
@click.option("--region", default="eu-west-1", show_default=True, help="Region that the printed variables name.")
def run_sandbox(port: int, region: str) -> int:
    """Serve until Ctrl-C; prints the variables that lead boto3 and the AWS CLI here.

    It keeps nothing: what was in it is gone when it stops. It listens on the loopback only and checks no credentials.

    \b
    Example: averment sandbox run --port 5005 > sandbox.env &
             until grep -qs unset sandbox.env; do sleep 1; done; . ./sandbox.env; aws s3 ls
    """
    from averment.sandbox.server import UNSET, Sandbox

    stop = threading.Event()
    with Sandbox(port=port, region=region, managed_policies=True) as sandbox:
        variables = [f"export {name}={shlex.quote(value)}" for name, value in sandbox.environment().items()]
        click.echo("\n".join((UNSET, *variables)))  # at once: whoever read a part of them would go on to an account of their own
        stderr.print(f"The embedded AWS answers at {sandbox.endpoint}. Ctrl-C stops it.")
        before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
        try:
            with suppress(KeyboardInterrupt):  # Ctrl-C is how one stops it
                stop.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    stderr.print("Stopped; what it held is gone.")
    return 0
