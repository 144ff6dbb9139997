"""What happens to an image between its maker and whoever judges it: named transforms with a strength, deterministic.

| name | strength | what it does |
|---|---|---|
| ``jpeg`` | quality 5 to 100, whole | encodes as JPEG, 4:2:0 |
| ``resize`` | factor 0.1 to 0.99 and 1.01 to 4 | resizes both sides (bicubic), keeps the pixels otherwise (PNG) |
| ``crop`` | share of each side kept, 0.2 to 0.99 | cuts out the middle (PNG) |
| ``blur`` | sigma in pixels, 0.3 to 10 | Gaussian blur (PNG) |
| ``noise`` | standard deviation in levels of 255, 0.5 to 64 | adds Gaussian noise, drawn from the image's own hash (PNG) |
| ``reencode`` | quality 5 to 100, whole | WebP and then JPEG, as a platform that stores the one and serves the other |
| ``screenshot`` | zoom 0.5 to 2 | shows the image on a grey page at this zoom (bilinear) and captures it with a margin (PNG) |

An image that can't be decoded here can't be transformed: where the detector can't say anything of it either, that counts as its error before
and after. A strength that leaves an image as it is would show that a detector withstands what wasn't done, and is refused: noise and blur below their least are
rounded away. What is done is what the name says, so strengths count to six digits, and a quality between two whole ones is none.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from averment.core.errors import BadInputError
from averment.core.extras import require

if TYPE_CHECKING:
    from PIL import Image

PAGE_GREY = (245, 245, 245)
MAX_TRANSFORMS = 32
LEAST_CHANGE = 0.01
"""Of a side, by which a change of size differs from none."""

MARGIN_SHARE = 0.03
"""Of the page around a screenshot's image, on each side."""


@dataclass(frozen=True)
class Transform:
    """A named transform at a strength."""

    name: str
    strength: float

    def __str__(self) -> str:
        return f"{self.name} {self.strength:g}"

    def __call__(self, data: bytes) -> bytes:
        """``data`` (an encoded image) transformed and encoded again; the same bytes for the same input and versions.

        Raises:
            UnreadableError: not an image that the detector's own decoding takes, or too large to be transformed.
        """
        from averment.detector.decoding import decode

        image = decode(data, least=1)  # who judges small ones sees them changed as well
        return _KINDS[self.name].apply(image, self.strength, data)


def read_transform(value: Any) -> Transform:
    """``{jpeg: 50}`` as a transform.

    Raises:
        BadInputError: not one name with a strength in its range.
    """
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, strength),) = value.items()
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise BadInputError(f"there is no transform '{name}'", fix=f"known: {', '.join(_KINDS)}")
        number = isinstance(strength, int | float) and not isinstance(strength, bool)
        fix = f"write {kind.meaning} from {kind.least:g} to {kind.most:g}"
        if not number or not kind.least <= strength <= kind.most:
            raise BadInputError(f"the strength of {name} is {strength!r}", fix=fix)
        if kind.scales and abs(strength - 1) < LEAST_CHANGE:
            between = f"but not between {1 - LEAST_CHANGE:g} and {1 + LEAST_CHANGE:g}"
            raise BadInputError(f"the strength of {name} is {strength!r}, which leaves an image as it is", fix=f"{fix}, {between}")
        if kind.whole and strength != int(strength):
            raise BadInputError(
                f"the strength of {name} is {strength!r}, and there is no quality between two", fix=f"{fix}, a whole number"
            )
        found = Transform(name, float(strength))
        return Transform(name, float(str(found).removeprefix(f"{name} ")))  # what its name says, and no other figure beside it
    raise BadInputError(f"{value!r} is not a transform", fix="write a name and a strength, such as {jpeg: 50}")


def read_transforms(value: Any) -> tuple[Transform, ...]:
    """``[{jpeg: 50}, {resize: 0.5}]`` as transforms.

    Raises:
        BadInputError: not a list of 1 to ``MAX_TRANSFORMS``, one that isn't a transform, or one that is named twice.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TRANSFORMS:
        raise BadInputError(f"transforms is {value!r}", fix=f"list 1 to {MAX_TRANSFORMS}, such as [{{jpeg: 50}}, {{resize: 0.5}}]")
    found = tuple(read_transform(item) for item in value)
    if len(set(found)) < len(found):
        raise BadInputError("transforms names one twice", fix="keep one of them")
    return found


def _png(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "PNG", compress_level=1)
    return output.getvalue()


def _jpeg(image: Image.Image, quality: float, _: bytes) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", quality=round(quality), subsampling="4:2:0")
    return output.getvalue()


def _resize(image: Image.Image, factor: float, _: bytes) -> bytes:
    from PIL import Image

    return _png(_scaled(image, factor, Image.Resampling.BICUBIC))


def _scaled(image: Image.Image, factor: float, how: Any) -> Image.Image:
    from averment.detector.imaging import MAX_PIXELS, UnreadableError

    width, height = (max(1, round(side * factor)) for side in image.size)
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"enlarged {factor:g} times it would have {width} x {height} pixels; more than {MAX_PIXELS:,} are not made")
    return image.resize((width, height), how)


def _crop(image: Image.Image, share: float, _: bytes) -> bytes:
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return _png(image.crop((left, top, left + width, top + height)))


def _blur(image: Image.Image, sigma: float, _: bytes) -> bytes:
    from PIL import ImageFilter

    return _png(image.filter(ImageFilter.GaussianBlur(sigma)))


def _noise(image: Image.Image, deviation: float, data: bytes) -> bytes:
    import numpy as np
    from PIL import Image

    random = np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(data).digest()[:16], "big")))
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + random.standard_normal(pixels.shape, dtype=np.float32) * np.float32(deviation)
    return _png(Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))


def _reencode(image: Image.Image, quality: float, data: bytes) -> bytes:
    from PIL import Image

    output = io.BytesIO()
    image.save(output, "WEBP", quality=round(quality))
    with Image.open(io.BytesIO(output.getvalue()), formats=("WEBP",)) as stored:
        return _jpeg(stored.convert("RGB"), quality, data)


def _screenshot(image: Image.Image, zoom: float, _: bytes) -> bytes:
    from PIL import Image

    shown = _scaled(image, zoom, Image.Resampling.BILINEAR)
    across, down = (round(side * MARGIN_SHARE) + 1 for side in shown.size)
    page = Image.new("RGB", (shown.width + 2 * across, shown.height + 2 * down), PAGE_GREY)
    page.paste(shown, (across, down))
    return _png(page)


@dataclass(frozen=True)
class _Kind:
    apply: Callable[[Image.Image, float, bytes], bytes]
    least: float
    most: float
    meaning: str
    scales: bool = False
    whole: bool = False


_KINDS: Mapping[str, _Kind] = {
    "jpeg": _Kind(_jpeg, 5, 100, "a quality", whole=True),
    "resize": _Kind(_resize, 0.1, 4, "a factor", scales=True),
    "crop": _Kind(_crop, 0.2, 0.99, "the share of each side that is kept"),
    "blur": _Kind(_blur, 0.3, 10, "a radius in pixels"),
    "noise": _Kind(_noise, 0.5, 64, "a standard deviation in levels of 255"),
    "reencode": _Kind(_reencode, 5, 100, "a quality", whole=True),
    "screenshot": _Kind(_screenshot, 0.5, 2, "a zoom"),
}


def imaging_version() -> str:
    """Pillow's version, which with its codecs decides the bytes of a transformed image.

    Raises:
        MissingExtraError: Pillow isn't installed.
    """
    return str(require("PIL", extra="detector", needed_for="transforming images").__version__)
