"""``averment detector``: a detector over HTTP, and its threshold."""

from __future__ import annotations

import os
from importlib.util import find_spec

import click

from averment.cli.common import stderr
from averment.cli.detector_threshold import threshold
from averment.core.errors import ExitCode

MAX_ASYNC_BODY = 1024**3
"""Bytes that SageMaker hands to the container of an asynchronous endpoint at most."""


@click.group(name="detector")
def command() -> None:
    """Serve a detector, and choose from which probability on it flags.

    \b
    Example: averment detector serve --port 8080
             averment detector threshold genuine/ --at-most 0.05 --out detector.yaml
    """


@command.command("serve", short_help="Answer over HTTP, as SageMaker asks of a container.")
@click.option("--host", default="0.0.0.0", show_default=True, help="The address to listen on; 127.0.0.1 keeps it to this machine.")  # noqa: S104 - SageMaker calls from outside the container
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    envvar="SAGEMAKER_BIND_TO_PORT",
    show_envvar=True,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    envvar="AVERMENT_WORKERS",
    show_envvar=True,
    help="Images or videos scored at a time. Default: one for each CPU this process may use.",
)
@click.option(
    "--waiting",
    type=click.IntRange(0, 256),
    default=16,
    envvar="AVERMENT_WAITING",
    show_envvar=True,
    show_default=True,
    help="Requests that may wait for a worker; more hear 503 at once.",
)
@click.option(
    "--max-body",
    type=click.IntRange(1, MAX_ASYNC_BODY),
    metavar="BYTES",
    envvar="AVERMENT_MAX_BODY",
    show_envvar=True,
    help="A larger request, unless it is a video, is refused (413). Default: what the detector reads of one image, 32 MiB.",
)
@click.option(
    "--max-clip",
    type=click.IntRange(0, MAX_ASYNC_BODY),
    metavar="BYTES",
    envvar="AVERMENT_MAX_CLIP",
    show_envvar=True,
    help="A larger video is refused (413); with 0, every video (415). Default: 1 GiB where PyAV is installed, else 0.",
)
@click.option(
    "--detector",
    "spec",
    default="embedded",
    envvar="AVERMENT_DETECTOR",
    show_envvar=True,
    show_default=True,
    metavar="embedded|SPEC.yaml",
    help="What scores the images, and of a video the frames.",
)
def serve(host: str, port: int, workers: int | None, waiting: int, max_body: int | None, max_clip: int | None, spec: str) -> int:
    """Answer GET /ping and POST /invocations until SIGTERM or Ctrl-C: SageMaker's container contract, for any HTTP client.

    It asks nobody for a password: SageMaker keeps the container to itself, and anybody else has to.

    \b
    Example: averment detector serve --host 127.0.0.1 --port 8080 &
             curl --data-binary @hero.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8080/invocations
    """
    from averment.detector.imaging import MAX_BYTES
    from averment.detector.opening import open_detector
    from averment.detector.serving_http import Application, Limits
    from averment.detector.serving_server import Server

    largest = max_clip if max_clip is not None else MAX_ASYNC_BODY if find_spec("av") else 0
    limits = Limits(workers or _cpus(), waiting, max_body or MAX_BYTES, largest)
    application = Application(open_detector(spec), limits)
    application.warm_up()
    server = Server(application, host=host, port=port)
    info = application.detector.info
    stderr.print(
        f"{info.name} {info.version} answers at {server.url} ({limits.workers} workers{'' if largest else ', no videos'}). Ctrl-C stops it.",
        markup=False,
    )
    server.run()
    stderr.print("Stopped.")
    return ExitCode.CLEAN


command.add_command(threshold)


def _cpus() -> int:
    """CPUs that this process may use: fewer than the machine has, in a container with a limit by affinity."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
