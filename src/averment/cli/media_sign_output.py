"""Where ``averment media sign`` puts the signed medium and its log entry: what it may not write over, and in which order the two come."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from averment.cli.common import stderr
from averment.core.errors import AvermentError, BadInputError, IncompleteError, VerificationError
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.core.stopping import standing

if TYPE_CHECKING:
    from averment.core.signing.interface import Signer
    from averment.detector.credentials.log import CloudWatchLog, FileLog, Head
    from averment.detector.credentials.s3 import S3Place
    from averment.detector.credentials.signing import Signed

_OF_THE_AUTHORITY = ("signer.key", "test-authority.key", "test-authority.pem", ".gitignore")


def check_log(text: str | None, group: str | None, *, in_s3: bool) -> FileLog | CloudWatchLog | None:
    """The log that ``--log`` names, as ``inspect`` and ``verify`` take its name; None without one.

    Raises:
        BadInputError: no log can be there, or it doesn't go with where the medium is.
    """
    from averment.detector.credentials.log import CLOUDWATCH_PREFIX, open_log
    from averment.detector.credentials.naming import check_utf_8

    check_utf_8(group or "", "--log-group")
    if not in_s3 and group is not None:
        raise BadInputError(
            "--log-group is where signing in S3 is logged, and this is a file", fix="add --log FILE instead, or leave it out"
        )
    if group == "":
        raise BadInputError("--log-group names no log group", fix="write --log-group NAME, or leave it out")
    if text is None:
        return None
    if text.startswith(CLOUDWATCH_PREFIX):
        check_utf_8(text, "--log")
    if in_s3 and text.startswith(CLOUDWATCH_PREFIX):
        raise BadInputError(
            "signing in S3 is logged in CloudWatch Logs without --log",
            fix=f"name the group with --log-group {text.removeprefix(CLOUDWATCH_PREFIX) or 'GROUP'}",
        )
    return open_log(text, Path.cwd())


def check_output(name: str, key: str | None, certificate: Path | None, test_authority: Path | None, options: Mapping[str, Any]) -> None:
    """Refuse to write the medium over what signing itself needs: a key, a log or an original that is gone can't be had again.

    Raises:
        BadInputError: the output ``name`` is that of one of them, however it is written, or of a folder, or a log is to hold it and can't.
    """
    from averment.detector.credentials.naming import check_utf_8

    output = Path(name)
    if name.endswith(("/", os.sep)):
        raise BadInputError("is the name of a folder", where=SourceRef(name), fix=f"name a file: -o {name}NAME")
    if name == "-":
        raise BadInputError("-o '-' names no file, and a medium isn't written to stdout", fix="name a file; one that is called so is ./-")
    if options["log"]:
        check_utf_8(name, "the output's name, which the log has to hold,")
    kept: list[tuple[str, Path]] = (
        [(f"a file of the test authority {test_authority}", test_authority / name) for name in _OF_THE_AUTHORITY] if test_authority else []
    )
    named = {
        "the provenance log": options["log"],
        "the key": key,
        "the certificate": certificate,
        "the watermark's key": options["watermark_key"],
        "the original (--parent)": options["parent"],
        "the file of trust anchors": options["trust"],
        "the file of time-stamp authorities' roots": options["trust_tsa"],
    }
    kept += [(what, Path(path)) for what, path in named.items() if path]
    for what, path in kept:
        if _same(output, path):
            raise BadInputError(
                f"is {what}, which the signed medium would replace", where=SourceRef(str(output)), fix="name another output: -o FILE"
            )


def check_object(target: S3Place, medium: str, parent: str | None) -> None:
    """Refuse an object that several media would be written over, one after the other, and one that is the original.

    Raises:
        BadInputError: ``target`` is that.
    """
    if target.key.endswith("/"):
        raise BadInputError(f"{target} is the name of a folder", fix=f"name an object: -o {target}{Path(medium).name}")
    if str(target) == parent:
        raise BadInputError(
            f"{target} is the original (--parent), which the signed medium would replace", fix="name another output: -o s3://BUCKET/KEY"
        )


def _same(one: Path, other: Path) -> bool:
    """Whether two names lead to one file, there or yet to be made."""
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):  # one of them isn't there, or a link leads in a circle
        return False


def publish(output: str, signed: Signed, signer: Signer, log: FileLog | CloudWatchLog | None) -> Head | None:
    """Put the signed medium at ``output``, and before its name appears its entry into ``log``; the log's head if it has one.

    In this order no medium is published that isn't in the log, however signing ends: an entry whose medium never came says nothing false
    of any other, and signing again adds one more.

    Raises:
        BadInputError, IncompleteError, VerificationError: one of the two can't be written; which is said.
    """
    from averment.core.files import descriptor, replacing

    head, logged, place = None, False, Path(output)
    try:
        with ExitStack() as ending, replacing(place) as handle:
            handle.write(signed.data)
            handle.flush()
            if log is not None:
                written = descriptor(place) is not None or (place.exists() and not place.is_file())
                with standing(
                    f"{output} was {'' if written else 'not '}written, and its entry may be in the log or not: signing again logs it"
                ):
                    head = add_entry(log, output, signed, signer, written=written)
                logged = True
                ending.enter_context(standing(f"its entry is in the log, and {output} may be written or not: sign again if it isn't"))
    except IncompleteError as error:
        if not logged:
            raise
        raise IncompleteError(
            f"{error.message}; its entry is in the log already", where=error.where, fix=f"{error.fix}, which signs and logs anew"
        ) from error
    return head


def add_entry(log: FileLog | CloudWatchLog, output: str, signed: Signed, signer: Signer, *, written: bool) -> Head | None:
    """Log the signing into ``output``; the log's head if it has one. ``written``: whether the medium is there already.

    Raises:
        IncompleteError, VerificationError: the log can't be written or is none; that says what became of the medium.
    """
    from averment.core.period import utc_now
    from averment.detector.credentials.entries import log_entry
    from averment.detector.credentials.log import FileLog
    from averment.detector.credentials.s3 import log_in_group

    moment = utc_now()
    entry = log_entry(output, signed, signer, moment)
    try:
        if not isinstance(log, FileLog):
            log_in_group(log.group, entry, moment)
            return None
        torn = log.torn()
        head = log.append(entry)
    except (IncompleteError, VerificationError) as error:
        fate = f"{output} was written and is signed, but isn't in this log" if written else f"{output} was not written"
        raise _with(error, fate) from error
    if torn:
        stderr.print("the beginning of a line at the log's end was removed, which a crash or a cut had left", markup=False)
    return head


def notes(signed: Signed) -> Iterator[str]:
    """What a user should know of a signed medium, in lines for a terminal."""
    if signed.replaced:
        yield "the credential that it carried is gone; --parent keeps it"
    if signed.refers:
        yield "its XMP (dcterms:provenance) still refers to another credential elsewhere: take that out, or who loses this one fetches that"
    if signed.xmp_skipped:
        yield f"no IPTC source type in XMP: {printable(signed.xmp_skipped)}"
    if signed.mark:
        yield f"watermark {signed.mark.payload} at {signed.mark.decibels:g} dB"


def _with(error: AvermentError, fate: str) -> AvermentError:
    return type(error)(f"{error.message}; {printable(fate)}", where=error.where, fix=error.fix)
