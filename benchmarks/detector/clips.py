"""How well clips are told apart: ``python benchmarks/detector/clips.py --data DIR [--detector SPEC]``.

``DIR`` has a ``manifest.csv`` as ``compare.py`` takes it (file; label real or manipulated; optional generator, group and source), whose files are
videos. Each is scored as ``averment media scan`` does, frames over its length put together into one figure, and beside it by a single frame from its
middle, which is what somebody would do who has a detector of images alone. Both on the same clips in one run; intervals over groups. Clips of one
source are compared among themselves as well: between sources, how somebody filmed and saved tells real from fake.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from compare import FAMILIES, Medium, environment, figures, rows_of, table
from stages import run

from averment.core.errors import BadInputError
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Detector, Family, Score
from averment.detector.opening import open_detector
from averment.detector.video.frames import Frame, Sampling, frames
from averment.detector.video.scoring import by_hash, score_clip

FEWEST = 3
"""Real and fake clips that a source needs for figures of its own."""


def of_folder(folder: Path) -> list[tuple[Path, Medium, str]]:
    """The clips that the folder's manifest names, each with its source.

    Raises:
        BadInputError: as ``rows_of``, or a row whose label means nothing here.
    """
    found = []
    for where, row in rows_of(folder):
        if row["label"] not in ("real", *FAMILIES):
            raise BadInputError(f"'{row['label']}' is no label", where=where, fix=f"write real, {' or '.join(FAMILIES)}")
        medium = Medium(b"", FAMILIES.get(row["label"]), row.get("generator") or "", row.get("group") or row["file"])
        found.append((folder / row["file"], medium, row.get("source") or ""))
    return found


def middle_frame(clip: Path, detector: Detector) -> Score:
    """The score of one frame, from the middle of the clip."""
    try:
        pictures = [item.png for item in frames(clip, Sampling(frames=1)) if isinstance(item, Frame)]
    except UnreadableError as error:
        return Score(cannot_say=str(error))
    return detector.score(pictures)[0] if pictures else Score(cannot_say="no frame of it could be looked at")


def report(
    title: str, media: Sequence[Medium], scores: Mapping[str, Sequence[Score]], detector: Detector, families: Sequence[Family]
) -> None:
    """Print the table of each family."""
    for family in families:
        keep = [place for place, medium in enumerate(media) if medium.family in (None, family)]
        if not any(media[place].family is family for place in keep):
            continue
        chosen = [media[place] for place in keep]
        rows = {way: figures(detector, family, chosen, [given[place] for place in keep]) for way, given in scores.items()}
        counts = f"{sum(medium.family is None for medium in chosen)} real, {sum(medium.family is family for medium in chosen)} fake"
        print(f"### {family}, {title}: {counts}, {len({medium.group for medium in chosen})} groups\n")
        print(table([replace(row, detector=way) for way, row in rows.items()]), flush=True)


def measure(folder: Path, detector: Detector, count: int) -> None:
    """Print the tables of the clips in ``folder``, ``count`` frames of each."""
    clips = of_folder(folder)
    scores = {
        "whole clip": [score_clip(path, detector, by_hash(path, count)) for path, _, _ in clips],
        "its middle frame": [middle_frame(path, detector) for path, _, _ in clips],
    }
    report("all clips", [medium for _, medium, _ in clips], scores, detector, list(Family))
    for source in sorted({source for _, _, source in clips if source}):
        keep = [place for place, clip in enumerate(clips) if clip[2] == source]
        media = [clips[place][1] for place in keep]
        if min(sum(medium.family is None for medium in media), sum(medium.family is not None for medium in media)) >= FEWEST:
            own = {way: [found[place] for place in keep] for way, found in scores.items()}
            report(source, media, own, detector, list(Family))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="A folder of clips with manifest.csv.")
    parser.add_argument("--detector", default="embedded", help="As for averment prove.")
    parser.add_argument("--frames", type=int, default=Sampling().frames, help="Of each clip, over its length.")
    given = parser.parse_args()
    detector = open_detector(given.detector)
    info = detector.info
    print(f"# Clips\n\n{environment()}. {info.name} {info.version}, SHA-256 {info.sha256 or 'not stated'}; {given.frames} frames a clip\n")
    measure(given.data, detector, given.frames)


if __name__ == "__main__":
    run(main)
