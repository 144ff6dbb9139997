"""Whether what is signed goes under a name of its own format: signing changes no format, and whoever goes by the name would be misled."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

from averment.core.errors import BadInputError
from averment.core.showing import printable
from averment.detector.credentials.formats import container_type

_ALIKE = (
    frozenset({"image/avif", "image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"}),
    frozenset({"image/png", "image/apng"}),
    frozenset({"video/mp4", "audio/mp4"}),
)
"""One container with many brands, of which a file's first needn't be the one that it is named after; one whose pictures may move; and one of films that
may hold sound alone."""


def check_utf_8(text: str, what: str) -> str:
    """``text`` if it is UTF-8, which what is written into logs, manifests and AWS has to be.

    Raises:
        BadInputError: it has bytes that are none; ``what`` says whose they are.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInputError(f"{what} is not valid UTF-8: '{printable(text)}'", fix="write it in UTF-8") from error
    return text


def check_name(output: str, data: bytes) -> None:
    """Refuse a name of another format. Names of films are taken for any film, and names that say nothing for anything.

    Raises:
        BadInputError: ``output`` is called one kind of image or film, and ``data`` are another.
    """
    called, is_ = mimetypes.guess_type(output, strict=False)[0], container_type(data)
    if called is None or is_ is None or called == is_ or not called.startswith(("image/", "video/")):
        return
    if any({called, is_} <= alike for alike in _ALIKE) or (called.startswith("video/") and is_.startswith("video/")):
        return
    name = PurePosixPath(output).with_suffix(mimetypes.guess_extension(is_, strict=False) or "").name
    raise BadInputError(
        f"{output} is called {called}, and what would be written is {is_}", fix=f"name it {name}, or convert it before signing"
    )
