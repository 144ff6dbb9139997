"""``averment ledger``: the evidence ledger itself: verify it, prove one record, change its key, cosign it as a witness."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from averment.api.verifying import Verified, require_from_elsewhere, vouching_of
from averment.cli.common import NamedPath, config_option, note, organisation_for, stderr, stdout
from averment.cli.verify import certificate_option, key_option, quorum_option, show, witness_option
from averment.core.errors import BadInputError, ExitCode, MissingExtraError, VerificationError
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.evidence.package.handed_over import read_checkpoint, read_key

if TYPE_CHECKING:
    from averment.core.organisation import Organisation
    from averment.evidence.ledger.log import Ledger

_PROGRESS_STEP = 10_000

ledger_option = click.option(
    "--ledger",
    "place",
    metavar="PLACE",
    help="A folder or s3://bucket/prefix, for those who have no averment.yaml; by default the one that it names.",
)


@click.group()
def command() -> None:
    """The evidence ledger itself: show it, verify it, prove one record, change its key, cosign it as a witness.

    Example: averment ledger verify --checkpoint kept/checkpoint.txt
    """


@command.command("show")
@ledger_option
@config_option
def show_command(place: str | None, config: Path | None) -> int:
    """Show the signed head of the ledger: origin, entries, root, keys, witnesses, timestamp.

    Example: averment ledger show
    """
    from averment.core.period import iso
    from averment.evidence.ledger.checkpoint import SignedNote
    from averment.evidence.ledger.opening import open_ledger

    with open_ledger(_organisation(place, config)) as ledger:
        out = stdout()
        out.print(f"{escape(ledger.origin)} in {escape(ledger.store.location)}: {counted(ledger.size, 'entry')}")
        for key in ledger.keys:
            out.print(f"key {key.id.hex()} ({key.algorithm}), sha256 {key.fingerprint}")
        if ledger.checkpoint is None:
            return ExitCode.CLEAN
        out.print(f"root {ledger.checkpoint.root.hex()}")
        verified = {(key.name, key.id): key for key in ledger.checkpoint.signed_by}
        for item in SignedNote.parse(ledger.checkpoint.note).signatures:
            key_of = verified.get((item.name, item.key_id))
            when = f" at {iso(item.moment)}" if key_of and key_of.cosigner and item.moment else ""
            how = "signed by" if key_of else "not checked, as the key is not known here: a signature in the name of"
            out.print(f"{how} {escape(item.name)} (key {item.key_id.hex()}){when}")
        out.print(escape(_dated(ledger)))
    return ExitCode.CLEAN


def _dated(ledger: Ledger) -> str:
    """Whether, when and by whom the present checkpoint was dated: what lies in a timestamp's place may be anything."""
    from averment.evidence.ledger.timestamp import stamp_name, stamped_bytes
    from averment.evidence.verification.vouching import Vouching, dated

    note = ledger.checkpoint.note if ledger.checkpoint else b""
    name, authority = stamp_name(stamped_bytes(note, ledger.origin)), ledger.third_parties.authority
    if not ledger.store.exists(name):
        return "not dated by a timestamp authority"
    asked = Vouching(certificates=authority.certificates if authority else ())
    try:
        return f"timestamp: {dated(ledger.store.get(name).data, note, ledger.origin, asked)[0]}"
    except MissingExtraError as error:
        return f"timestamp: not checked ({error.message}; {error.fix})"
    except VerificationError as error:
        return f"timestamp: wrong ({error.message})"


@command.command("verify")
@key_option
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint of this log that you kept, however old: the log must begin with it. Repeatable.",
)
@witness_option
@quorum_option
@certificate_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@ledger_option
@config_option
def verify_command(
    keys: tuple[Path, ...],
    checkpoints: tuple[Path, ...],
    witnesses: tuple[Path, ...],
    quorum: int | None,
    certificates: tuple[Path, ...],
    form: str,
    place: str | None,
    config: Path | None,
) -> int:
    """Verify the whole ledger where it lies: signatures, every entry, and that it begins with every checkpoint you kept.

    A ledger that was rolled back, or that shows you another history than it showed before (a fork), is exit 1.

    Example: averment ledger verify --key auditee.pub.pem --checkpoint 2026Q2.txt --checkpoint 2026Q3.txt
    """
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.stores.directory import DirectoryStore
    from averment.evidence.verification.audit import Earlier, audit

    given = [read_key(path) for path in keys]
    vouching = vouching_of(witnesses, quorum, certificates)
    earlier = [Earlier(path.name, read_checkpoint(path)) for path in checkpoints]
    with open_ledger(_organisation(place, config)) as ledger, stderr.status("verifying ...") as status:
        if ledger.checkpoint is None:
            raise BadInputError(
                "the ledger is empty: there is nothing to verify",
                where=SourceRef(file=ledger.store.location),
                fix="averment collect fills it; check evidence.ledger in averment.yaml",
            )
        if isinstance(ledger.store, DirectoryStore):
            require_from_elsewhere(ledger.store.root, [*keys, *checkpoints, *witnesses, *certificates])

        def progress(count: int) -> None:
            if count % _PROGRESS_STEP == 0:
                status.update(f"verifying ... {count:,} of {ledger.size:,} entries")

        result = audit(ledger, given, earlier, vouching, progress)
    return show(Verified.of(result), form, "ledger")


@command.command("prove")
@click.argument("record")
@click.option("--output", type=NamedPath(path_type=Path, dir_okay=False), help="The file to write; by default RECORD.tlog-proof here.")
@ledger_option
@config_option
def prove_command(record: str, output: Path | None, place: str | None, config: Path | None) -> int:
    """Write one file that proves that RECORD is in the ledger, and holds it (C2SP tlog-proof). averment verify checks it.

    Example: averment ledger prove 5b1f0a52-3c1e-5a8e-9d55-0d2f6f0f3a11
    """
    import dataclasses

    from averment.core.files import write_atomic
    from averment.evidence.ledger.envelope import detached_digest, read_payload
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.ledger.proof import carry
    from averment.evidence.verification.single import SUFFIX

    with open_ledger(_organisation(place, config)) as ledger:
        position = ledger.find(record)
        if position is None:
            raise BadInputError(f"the ledger has no record {record}", fix="packages and averment status name records by their ids")
        entry = ledger.entry(position)
        signers = {key.fingerprint for key in ledger.checkpoint.signed_by} if ledger.checkpoint else set()
        older = sorted({str(keyid) for keyid, _ in read_payload(entry.envelope)[2] if keyid} - signers)
        digest = detached_digest(entry.envelope)
        extra = carry(entry.envelope, None if digest is None else ledger.blob(digest))
        path = output or Path(f"{entry.record.id}{SUFFIX}")
        write_atomic(path, bytes(dataclasses.replace(ledger.prove(position), extra=extra)))
    stdout().print(
        f"{escape(str(path))}: entry {position} of {ledger.size}; check it with: averment verify {escape(shlex.quote(str(path)))} --key KEY"
    )
    if older:
        note(
            f"the record is of before a change of keys: that takes the log's key and the one with the SHA-256 {', '.join(older)}, each as --key"
        )
    return ExitCode.CLEAN


@command.command("rotate")
@click.argument("key")
@config_option
def rotate_command(key: str, config: Path | None) -> int:
    """Let another KEY (a PEM file, made if it is missing, or kms:...) follow the signing key. Old proofs stay good.

    Example: averment ledger rotate kms:alias/evidence-2027
    """
    from averment.evidence.ledger.rotation import rotate

    fresh = rotate(organisation_for(config), key)
    out = stdout()
    out.print(f"the key {fresh.id.hex()} (sha256 {fresh.fingerprint}) may sign now; the present key vouches for it")
    out.print(f"next: set evidence.signing_key to {escape(key)} in averment.yaml, and give auditors the new fingerprint", markup=True)
    return ExitCode.CLEAN


@command.command("cosign")
@click.option(
    "--key", "key_file", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The witness's own key (Ed25519, PEM)."
)
@click.option("--name", required=True, help="The witness's name, a schema-less URL.")
@click.option("--memory", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the witness remembers what it saw.")
@click.option(
    "--log-key",
    "log_keys",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The log's public key, got by another way than the ledger; those that it vouched for count too. Repeatable.",
)
@click.option("--attach", is_flag=True, help="Put the cosignature under the ledger's checkpoint (needs write access).")
@ledger_option
@config_option
def cosign_command(
    key_file: Path, name: str, memory: Path, log_keys: tuple[Path, ...], attach: bool, place: str | None, config: Path | None
) -> int:
    """Cosign the ledger's checkpoint as a witness, if it extends the one cosigned before; prints the signature line.

    Exit 1 if the log was rolled back or rewritten since: keep both checkpoints, they prove it.

    Example: averment ledger cosign --ledger s3://evidence/shop --key w.pem --name auditor.example/w1 --memory seen
    """
    from averment.core.signing.local import LocalSigner
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.ledger.succession import endorsed, kept
    from averment.evidence.ledger.witness import Witness
    from averment.evidence.stores.directory import DirectoryStore

    with open_ledger(_organisation(place, config)) as ledger:
        head = ledger.checkpoint
        if head is None:
            raise BadInputError(
                "the ledger is empty: there is nothing to cosign",
                where=SourceRef(file=ledger.store.location),
                fix="averment collect fills it; check the place",
            )
        known = [read_key(path)(ledger.origin) for path in log_keys] or list(ledger.keys)
        known += endorsed(known, kept(ledger.store, ledger.origin), ledger.origin)
        if not log_keys:
            stderr.print("note: the log's keys were taken from the ledger itself; use --log-key")
        witness = Witness(DirectoryStore(memory), name, LocalSigner.load(key_file), {ledger.origin: known})
        old = witness.latest(ledger.origin)
        line = witness.observe(head.note, old.size, ledger.prove_extension(old))
        if attach:
            ledger.attach(line)
    click.echo(str(line))
    stderr.print(
        f"cosigned {counted(head.size, 'entry')} of {escape(ledger.origin)}, {old.size} when last seen; verify with the key {witness.key}",
        markup=False,
    )
    return ExitCode.CLEAN


@command.command("lake")
@click.argument("output", type=NamedPath(path_type=Path, file_okay=False))
@ledger_option
@config_option
def lake_command(output: Path, place: str | None, config: Path | None) -> int:
    """Write all records as Parquet into the new folder OUTPUT, by account, quarter and collector; for DuckDB and Athena.

    Example: averment ledger lake lake/
    """
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.sinks.lake import write_lake

    with open_ledger(_organisation(place, config)) as ledger, stderr.status("reading and verifying the ledger"):
        written = write_lake(ledger.records(), output)
    stdout().print(
        f"{escape(str(output))}: {counted(written.records, 'record')} in {counted(written.partitions, 'partition')}; ask it with: averment ledger query"
    )
    return ExitCode.CLEAN


@command.command("query")
@click.argument("lake", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("sql")
def query_command(lake: Path, sql: str) -> int:
    """Ask a LAKE that averment ledger lake wrote, in SQL over the table records, or by the name of one of its queries.

    Example: averment ledger query lake/ could-not
    """
    from averment.evidence.sinks.lake import QUERIES, ask_lake, rows_as_text

    for line in rows_as_text(*ask_lake(lake, QUERIES.get(sql, sql))):
        click.echo(line)
    return ExitCode.CLEAN


def _organisation(place: str | None, config: Path | None) -> Organisation:
    """The organisation of ``config``, or one that is no more than the ledger at ``place``.

    Raises:
        BadInputError: there is no checkpoint at ``place``.
    """
    if place is None:
        return organisation_for(config)
    from averment.core.organisation import EvidenceSettings, Organisation
    from averment.evidence.ledger.opening import open_store
    from averment.evidence.ledger.reader import CHECKPOINT
    from averment.evidence.stores.interface import NotStoredError

    root = Path.cwd()
    try:
        head = open_store(place, root).get(CHECKPOINT).data
    except NotStoredError as error:
        raise BadInputError(
            f"there is no ledger at {place}: it has no checkpoint", fix="name the folder that holds 'checkpoint'"
        ) from error
    origin = head.decode("utf-8", errors="replace").partition("\n")[0]
    return Organisation(root=root, evidence=EvidenceSettings(ledger=place, origin=origin))
