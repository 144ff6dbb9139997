"""``averment media explain``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import click

from averment.cli.common import NamedPath, stderr
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.showing import printable

if TYPE_CHECKING:
    from averment.detector.interface import Detector, Score

_VERSION = "?versionId="
"""What parts an object's name from its version, as ``averment review show`` and the incidents' records print it."""


@click.command()
@click.argument("place", metavar="FILE|s3://BUCKET/KEY[?versionId=V]")
@click.option("--out", required=True, type=NamedPath(path_type=Path, dir_okay=False), metavar="PNG", help="Where the picture goes.")
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

    Exit code 0: not flagged; 1: flagged; 3: the detector can't say (the picture then says why), or the file can't be read. Of a video
    without --at it is about the whole clip, as averment media scan judges it; with --at about that frame.

    \b
    Example: averment media explain uploads/portrait.jpg --out why.png
             averment media explain uploads/clip.mp4 --at 12.4 --out why.png
    """
    from averment.cli.media_scan_files import refuse_overwriting
    from averment.core.files import write_atomic
    from averment.detector.bulk.places import place_of
    from averment.detector.explaining import render
    from averment.detector.imaging import UnreadableError
    from averment.detector.opening import open_detector

    if out.suffix.lower() != ".png":
        raise BadInputError(f"the picture is a PNG, and '{out}' is not named so", fix=f"write --out {out.with_suffix('.png')}")
    refuse_overwriting(place_of(place), detector, out, None)
    opened = open_detector(detector)
    try:
        with _on_disk(place) as path:
            image, score, clip = _judged(path, place, at, opened)
        explanation = opened.explain(image)
        picture = render(image, score, explanation, opened.info)
    except UnreadableError as error:
        raise IncompleteError(f"'{place}' can't be explained: {error}") from error
    write_atomic(out, picture)
    said, code = _told(clip or score, opened.info.threshold)
    if clip is not None:
        said += f" (the clip; of this frame alone: {_told(score, opened.info.threshold)[0]})"
    click.echo(f"{printable(str(out))}: {said}")
    if explanation.no_map:
        stderr.print(f"no heat map: {printable(explanation.no_map)}", markup=False)
    return int(code)


def _told(score: Score, threshold: float) -> tuple[str, ExitCode]:
    """The scan's finding in words, and as the command's exit code."""
    from averment.detector.scanning import Finding, exit_code, finding_of

    finding = finding_of(score, threshold)
    unsaid = finding is Finding.COULD_NOT or score.highest is None
    said = f"can't say: {printable(str(score.open_question))}" if unsaid else f"{finding}, {score.highest:.3f}"
    return said, exit_code([finding])


@contextmanager
def _on_disk(place: str) -> Iterator[Path]:
    from averment.core.aws import client
    from averment.detector.video.lending import file_on_disk, object_on_disk

    if not place.startswith("s3://"):
        with file_on_disk(Path(place)) as path:
            yield path
        return
    name, pinned, version = place.partition(_VERSION)
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise BadInputError(f"'{place}' names no object", fix="write s3://bucket/key, as averment media scan prints it")
    if pinned and not version:
        raise BadInputError(f"'{place}' names no version", fix=f"write it behind {_VERSION}, or leave that out for the present one")
    with object_on_disk(client("s3"), bucket, unquote(key), unquote(version) or None) as downloaded:
        yield downloaded.path


def _judged(path: Path, place: str, at: float | None, detector: Detector) -> tuple[bytes, Score, Score | None]:
    """The image itself, or the frame of a video that is asked for; its score; and the clip's, where it is the clip that is asked about."""
    from averment.core.files import read_bounded
    from averment.detector.bulk.objects import is_clip
    from averment.detector.bulk.places import taken_for_clip
    from averment.detector.faces.finder import FaceFinder
    from averment.detector.imaging import MAX_BYTES, UnreadableError
    from averment.detector.video.frames import Frame, Missed, Sampling, frames
    from averment.detector.video.scoring import score_clip, score_frames

    if not (is_clip(unquote(place.partition(_VERSION)[0])) if place.startswith("s3://") else taken_for_clip(path)):  # as a scan takes it
        if at is not None:
            raise BadInputError(f"'{place}' is not a video, so it has no frame at {at:g} s", fix="leave out --at")
        image = read_bounded(path, limit=MAX_BYTES)
        return image, detector.score([image])[0], None
    clip = None
    if at is None:
        clip = score_clip(path, detector)
        worst = clip.clip.worst if clip.clip else None
        if worst is None:
            raise UnreadableError(clip.cannot_say or "no frame of it spoke louder than the others; name one with --at")
        at = worst.seconds
        stderr.print(f"the frame at {at:.2f} s")
    for item in frames(path, Sampling(at=at)):
        if isinstance(item, Frame):
            return item.png, score_frames([item], detector, FaceFinder())[0], clip
        if isinstance(item, Missed):
            raise UnreadableError(f"there is no frame at {at:g} s: {item.reason}")
    raise UnreadableError(f"there is no frame at {at:g} s")
