"""``averment media sign`` and ``averment media inspect``, and what ``media verify`` shares with the latter."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from averment.cli.common import stderr, stdout
from averment.core.errors import AvermentError, BadInputError, ExitCode, MissingExtraError
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.core.stopping import standing

if TYPE_CHECKING:
    from averment.detector.credentials.inspect import Inspection
    from averment.detector.credentials.log import Entry
    from averment.detector.credentials.signing import Statement

MAX_MEDIUM_BYTES = 512 * 1024 * 1024
_SHOWN = 3
"""Of names that are none, how many are said again."""

_FILE = click.Path(path_type=Path, dir_okay=False)


class _Folder(click.Path):
    """A folder, named: of an empty variable ``Path`` makes the current one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it names no folder.", param, ctx)
        return super().convert(value, param, ctx)


_FOLDER = _Folder(path_type=Path, file_okay=False)

_SOURCE_TYPES = {"generated": "trainedAlgorithmicMedia", "composite": "compositeWithTrainedAlgorithmicMedia"}


@click.command()
@click.argument("medium", metavar="FILE|s3://BUCKET/KEY")
@click.option("-o", "--output", metavar="FILE|s3://BUCKET/KEY", required=True, help="Where the signed medium goes.")
@click.option("--key", help="An unencrypted P-256 or Ed25519 private key (PEM), or kms:KEY.")
@click.option("--certificate", type=_FILE, help="The key's certificate chain, PEM, signer first.")
@click.option(
    "--test-authority",
    type=_FOLDER,
    help="Issue a test certificate from this folder (made if need be).",
)
@click.option("--tsa", metavar="URL", help="An RFC 3161 time-stamp authority.")
@click.option("--tool", metavar="NAME", help="What generated or edited the medium.")
@click.option("--source-type", type=click.Choice(list(_SOURCE_TYPES)), help="Made by AI (the default), or composed with a part that was.")
@click.option(
    "--parent",
    metavar="FILE|s3://BUCKET/KEY",
    help="The original that this medium was made from; its credential is kept inside.",
)
@click.option("--trust", type=_FILE, help="With --parent: trust anchors, PEM, of its signer, if that isn't under your own authorities.")
@click.option("--trust-tsa", type=_FILE, help="With --parent: roots of time-stamp authorities alone, PEM.")
@click.option("--edit", "edits", multiple=True, metavar="NAME", help="With --parent: what was done (resized, cropped, transcoded, ...).")
@click.option("--watermark", is_flag=True, help="Put an imperceptible watermark into the pixels (JPEG, PNG, WebP).")
@click.option("--watermark-key", type=_FILE, help="A file whose bytes are the watermark's key, instead of the public one.")
@click.option("--log", metavar="FILE|cloudwatch:GROUP", help="Add an entry to this provenance log.")
@click.option("--log-group", metavar="NAME", help="Log S3 signing events here (CloudWatch Logs) instead of /averment/provenance.")
def sign(medium: str, output: str, key: str | None, certificate: Path | None, test_authority: Path | None, **options: Any) -> int:
    """Sign a generated medium with a content credential (C2PA) that says that AI made it.

    \b
    Example: averment media sign hero.jpg -o hero.signed.jpg --test-authority .averment/test-ca
             averment media sign hero.jpg -o hero.signed.jpg --key kms:alias/provenance --certificate chain.pem
             averment media sign hero.jpg -o hero.signed.jpg --test-authority ca --watermark --log provenance.jsonl
    """
    from averment.cli.media_sign_output import add_entry, check_log, check_object, check_output, notes, publish
    from averment.core.files import STDOUT, descriptor, read_bounded
    from averment.detector.credentials.chains import ChainError, check_chain
    from averment.detector.credentials.keys import signing_identity
    from averment.detector.credentials.naming import check_name
    from averment.detector.credentials.s3 import PROVENANCE_LOG_GROUP, S3Place, sign_object
    from averment.detector.credentials.signing import check_authority, sign_media

    source, target = S3Place.parse(medium), S3Place.parse(output)
    if (source is None) is not (target is None):
        raise BadInputError("one place is in S3 and the other is a file", fix="give two files, or two s3:// places")
    log = check_log(options["log"], options["log_group"], in_s3=source is not None)
    if target is None:
        check_output(output, key, certificate, test_authority, options)
    else:
        check_object(target, medium, options["parent"])
    statement, tsa = _statement(options), options["tsa"]
    if tsa is not None:
        check_authority(tsa)
    signer, chain = signing_identity(key, certificate, test_authority, Path.cwd())
    if source and target:
        group = options["log_group"] or PROVENANCE_LOG_GROUP
        signed = sign_object(source, target, signer, chain, log_group=group, tsa_url=tsa, statement=statement)
        with standing(f"{output} was written and is signed, but its entry may be missing in {options['log']}: signing it again logs it"):
            head = log and add_entry(log, output, signed, signer, written=True)
    else:
        data = read_bounded(Path(medium), limit=MAX_MEDIUM_BYTES)
        check_name(output, data)
        try:
            signed = sign_media(data, signer, chain, statement, title=Path(medium).name, tsa_url=tsa)
        except ChainError:  # not the medium's fault
            raise
        except BadInputError as error:
            raise BadInputError(error.message, where=error.where or SourceRef(medium), fix=error.fix) from error
        head = publish(output, signed, signer, log)
    if log is not None:
        stderr.print(f"logged in {printable(options['log'])}" + (f", whose head is now {head}" if head else ""), markup=False)
    for note in notes(signed):
        stderr.print(note, markup=False)
    for doubt in check_chain(signer, chain) if certificate else ():
        stderr.print(f"{printable(str(certificate))}: {doubt}", markup=False)
    if test_authority is not None:
        stderr.print(f"signed under a TEST authority; verify with --trust {test_authority}/test-authority.pem", markup=False)
    click.echo(
        f"{printable(output)}  sha256:{signed.sha256}  signed with {printable(signer.key_name)}",
        err=source is None and descriptor(Path(output)) == STDOUT,  # where the medium is
    )
    return int(ExitCode.CLEAN)


def _statement(options: Mapping[str, Any]) -> Statement:
    """What the options say of the medium.

    Raises:
        BadInputError: edits or anchors without a parent, or a key for no watermark.
    """
    from averment.detector.credentials.naming import check_utf_8
    from averment.detector.credentials.scheme import PUBLIC_KEY, read_watermark_key
    from averment.detector.credentials.signing import Edit, Statement
    from averment.detector.credentials.xmp import AI_SOURCE_TYPES

    parent, kind, own_key = options["parent"], options["source_type"], options["watermark_key"]
    if options["edits"] and parent is None:
        raise BadInputError("--edit says what was done to something that isn't named", fix="name the original: --parent FILE")
    for option in ("trust", "trust_tsa"):
        if options[option] and parent is None:
            name = option.replace("_", "-")
            raise BadInputError(f"--{name} is about the signer of an original that isn't named", fix="name the original: --parent FILE")
    if own_key and not options["watermark"]:
        raise BadInputError("--watermark-key is given and no watermark asked for", fix="add --watermark")
    anchors, stamps = read_anchors(options["trust"]), read_anchors(options["trust_tsa"])
    edit = None if parent is None else Edit(_read(parent), Path(parent).name, options["edits"], anchors, stamps)
    source_type = next((term for term in AI_SOURCE_TYPES if kind and term.endswith("/" + _SOURCE_TYPES[kind])), None)
    watermark = (read_watermark_key(own_key) if own_key else PUBLIC_KEY) if options["watermark"] else None
    check_utf_8(options["tool"] or "", "--tool")
    return Statement(source_type, options["tool"], edit, watermark)


@click.command()
@click.argument("media", metavar="FILE|s3://BUCKET/KEY...", nargs=-1, required=True)
@click.option("--trust", type=_FILE, help="Trust anchors, PEM. Without any, nothing is trusted.")
@click.option("--trust-tsa", type=_FILE, help="Roots of time-stamp authorities, PEM, under which nobody is a trusted signer.")
@click.option("--log", metavar="FILE|cloudwatch:GROUP", help="Look up in this provenance log what isn't trusted.")
@click.option("--watermark-key", type=_FILE, help="The key of watermarks, if it isn't the public one.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def inspect(
    media: tuple[str, ...], trust: Path | None, trust_tsa: Path | None, log: str | None, watermark_key: Path | None, output: str
) -> int:
    """Say what the content credential of each file is worth: trusted, untrusted, tampered, stripped, none.

    Stripped: no credential is left, but the provenance log knows the file by its bytes, its watermark or its perceptual hash.

    Exit codes: 0 all trusted, 1 any untrusted, tampered, stripped or without a credential, 2 none of the names is that of a file, 3 any that
    could not be checked.

    \b
    Example: averment media inspect hero.signed.jpg --trust anchors.pem
             averment media inspect found-online.jpg --log provenance.jsonl
    """
    entries = None if log is None else entries_of(log)
    found = inspected(media, read_anchors(trust), read_anchors(trust_tsa), entries, watermark_key)
    show(found, output)
    return exit_code(found.values())


def read_anchors(path: Path | None) -> bytes | None:
    """The trust anchors in a file; None of none.

    Raises:
        BadInputError: it can't be read, or holds no certificates.
    """
    from averment.detector.credentials.inspect import read_anchors as read

    return None if path is None else read(path)


def inspected(
    media: Sequence[str], anchors: bytes | None, stamp_anchors: bytes | None, entries: Sequence[Entry] | None, own_key: Path | None
) -> dict[str, Inspection]:
    """Each medium with what was found in it, and in a log of ``entries`` about it. One that can't be had is unreadable, and keeps nothing from the
    others.

    Raises:
        BadInputError: none of the names is that of a file, the anchors are none, or there is a key of watermarks and no log.
    """
    from averment.detector.credentials.inspect import inspect as look
    from averment.detector.credentials.inspect import unread
    from averment.detector.credentials.recovery import Register
    from averment.detector.credentials.scheme import PUBLIC_KEY, read_watermark_key

    if own_key and entries is None:
        raise BadInputError("--watermark-key is of use only with a log to look in", fix="add --log FILE")
    key = read_watermark_key(own_key) if own_key else PUBLIC_KEY
    register = None if entries is None else Register(entries, key)
    found: dict[str, Inspection] = {}
    refused: dict[str, AvermentError] = {}
    for name in media:
        try:
            data = _read(name)
        except MissingExtraError:
            raise
        except AvermentError as error:
            refused[name], found[name] = error, unread("; ".join(filter(None, (error.message, error.fix))))
            continue
        found[name] = look(data, anchors, register, stamp_anchors)
        _ = found[name].sha256  # lets go of the file's bytes
    if all(name in refused and _names_nothing(name) for name in found):
        raise _mistyped(refused)
    return found


def entries_of(log: str) -> list[Entry]:
    """What the log ``log`` holds. Where another entry begins behind the last, that is said: it may have been cut.

    Raises:
        BadInputError: it can't be read.
        VerificationError: it was changed.
    """
    from averment.detector.credentials.log import FileLog, open_log

    opened = open_log(log, Path.cwd())
    entries = list(opened.entries())
    if isinstance(opened, FileLog) and opened.unfinished():
        stderr.print(
            f"{printable(log)}: behind its last entry another one begins, which a crash or a cut left, or which is being written",
            markup=False,
        )
    return entries


def _names_nothing(name: str) -> bool:
    """Whether ``name`` is that of nothing that could be looked at, as far as can be told without AWS: no file is there, or no object is named."""
    from averment.detector.credentials.s3 import S3Place

    try:
        return S3Place.parse(name) is None and not stat.S_ISREG(Path(name).stat().st_mode)
    except (BadInputError, FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _mistyped(refused: Mapping[str, AvermentError]) -> AvermentError:
    if len(refused) == 1:
        return next(iter(refused.values()))
    first = ", ".join(printable(f"{name} {error.message}") for name, error in list(refused.items())[:_SHOWN])
    return BadInputError(
        f"none of the {len(refused)} names is that of a file: {first}{', ...' if len(refused) > _SHOWN else ''}", fix="check the paths"
    )


def show(found: Mapping[str, Inspection], output: str) -> None:
    """Print what was found, as a table for people or as JSON. Names, reasons and signers are those of whoever made the files."""
    from averment.detector.credentials.inspect import State

    if output == "json":
        click.echo(json.dumps([{"file": name, **item.to_json()} for name, item in found.items()], indent=2, sort_keys=True))
        return
    console = stdout()
    for name, item in found.items():
        console.print(f"[bold]{item.state}[/bold]  ", end="")
        console.print(f"{printable(name)}: {printable(item.reason)}", markup=False)
        if item.state in {State.TRUSTED, State.UNTRUSTED}:
            says = "made or composed by AI" if item.ai_generated else "no AI source type"
            if item.ai_unvouched:
                says += " but where no trusted signer answers for it"
            console.print(printable(f"  signed by {item.signer} ({item.issuer}); states: {says}{_dated(item)}"), markup=False)
        if item.recovered is not None:
            console.print(printable(f"  {item.recovered}"), markup=False)


def exit_code(found: Iterable[Inspection]) -> int:
    """What the states of all files together mean for the caller."""
    from averment.detector.credentials.inspect import State

    states = {item.state for item in found}
    if states & {State.UNTRUSTED, State.TAMPERED, State.STRIPPED, State.NONE}:
        return int(ExitCode.FINDINGS)
    return int(ExitCode.INCOMPLETE if State.UNREADABLE in states else ExitCode.CLEAN)


def _dated(item: Inspection) -> str:
    if item.stamp is None:
        return "; no time-stamp"
    return f"; time-stamped {item.signed_at}" + ("" if item.stamp == "trusted" else " by an authority that is not trusted")


def _read(name: str) -> bytes:
    from averment.core.files import read_bounded
    from averment.detector.credentials.s3 import S3Place, read_object

    place = S3Place.parse(name)
    return read_object(place) if place else read_bounded(Path(name), limit=MAX_MEDIUM_BYTES)
