"""``verify.md``: how to verify a package, with Averment, with the enclosed script, and with public tools alone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from averment.core.signing.interface import Algorithm
from averment.core.words import counted
from averment.evidence.ledger.checkpoint import SignedCheckpoint, VerifierKey
from averment.evidence.reporting.report import PeriodReport

_VERIFY = {
    Algorithm.ED25519: 'openssl pkeyutl -verify -pubin -inkey keys/{key}.pub.pem -rawin -in "$T/text" -sigfile "$T/signature"',
    Algorithm.ECDSA_P256_SHA256: 'openssl dgst -sha256 -verify keys/{key}.pub.pem -signature "$T/signature" "$T/text"',
}


_OR_WRONG = "&& echo ok || { echo WRONG; false; }"
"""After a comparison that says nothing by itself: typed into a shell, one that fails looks like one that holds."""


@dataclass(frozen=True)
class Example:
    """A record of the package for the commands that check one: its id, and the key that signed it, which after a change of keys is an older one."""

    record: str
    key: VerifierKey


def verification_guide(
    report: PeriodReport, checkpoint: SignedCheckpoint, key: VerifierKey, example: Example | None, *, dated: bool = False
) -> str:
    """The guide as Markdown. ``key`` signs the package; ``dated``: there is a timestamp in it."""
    head = next(item for item in checkpoint.signed_by if item.name == checkpoint.checkpoint.origin)
    return f"""{_opening(report, checkpoint, key)}## With public tools alone (sh, coreutils, jq, openssl)

Each step has to say `ok`, or that the signature was verified. `WRONG`, or an error, is a finding.

{_keys([key, head, *([example.key] if example else [])])}
1. The manifest's signature. `MANIFEST.sig` is a signed note: four lines of text, an empty line, and a signature line with four
   bytes of key id before the signature.

```sh
T=$(mktemp -d)
head -n 4 MANIFEST.sig > "$T/text"
tail -n 1 MANIFEST.sig | cut -d ' ' -f 3 | base64 -d | tail -c +5 > "$T/signature"
{_check(key)}
test "$(tail -n 1 "$T/text")" = "sha256 $(sha256sum MANIFEST.json | cut -d ' ' -f 1)" {_OR_WRONG}
```

2. Every file against the manifest; and that there are no others, nor links.

```sh
jq -r '.files | to_entries[] | "\\(.value.sha256)  \\(.key)"' MANIFEST.json > "$T/digests"
sha256sum --check --strict --quiet "$T/digests" {_OR_WRONG}
test "$(find . -type f | wc -l)" -eq "$(($(wc -l < "$T/digests") + 2))" {_OR_WRONG}
test -z "$(find . ! -type f ! -type d)" {_OR_WRONG}
```

3. The checkpoint's signature: origin, number of entries and root of the log, signed the same way (the log's own
   signature is the first).

```sh
head -n 3 checkpoint.txt > "$T/text"
sed -n 5p checkpoint.txt | cut -d ' ' -f 3 | base64 -d | tail -c +5 > "$T/signature"
{_check(head)}
```
{_one_record(example, key)}
{_timestamp(checkpoint) if dated else ""}
Other names under the checkpoint are witnesses' (C2SP tlog-cosignature): `averment verify . --witness ../their.vkey`.

The root of all hashes in `leaf-hashes.bin` (RFC 6962, 32 bytes each) is the checkpoint's; `verify.py` computes it in ten lines.

## What this does not show

That the evidence is complete. Read in the workbook: 'Populations' (what was counted, what was cut short), 'Not assessed' (what was
not run or is stale), and the records whose `gathering` is not `collected`. Times are those of the collecting machine. Entries of the
log outside the period are not in the package; their hashes are in `leaf-hashes.bin`, which don't tell whether one of the period was left
out. Report, workbook and pages are what the signer made of the records: follow a conclusion to the records that it names.
"""


def _timestamp(checkpoint: SignedCheckpoint) -> str:
    """How to check the timestamp authority's token."""
    own = shlex.quote(f"— {checkpoint.checkpoint.origin} ")
    return f"""
5. The time: `timestamp.tsr` is a token (RFC 3161) over the checkpoint as the log signed it. The authority's root certificate comes from
   the authority, not from here. Its certificates have to have been good at the time that the token says; some expire before a package does.

```sh
{{ head -n 4 checkpoint.txt; grep -F {own} checkpoint.txt; }} > "$T/dated"
WHEN=$(date -d "$(openssl ts -reply -in timestamp.tsr -text | sed -n 's/^Time stamp: //p')" +%s)
openssl ts -verify -attime "$WHEN" -data "$T/dated" -in timestamp.tsr -CAfile ../authority-root.pem
```
"""


def _keys(used: list[VerifierKey]) -> str:
    """How to see whose the keys in the package are: the commands below go by these files, not by what this page says of them."""
    names = list(dict.fromkeys(key.id.hex() for key in used))
    prints = "\n".join(f"openssl pkey -pubin -in keys/{name}.pub.pem -outform DER | sha256sum" for name in names)
    each = "It has to be the fingerprint" if len(names) == 1 else "Each has to be a fingerprint"
    return f"""0. The key. The steps below take it from the package, where whoever forges one puts a key of their own.
   {each} that you got by another way, whatever this page says.

```sh
{prints}
```
"""


def _check(key: VerifierKey) -> str:
    """The command that checks a signature of ``key``."""
    return _VERIFY[key.algorithm].format(key=key.id.hex())


def _one_record(example: Example | None, key: VerifierKey) -> str:
    if example is None:
        return "\nThere are no records in this period.\n"
    older = "" if example.key == key else f"\n   This one was signed by another key of the log, with the SHA-256 {example.key.fingerprint}."
    return f"""
4. One record: the signature of its envelope (DSSE), and its place in the log. `index` is the second line of its proof.{older}

```sh
RECORD={example.record}
jq -rj .payload records/$RECORD.json | base64 -d > "$T/statement"
printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < "$T/statement")" | cat - "$T/statement" > "$T/text"
jq -rj '.signatures[0].sig' records/$RECORD.json | base64 -d > "$T/signature"
{_check(example.key)}
INDEX=$(sed -n 's/^index //p' proofs/$RECORD.txt)
LEAF=$(tail -c +$((32 * INDEX + 1)) leaf-hashes.bin | head -c 32 | od -An -v -tx1 | tr -d ' \\n')
test "$LEAF" = "$( (printf '\\000'; cat records/$RECORD.json) | sha256sum | cut -d ' ' -f 1)" {_OR_WRONG}
```

The statement names the record and the SHA-256 of its canonical JSON (RFC 8785): `jq . "$T/statement"`. A statement with a `payload`
digest has its payload in `payloads/`.
"""


def _opening(report: PeriodReport, checkpoint: SignedCheckpoint, key: VerifierKey) -> str:
    """Whose key it is, and the two ways that need a program: Averment, and the script in the package."""
    return f"""\
# How to verify this package

Evidence of {report.organisation}, {report.period.label}, from the log `{checkpoint.checkpoint.origin}` with {counted(checkpoint.size, "entry")}.

First, whose key is it? The package is signed by the key with the SHA-256 fingerprint (of the DER public key)

    {key.fingerprint}

Get this fingerprint, or the public key, from the organisation by another way than this package. Without that you learn that the
package is unchanged since somebody signed it, not who did.

The commands are for this folder. Keep what you got by another way beside it: nothing in it vouches for it.

## With Averment, offline

    averment verify . --key ../their-public-key.pem

With an earlier package of the same log at hand, show that the log has only grown since:

    averment verify . --key ../their-public-key.pem --checkpoint ../earlier-package/checkpoint.txt

## Without Averment

`verify.py` needs Python and the package `cryptography`. Read it, or take it from where you trust it: whoever changes a package can
change the script in it.

    python3 verify.py . --key ../their-public-key.pem

"""
