"""Frames of high dynamic range as a screen of ordinary range shows them, in the program that decodes.

Telephones record HLG (Hybrid Log-Gamma) by default, streaming and game consoles PQ (Perceptual Quantizer), both in the wide colours of BT.2020. Read as ordinary
video such pictures are pale, and a detector sees nobody's picture.

* HLG was made to be shown as it is on a screen of ordinary range and wide colours (ITU-R BT.2390, section 7; such a screen raises it to 2.4, BT.1886). What is left to do
  is to bring the colours to BT.709, in light: a matrix from the primaries of both (BT.2407, annex 2), and what lies outside is cut off.
* PQ says how bright a screen is to be (BT.2100, table 4). It is first made the HLG that a screen of 1,000 cd/m2 would show as bright (BT.2408, section 7.2: the inverse of
  HLG's own rendering and its curve, BT.2100, table 5). What is brighter still is cut off, and a frame much of which is that isn't judged.

Metadata that change from scene to scene (Dolby Vision, HDR10+) are for screens of a certain brightness, and left aside; what can't be seen without them is refused.
"""

from __future__ import annotations

from typing import Any

from averment.detector.video.refused import RefusedError

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273."""

_UNSTATED = 2
_AS_ORDINARY = frozenset({14, 15})
"""BT.2020's own curves, by whose name HLG goes where it says of itself in another place what it is (H.265, alternative transfer characteristics): a player that knows
but the name shows the same signal as it is, which is what HLG was made for."""
_NOT_ORDINARY = frozenset({8, 9, 10, 17})
"""Light that is written linearly, in logarithms, or for cinemas: a player that obeys shows something else than one that doesn't."""

_UNREAD_MATRICES = frozenset({8, 10, 11, 12, 13, 14, 15, 16, 17})
"""Ways of writing colours that FFmpeg's scaler doesn't read: YCgCo, constant luminance, ICtCp and others."""

_WIDE_MATRICES = frozenset({1, 9})

PRIMARIES = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""BT.709, BT.2020 and Display P3 by their number in H.273: where red, green and blue lie (CIE 1931 xy). White is D65 in all of them."""
_WHITE = (0.3127, 0.3290)

_NEEDS_METADATA = ("dvh1", "dvhe", "dva1", "dvav", "dav1")
"""Names of Dolby Vision's own codecs in an MP4."""

_PEAK = 1000.0
"""cd/m2 of the screen by way of which PQ becomes HLG, and its system gamma."""
_SYSTEM_GAMMA = 1.2
_SCREEN_GAMMA = 2.4

MOST_CUT_OFF = 0.05
"""Share of a frame's pixels that may be brighter than that screen. The sun and lamps are less; a picture that is drawn up there would be one white patch."""


def tone(transfer: int, stated: int, matrix: int, tag: str, *, metadata: bool) -> int:
    """``PQ``, ``HLG``, or 0 for ordinary range, of a frame that says so of itself and whose container says ``stated``; ``tag`` is the codec's name
    there, and ``metadata`` whether it comes with Dolby Vision's.

    Raises:
        RefusedError: it is shown in a way that isn't known here, or not by every player in the same one.
    """
    if transfer == _UNSTATED and (metadata or tag.lower() in _NEEDS_METADATA):
        raise RefusedError("it is Dolby Vision that can't be seen without its metadata, which are not applied here")
    if matrix in _UNREAD_MATRICES:
        raise RefusedError(f"its colours are written in a way that is not read here (matrix {matrix} of H.273)")
    for number in (transfer, stated):
        if number in _NOT_ORDINARY:
            raise RefusedError(f"its brightness is written in a way that is not read here (transfer {number} of H.273)")
    if transfer == HLG and stated in _AS_ORDINARY:
        return HLG
    kinds = {number if number in (PQ, HLG) else 0 for number in (transfer, stated) if number != _UNSTATED}
    if len(kinds) > 1:
        raise RefusedError("its container says another dynamic range than its frames, and which is shown depends on the player")
    return kinds.pop() if kinds else 0


def standard(signal: Any, kind: int, matrix: int, primaries: int) -> Any:
    """A picture of ordinary range, 8 bits in BT.709, from red, green and blue of ``kind`` in 16 bits.

    Raises:
        RefusedError: in colours that aren't known, or too much of it is brighter than what is shown.
    """
    import numpy

    if matrix not in _WIDE_MATRICES or primaries not in (*PRIMARIES, _UNSTATED):
        raise RefusedError(
            f"its high dynamic range comes in colours that are not known here (primaries {primaries}, matrix {matrix} of H.273)"
        )
    own = 9 if primaries == _UNSTATED else primaries
    written = numpy.arange(65536, dtype=numpy.float64) / 65535
    if kind == PQ:
        light = pq_light(written).astype(numpy.float32)[signal]
        if float((light.max(axis=-1) > _PEAK).mean()) > MOST_CUT_OFF:
            raise RefusedError(f"much of it is brighter than {_PEAK:,.0f} cd/m2, which is not told apart here")
        hybrid = hlg_of_light(light, own)
    else:
        hybrid = written.astype(numpy.float32)[signal]
    shown = hybrid**_SCREEN_GAMMA
    if own != 1:
        shown = shown @ between(own, 1).T.astype(numpy.float32)
    return numpy.rint(numpy.clip(shown, 0, 1) ** (1 / _SCREEN_GAMMA) * 255).astype(numpy.uint8)


def pq_light(signal: Any) -> Any:
    """cd/m2 of a signal in [0, 1] (BT.2100, table 4, the reference EOTF)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    return 10_000 * ((root - c1).clip(0) / (c2 - c3 * root)) ** (1 / m1)


def hlg_of_light(light: Any, primaries: int) -> Any:
    """The HLG signal that a screen of 1,000 cd/m2 shows as ``light`` of these colours (BT.2100, table 5: the inverse OOTF and the OETF)."""
    import numpy

    part = numpy.minimum(light / _PEAK, 1)
    weights = _to_xyz(primaries)[1].astype(part.dtype)
    luminance = numpy.maximum(part @ weights, 1e-9)
    return hlg_signal(numpy.clip(part * (luminance ** ((1 - _SYSTEM_GAMMA) / _SYSTEM_GAMMA))[..., None], 0, 1))


def hlg_signal(scene: Any) -> Any:
    """The signal of light in front of the camera, both in [0, 1] (BT.2100, table 5, the reference OETF)."""
    import numpy

    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * float(numpy.log(4 * a))
    return numpy.where(scene <= 1 / 12, numpy.sqrt(3 * scene), a * numpy.log(numpy.maximum(12 * scene - b, 1e-9)) + c)


def between(theirs: int, ours: int) -> Any:
    """The matrix from amounts of red, green and blue light of some primaries to those of others."""
    import numpy

    return numpy.linalg.inv(_to_xyz(ours)) @ _to_xyz(theirs)


def _to_xyz(primaries: int) -> Any:
    import numpy

    white, *lamps = (numpy.array([x / y, 1.0, (1 - x - y) / y]) for x, y in (_WHITE, *PRIMARIES[primaries]))
    each = numpy.stack(lamps, axis=1)
    return each * numpy.linalg.solve(each, white)
