"""A picture of what a detector saw: face boxes, heat maps, scores and a legend, as PNG.

The colours of a map get lighter all the way and keep apart for people who tell fewer colours apart (the tests look through the simulation
of Machado, Oliveira and Fernandes, 2009), and in black and white. Under a map the photograph is grey, so that its own colours can't be taken for the map's.
Nothing but pixels goes into the result: no EXIF, no place, no camera of the original.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from averment.core.extras import require
from averment.detector.decoding import decode
from averment.detector.interface import DetectorInfo, Explanation, FaceScore, Family, HeatMap, Score

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDES = (480, 1024)
"""The longer side of the photograph in the result is brought between these."""

RAMP = ((0, 45, 110), (200, 110, 40), (255, 250, 160))
"""Colours of 0, a half and 1: dark blue, rust, pale yellow."""

OPACITY = 0.78
"""Of the map where it is 1; where it is 0 the photograph is bare."""

_TEXT, _MARGIN, _LINE = 17, 14, 24
_EDGE = 8
"""Pixels of the drawing that an outline keeps from its edge."""
_NOTE = "The map shows where the score comes from, not what was changed."


def colour(value: float) -> tuple[int, int, int]:
    """The colour of a value in [0, 1]."""
    place = min(1.0, max(0.0, value)) * (len(RAMP) - 1)
    first = min(int(place), len(RAMP) - 2)
    low, high, share = RAMP[first], RAMP[first + 1], place - first
    red, green, blue = (round(one + (other - one) * share) for one, other in zip(low, high, strict=True))
    return red, green, blue


def render(image: bytes, score: Score, explanation: Explanation, info: DetectorInfo) -> bytes:
    """The PNG: the photograph with its faces, beside it one panel for each family that has maps, and below the scores in words.

    Raises:
        UnreadableError: ``image`` can't be decoded.
        MissingExtraError: Pillow isn't installed.
    """
    photograph = decode(image, least=1)
    scale = min(SIDES[1] / max(photograph.size), max(1.0, SIDES[0] / max(photograph.size)))
    shown = photograph.resize((max(1, round(photograph.width * scale)), max(1, round(photograph.height * scale))))
    title = f"photograph; at each face: {Family.MANIPULATED_FACE}" if score.faces else "photograph"
    panels = [(title, _with_faces(shown, score.faces, scale, info.threshold))]
    for family in dict.fromkeys(heat.family for heat in explanation.maps):
        maps = [heat for heat in explanation.maps if heat.family is family]
        panels.append((f"{family}: where the score comes from", _with_maps(shown, maps, scale)))
    return _png(_sheet(panels, _words(score, explanation, info), legend=bool(explanation.maps)))


def _with_faces(shown: Image.Image, faces: Sequence[FaceScore], scale: float, threshold: float) -> Image.Image:
    draw_module: Any = require("PIL.ImageDraw", extra="detector", needed_for="drawing")
    drawn = shown.copy()
    draw = draw_module.Draw(drawn)
    for number, face in enumerate(faces, start=1):
        flagged = face.probability >= threshold
        box = _within(face.box, drawn.size, scale)
        _outline(draw, box, scale, width=4 if flagged else 2)
        left, top = box[0] * scale, box[1] * scale
        label = f"{number}: {face.probability:.2f}{' flagged' if flagged else ''}"
        _plate(draw, (left, top - _LINE if top >= _LINE else top), label)
    return drawn


def _with_maps(shown: Image.Image, maps: Sequence[HeatMap], scale: float) -> Image.Image:
    pil: Any = require("PIL.Image", extra="detector", needed_for="drawing")
    draw_module: Any = require("PIL.ImageDraw", extra="detector", needed_for="drawing")
    drawn: Image.Image = shown.convert("L").convert("RGB")
    for heat in maps:
        left, top, right, bottom = (round(edge * scale) for edge in heat.box)
        size = (max(1, right - left), max(1, bottom - top))
        values = pil.new("L", (len(heat.grid[0]), len(heat.grid)))
        values.putdata([round(value * 255) for row in heat.grid for value in row])
        smooth = values.resize(size, pil.Resampling.BILINEAR)
        palette = [colour(value / 255) for value in range(256)]
        tinted = pil.merge("RGB", [smooth.point([entry[channel] for entry in palette]) for channel in range(3)])
        drawn.paste(tinted, (left, top), smooth.point([round(value * OPACITY) for value in range(256)]))
        _outline(draw_module.Draw(drawn), _within(heat.box, drawn.size, scale), scale, width=2)
    return drawn


def _within(box: tuple[float, float, float, float], size: tuple[int, int], scale: float) -> tuple[float, float, float, float]:
    """What shows of ``box`` on a drawing of ``size``: a face that fills the picture goes beyond it, and its outline would lie outside."""
    width, height = ((length - _EDGE) / scale for length in size)
    least = _EDGE / scale
    return max(least, box[0]), max(least, box[1]), min(width, box[2]), min(height, box[3])


def _outline(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], scale: float, *, width: int) -> None:
    """White between black, which shows on any ground."""
    left, top, right, bottom = (round(edge * scale) for edge in box)
    for grow, line, ink in ((width, 3 * width, "black"), (0, width, "white")):
        draw.rectangle((left - grow, top - grow, max(left, right) + grow, max(top, bottom) + grow), outline=ink, width=line)


def _plate(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str) -> None:
    font = _font()
    left, top, right, bottom = draw.textbbox(place, text, font=font)
    draw.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill="black")
    draw.text(place, text, fill="white", font=font)


def _words(score: Score, explanation: Explanation, info: DetectorInfo) -> list[str]:
    lines = [f"{info.name} {info.version}, flags at {info.threshold:g}"]
    for family, probability in score.probabilities.items():
        lines.append(f"{family}: {probability:.3f}{', flagged' if probability >= info.threshold else ''}")
    lines += [f"{family}: says nothing ({reason})" for family, reason in score.silent.items()]
    if score.cannot_say is not None:
        lines.append(f"can't say: {score.cannot_say}")
    lines.append(_NOTE if explanation.maps else f"No map: {explanation.no_map or 'the detector gave none'}.")
    return lines


def _sheet(panels: Sequence[tuple[str, Image.Image]], words: Sequence[str], *, legend: bool) -> Image.Image:
    """Panels side by side under their headings, words below, wrapped to the width, and the legend of the colours last."""
    pil: Any = require("PIL.Image", extra="detector", needed_for="drawing")
    draw_module: Any = require("PIL.ImageDraw", extra="detector", needed_for="drawing")
    inner = max(420, sum(panel.width for _, panel in panels) + _MARGIN * (len(panels) - 1))
    tall = max(panel.height for _, panel in panels)
    lines = [part for line in words for part in _wrapped(line, inner)]
    height = 3 * _MARGIN + _LINE + tall + _LINE * len(lines) + (2 * _LINE + _MARGIN if legend else 0)
    sheet: Image.Image = pil.new("RGB", (inner + 2 * _MARGIN, height), "white")
    draw = draw_module.Draw(sheet)
    across = _MARGIN
    for heading, panel in panels:
        draw.text((across, _MARGIN), _wrapped(heading, panel.width)[0], fill="black", font=_font())
        sheet.paste(panel, (across, _MARGIN + _LINE))
        across += panel.width + _MARGIN
    down = 2 * _MARGIN + _LINE + tall
    for line in lines:
        draw.text((_MARGIN, down), line, fill="black", font=_font())
        down += _LINE
    if legend:
        _legend(draw, (_MARGIN, down + _MARGIN // 2), min(inner, 420))
    return sheet


def _legend(draw: ImageDraw.ImageDraw, place: tuple[int, int], width: int) -> None:
    left, top = place
    for step in range(width):
        draw.line((left + step, top, left + step, top + _LINE - 4), fill=colour(step / (width - 1)))
    draw.rectangle((left, top, left + width - 1, top + _LINE - 4), outline="black")
    for share, text, anchor in ((0.0, "0 nothing", "la"), (0.5, "0.5", "ma"), (1.0, "1 most", "ra")):
        draw.text((left + share * (width - 1), top + _LINE), text, fill="black", font=_font(), anchor=anchor)


def _wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` pixels; a word that is longer by itself is cut."""
    font, lines = _font(), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        while font.getlength(word) > width:
            word = word[:-1]  # noqa: PLW2901
        lines.append(word)
    return [line for line in lines if line] or [""]


def _font() -> Any:
    fonts: Any = require("PIL.ImageFont", extra="detector", needed_for="drawing")
    return fonts.load_default(size=_TEXT)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
