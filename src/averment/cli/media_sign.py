"""``averment media sign`` and ``averment media inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from averment.cli.common import stderr, stdout
from averment.core.errors import BadInputError, ExitCode

MAX_MEDIUM_BYTES = 512 * 1024 * 1024

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("medium", metavar="FILE|s3://BUCKET/KEY")
@click.option("-o", "--output", metavar="FILE|s3://BUCKET/KEY", required=True, help="Where the signed medium goes.")
@click.option("--key", help="An unencrypted P-256 or Ed25519 private key (PEM), or kms:KEY.")
@click.option("--certificate", type=_FILE, help="The key's certificate chain, PEM, signer first.")
@click.option(
    "--test-authority",
    type=click.Path(path_type=Path, file_okay=False),
    help="Issue a test certificate from this folder (made if need be).",
)
@click.option("--tsa", metavar="URL", help="An RFC 3161 time-stamp authority.")
@click.option("--log-group", metavar="NAME", help="Log S3 signing events here (CloudWatch Logs) instead of /averment/provenance.")
def sign(
    medium: str, output: str, key: str | None, certificate: Path | None, test_authority: Path | None, tsa: str | None, log_group: str | None
) -> int:
    """Sign a generated medium with a content credential (C2PA) that says that AI made it.

    \b
    Example: averment media sign hero.jpg -o hero.signed.jpg --test-authority .averment/test-ca
             averment media sign hero.jpg -o hero.signed.jpg --key kms:alias/provenance --certificate chain.pem
    """
    from averment.core.files import read_bounded, write_atomic
    from averment.detector.credentials.keys import signing_identity
    from averment.detector.credentials.s3 import PROVENANCE_LOG_GROUP, S3Place, sign_object
    from averment.detector.credentials.signing import sign_media

    signer, chain = signing_identity(key, certificate, test_authority, Path.cwd())
    source, target = S3Place.parse(medium), S3Place.parse(output)
    if (source is None) is not (target is None):
        raise BadInputError("one place is in S3 and the other is a file", fix="give two files, or two s3:// places")
    if source and target:
        signed = sign_object(source, target, signer, chain, log_group=log_group or PROVENANCE_LOG_GROUP, tsa_url=tsa)
    else:
        data = read_bounded(Path(medium), limit=MAX_MEDIUM_BYTES)
        signed = sign_media(data, signer, chain, title=Path(medium).name, tsa_url=tsa)
        write_atomic(Path(output), signed.data)
    if signed.xmp_skipped:
        stderr.print(f"no IPTC source type in XMP: {signed.xmp_skipped}", markup=False)
    if test_authority is not None:
        stderr.print(f"signed under a TEST authority; verify with --trust {test_authority}/test-authority.pem", markup=False)
    click.echo(f"{output}  sha256:{signed.sha256}  signed with {signer.key_name}")
    return int(ExitCode.CLEAN)


@click.command()
@click.argument("media", metavar="FILE|s3://BUCKET/KEY...", nargs=-1, required=True)
@click.option("--trust", type=_FILE, help="Trust anchors, PEM. Without any, nothing is trusted.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def inspect(media: tuple[str, ...], trust: Path | None, output: str) -> int:
    """Say what the content credential of each file is worth: trusted, untrusted, tampered, none.

    Exit codes: 0 all trusted, 1 any untrusted, tampered or without a credential, 3 any that could not be checked.

    \b
    Example: averment media inspect hero.signed.jpg --trust anchors.pem
    """
    from averment.core.files import read_bounded
    from averment.detector.credentials.inspect import State
    from averment.detector.credentials.inspect import inspect as look

    anchors = read_bounded(trust) if trust else None
    found = {name: look(_read(name), anchors) for name in media}
    if output == "json":
        click.echo(json.dumps([{"file": name, **item.to_json()} for name, item in found.items()], indent=2, sort_keys=True))
    else:
        console = stdout()
        for name, item in found.items():
            console.print(f"[bold]{item.state}[/bold]  ", end="")
            console.print(f"{name}: {item.reason}", markup=False)
            if item.state in {State.TRUSTED, State.UNTRUSTED}:
                says = "made or composed by AI" if item.ai_generated else "no AI source type"
                console.print(f"  signed by {item.signer} ({item.issuer}); states: {says}", markup=False)
    states = {item.state for item in found.values()}
    if states & {State.UNTRUSTED, State.TAMPERED, State.NONE}:
        return int(ExitCode.FINDINGS)
    return int(ExitCode.INCOMPLETE if State.UNREADABLE in states else ExitCode.CLEAN)


def _read(name: str) -> bytes:
    from averment.core.files import read_bounded
    from averment.detector.credentials.s3 import S3Place, read_object

    place = S3Place.parse(name)
    return read_object(place) if place else read_bounded(Path(name), limit=MAX_MEDIUM_BYTES)
