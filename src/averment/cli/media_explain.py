"""``averment media explain``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

from averment.cli.common import stderr
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.showing import printable

if TYPE_CHECKING:
    from averment.detector.interface import Detector


@click.command()
@click.argument("place", metavar="FILE|s3://BUCKET/KEY")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="PNG", help="Where the picture goes.")
@click.option(
    "--at", type=click.FloatRange(min=0), metavar="SECONDS", help="Of a video: which frame. By default the one that speaks loudest."
)
@click.option(
    "--detector",
    default="embedded",
    show_default=True,
    metavar="embedded|sagemaker:NAME|https://SERVICE|SPEC.yaml",
    help="What scores the image.",
)
def explain(place: str, out: Path, at: float | None, detector: str) -> int:
    """Draw what was seen in an image or a video's frame: faces, scores, and where the detector says that they come from.

    Exit code 0: not flagged; 1: flagged; 3: the detector can't say (the picture then says why), or the file can't be read.

    \b
    Example: averment media explain uploads/portrait.jpg --out why.png
             averment media explain uploads/clip.mp4 --at 12.4 --out why.png
    """
    from averment.core.files import write_atomic
    from averment.detector.explaining import render
    from averment.detector.imaging import UnreadableError
    from averment.detector.opening import open_detector

    if out.suffix.lower() != ".png":
        raise BadInputError(f"the picture is a PNG, and '{out}' is not named so", fix=f"write --out {out.with_suffix('.png')}")
    opened = open_detector(detector)
    try:
        with _on_disk(place) as path:
            image = _image(path, place, at, opened)
        score = opened.score([image])[0]
        explanation = opened.explain(image)
        picture = render(image, score, explanation, opened.info)
    except UnreadableError as error:
        raise IncompleteError(f"'{place}' can't be explained: {error}") from error
    write_atomic(out, picture)
    highest = score.highest
    flagged = highest is not None and highest >= opened.info.threshold
    unsaid = None if flagged else score.open_question
    said = f"can't say: {printable(unsaid)}" if unsaid is not None else f"{'flagged' if flagged else 'clean'}, {highest:.3f}"
    click.echo(f"{printable(str(out))}: {said}")
    if explanation.no_map:
        stderr.print(f"no heat map: {printable(explanation.no_map)}", markup=False)
    if unsaid is not None:
        return int(ExitCode.INCOMPLETE)
    return int(ExitCode.FINDINGS if flagged else ExitCode.CLEAN)


@contextmanager
def _on_disk(place: str) -> Iterator[Path]:
    from averment.core.aws import client
    from averment.detector.video.lending import file_on_disk, object_on_disk

    if not place.startswith("s3://"):
        if not Path(place).exists():
            raise BadInputError(f"there is no file '{place}'", fix="check the path, or write s3://bucket/key")
        with file_on_disk(Path(place)) as path:
            yield path
        return
    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise BadInputError(f"'{place}' names no object", fix="write s3://bucket/key, as averment media scan prints it")
    with object_on_disk(client("s3"), bucket, unquote(key)) as downloaded:
        yield downloaded.path


def _image(path: Path, place: str, at: float | None, detector: Detector) -> bytes:
    """The image itself, or the frame of a video that is asked for."""
    from averment.core.files import read_bounded
    from averment.detector.imaging import MAX_BYTES, UnreadableError
    from averment.detector.sniffing import video_type
    from averment.detector.video.frames import Frame, Sampling, frames
    from averment.detector.video.scoring import score_clip

    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise BadInputError(f"'{place}' can't be read: {error.strerror}", fix="check the path and its permissions") from error
    if video_type(head) is None:
        if at is not None:
            raise BadInputError(f"'{place}' is not a video, so it has no frame at {at:g} s", fix="leave out --at")
        return read_bounded(path, limit=MAX_BYTES)
    if at is None:
        result = score_clip(path, detector)
        worst = result.clip.worst if result.clip else None
        if worst is None:
            raise UnreadableError(result.cannot_say or "no frame of it spoke louder than the others; name one with --at")
        at = worst.seconds
        stderr.print(f"the frame at {at:.2f} s")
    for item in frames(path, Sampling(at=at)):
        if isinstance(item, Frame):
            return item.png
    raise UnreadableError(f"there is no frame at {at:g} s")
