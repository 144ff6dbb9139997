#!/usr/bin/env python3
"""Verify an evidence package without Averment: the standard library and the package `cryptography` (>= 42) are all it needs.

    python3 verify.py [PACKAGE] [--key PUBLIC_KEY.pem] [--checkpoint EARLIER_CHECKPOINT]

It reads the package that it lies in, unless another is named. Read it before you run it, as you trust the package no more than this copy.
Exit code 0: all steps passed. 1: something was changed; the files are named. 2: wrong use, such as a --key that is no public key.
What is checked, step by step, stands at the functions. Left out: who signed a timestamp, and witnesses' cosignatures (averment verify tells).
"""

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # the folder that this file lies in: a package could bring a hashlib.py, which would be run in place of Python's own

import argparse
import base64
import json
import re
from contextlib import suppress
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


class WrongError(Exception):
    """A check failed."""


def need(condition: bool, message: str) -> None:
    """Raise `WrongError` unless `condition` holds."""
    if not condition:
        raise WrongError(message)


def canonical(value: Any) -> bytes:
    """RFC 8785 for what records hold: integers, texts, lists, objects; numbers with a fraction as ECMAScript writes them."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + canonical(value[name]) for name in names) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(canonical(item) for item in value) + b"]"
    if isinstance(value, float) and value and not 1e-6 <= abs(value) < 1e21:  # the digits are the shortest, as Python's repr finds them
        digits, exponent = repr(value).split("e")
        return f"{digits}e{int(exponent):+}".encode()
    return (f"{Decimal(repr(value or 0)).normalize():f}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)).encode()


def root_of(level: list[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes (RFC 6962, 2.1)."""
    while len(level) > 1:
        paired = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[2 * len(paired) :]
    return level[0] if level else sha256().digest()


def root_from_proof(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to, by the recursion of RFC 6962, 2.1.1."""
    if size == 1:
        need(not path, "the proof is too long")
        return leaf
    left = 1 << ((size - 1).bit_length() - 1)
    if index < left:
        return sha256(b"\x01" + root_from_proof(leaf, index, left, path[:-1]) + path[-1]).digest()  # IndexError: the proof is too short
    return sha256(b"\x01" + path[-1] + root_from_proof(leaf, index - left, size - left, path[:-1])).digest()


class Key:
    """A public key of the log, Ed25519 or ECDSA P-256."""

    def __init__(self, pem: bytes) -> None:
        self.key: Any = serialization.load_pem_public_key(pem)
        one = pem.count(b"-----BEGIN") == 1
        need(one and isinstance(self.key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey), "several keys, or one of another kind")
        self.ecdsa = [ec.ECDSA(hashes.SHA256())] if isinstance(self.key, ec.EllipticCurvePublicKey) else []
        self.der = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.keyid = sha256(self.der).hexdigest()

    def note_id(self, name: str) -> bytes:
        """The key's id in signed notes; of Ed25519, the DER ends with the key's 32 bytes."""
        return sha256(self.der if self.ecdsa else name.encode() + b"\n\x01" + self.der[-32:]).digest()[:4]

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is one of `message` by this key."""
        with suppress(InvalidSignature):
            return self.key.verify(signature, message, *self.ecdsa) is None
        return False


def read_note(data: bytes, name: str, keys: list[Key], *, witnesses: bool, signers: list[Key] | None = None) -> str:
    """The text of a signed note that a known key signed under `name`, to be told in `signers`; other signatures are allowed for `witnesses` only."""
    text, separator, tail = data.decode().rpartition("\n\n")
    text, good = text + "\n", [] if signers is None else signers
    need(bool(separator) and tail.endswith("\n"), "it is not a signed note")
    for line in tail[:-1].split("\n"):
        parts = line.split(" ")
        raw = base64.b64decode(parts[2], validate=True)
        need(parts == ["—", parts[1], base64.b64encode(raw).decode()], "a signature line is malformed")
        signer = next((key for key in keys if parts[1] == name and key.note_id(name) == raw[:4]), None)
        need(signer is not None or witnesses, "there is a signature of an unknown key")
        if signer is not None:
            need(signer.signed(text.encode(), raw[4:]), "the signature is wrong")
            good.append(signer)
    need(bool(good), "no known key signed it")
    return text


def read_checkpoint(data: bytes, origin: str, keys: list[Key], signers: list[Key]) -> tuple[int, bytes]:
    """Size and root of a signed checkpoint of the log `origin`; who signed it is told in `signers`."""
    lines = read_note(data, origin, keys, witnesses=True, signers=signers).split("\n")
    need(len(lines) >= 4 and lines[0] == origin and lines[1].isdecimal(), "it is not a checkpoint of this log")
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


class Package:
    """A package under examination. `problems` collects file and reason of whatever is wrong."""

    def __init__(self, folder: Path, given: list[Key]) -> None:
        self.folder, self.given, self.log = folder, given, ""
        self.bytes_of: Any = lambda name: (folder / name).read_bytes() if (folder / name).is_file() else need(False, "is no plain file")
        self.problems, self.others = list[tuple[str, str]](), set[str]()
        self.keys, self.trusted, self.signers, self.agreed = list[Key](), list[Key](), list[Key](), list[Key]()
        self.manifest, self.leaves, self.size, self.root = dict[str, Any](), list[bytes](), 0, b""

    def check(self, name: str, function: Any, *arguments: Any) -> Any:
        """Run a check that is about the file `name`; what goes wrong is noted under its name."""
        try:
            return function(*arguments)
        except (WrongError, ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, UnsupportedAlgorithm) as error:
            self.problems.append((name, str(error) if isinstance(error, WrongError) else f"can't be read: {error!r}"))
            return None

    def load_keys(self) -> None:
        """Step 1: the log's public keys (keys/), or those handed over with --key and those that they vouch for (keys/*.endorsed)."""
        for path in sorted(self.folder.glob("keys/*.pem")):
            self.keys += self.check(f"keys/{path.name}", lambda path=path: [Key(self.bytes_of(f"keys/{path.name}"))]) or []
        self.trusted = self.given or self.keys
        self.log = self.bytes_of("MANIFEST.sig").decode().split("\n")[1]  # by its own word; step 2 tells whether a trusted key signed that
        notes = [self.bytes_of(f"keys/{path.name}") for path in self.folder.glob("keys/*.endorsed")]
        for note in notes * len(notes):  # each may need another before it
            lines = note.decode().split("\n")
            with suppress(WrongError):  # not vouched for by a trusted key, so far
                read_note(note, self.log, self.trusted, witnesses=False, signers=self.agreed)
                body = base64.b64decode(lines[2].split("+", 2)[2])[1:]
                need(lines[:2] == ["urn:averment:key:v1", self.log] and len(body) >= 32, "it is no endorsement of a key of this log")
                self.trusted = self.trusted + [key for key in self.keys if key.der.endswith(body) and key not in self.trusted]

    def check_manifest(self) -> None:
        """Step 2: MANIFEST.sig is a signed note (C2SP signed-note) of the log over the SHA-256 of MANIFEST.json."""
        data = self.bytes_of("MANIFEST.json")
        self.manifest = self.check("MANIFEST.json", json.loads, data) or {}
        note = self.bytes_of("MANIFEST.sig")
        text = self.check("MANIFEST.sig", lambda: read_note(note, self.log, self.trusted, witnesses=False, signers=self.signers))
        if text is not None:
            lines = text.split("\n")
            need(lines[0] == self.manifest["schema"] == "urn:averment:package:v1" and len(lines) == 5, "is of no package")
            need(lines[3] == f"sha256 {sha256(data).hexdigest()}", "is not what was signed")
            need(lines[1:3] == [self.manifest["log"]["origin"], self.manifest["period"]["label"]], "names another log or period")

    def check_files(self) -> None:
        """Step 3: every file has the size and SHA-256 that the manifest says; none is missing, none was added."""
        listed = self.manifest.get("files", {})
        found = {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*")}
        self.problems += [(name, "is missing") for name in sorted({*listed, "MANIFEST.json", "MANIFEST.sig"} - {*found})]
        for name, path in sorted(found.items()):
            if path.is_dir() and not path.is_symlink() and name not in listed:
                self.check(name, lambda path=path: [*path.iterdir()])  # else what is in it stays unseen
            elif path.is_symlink() or not path.is_file():
                self.problems.append((name, "is not a plain file"))
            elif name not in listed and name not in ("MANIFEST.json", "MANIFEST.sig"):
                self.problems.append((name, "was added: the manifest doesn't list it"))
            elif name in listed and listed[name] != {"sha256": sha256(data := path.read_bytes()).hexdigest(), "size": len(data)}:
                self.problems.append((name, "was changed: its size or digest is not the manifest's"))

    def check_log(self) -> None:
        """Steps 4 and 5: checkpoint.txt (C2SP tlog-checkpoint) is signed and the manifest's; leaf-hashes.bin gives its root (RFC 6962)."""
        log = self.manifest["log"]
        self.size, self.root = read_checkpoint(self.bytes_of("checkpoint.txt"), log["origin"], self.trusted, self.agreed)
        self.check("checkpoint.txt", need, (self.size, self.root) == (log["size"], bytes.fromhex(log["root"])), "is not the manifest's")
        data = self.bytes_of("leaf-hashes.bin")
        self.leaves = [data[at : at + 32] for at in range(0, min(len(data), 32 * self.size), 32)]
        self.check("leaf-hashes.bin", need, len(data) == 32 * self.size and root_of(self.leaves) == self.root, "does not give the root")

    def check_record(self, record_id: str) -> tuple[int, str]:
        """The place and the digest of one record. Step 6: it is a DSSE envelope that a key of the log signed, and the in-toto statement's subject
        is its SHA-256. Step 7: its hash stands in the log where its proof says (C2SP tlog-proof), and the proof's checkpoint is this one."""
        envelope = self.bytes_of(f"records/{record_id}.json")
        value = json.loads(envelope)
        payload = base64.b64decode(value["payload"], validate=True)
        message = b"DSSEv1 %d %b %d %b" % (len(value["payloadType"]), value["payloadType"].encode(), len(payload), payload)
        known = {key.keyid: key for key in self.keys + self.trusted}
        made = [(known[item["keyid"]], base64.b64decode(item["sig"])) for item in value["signatures"] if item["keyid"] in known]
        signers = {key.keyid for key, signature in made if key.signed(message, signature)}
        need(bool(signers), "no key of the package signed it")
        statement = json.loads(payload)
        record, detached = statement["predicate"]["record"], statement["predicate"].get("payload")
        sizes = [len(statement), len(statement["predicate"]), detached and "payload" in record]
        need(sizes in ([4, 1, None], [4, 2, False]) and canonical(statement) == payload, "its statement says more, or something twice")
        if detached:
            data = self.bytes_of(f"payloads/{detached['sha256']}.json")
            record["payload"] = json.loads(data) if detached == {"sha256": sha256(data).hexdigest(), "size": len(data)} else None
            need(canonical(record["payload"]) == data, f"its payload {detached['sha256']} was changed, or says something twice")
        digest = sha256(canonical(record)).hexdigest()
        need(record["id"] == record_id and statement["subject"] == [{"name": record_id, "digest": {"sha256": digest}}], "another subject")
        head, _, checkpoint = self.bytes_of(f"proofs/{record_id}.txt").partition(b"\n\n")
        lines = [line for line in head.decode().split("\n") if not line.startswith("extra ")]  # which may carry anything
        need(lines[0] == "c2sp.org/tlog-proof@v1" and checkpoint == self.bytes_of("checkpoint.txt"), "its proof is of another log")
        index, leaf = int(lines[1].removeprefix("index ")), sha256(b"\x00" + envelope).digest()
        need(lines[1] == f"index {index}" and 0 <= index < self.size, "its proof is malformed")
        need(self.leaves[index] == leaf, "it does not stand in the log where its proof says")
        path = [base64.b64decode(line, validate=True) for line in lines[2:]]
        need(root_from_proof(leaf, index, self.size, path) == self.root, "its proof does not lead to the checkpoint")
        self.others |= signers - {key.keyid for key in self.trusted}
        return index, digest

    def check_records(self) -> int:
        """Steps 6 and 7 for all, and step 8: report.json lists exactly these records, with their places and digests. The number of records."""
        names = sorted(name for name in self.manifest["files"] if name.startswith("records/"))
        seen = {name[8:-5]: self.check(name, self.check_record, name[8:-5]) for name in names}
        slim = {"object_hook": lambda row: (row["record"], (row["index"], row["sha256"])) if "used_by" in row else row}  # there may be many
        report: Any = json.loads(self.bytes_of("report.json"), **slim)  # type: ignore[arg-type]
        need(dict(report["evidence"]) == seen and len(report["evidence"]) == len(seen), "lists other records than there are, or one twice")
        need(report["period"] == self.manifest["period"], "is of another period than the manifest")
        return len(seen)

    def check_earlier(self, path: Path) -> None:
        """Step 9, with --checkpoint: the log begins with exactly what the earlier checkpoint commits to."""
        size, root = read_checkpoint(path.read_bytes(), self.manifest["log"]["origin"], self.trusted + self.keys, [])
        need(root_of(self.leaves) == self.root, f"can't be held against {path}: leaf-hashes.bin is wrong")
        need(size <= self.size, f"the log has fewer entries than the {size} of {path}: is the package older than that?")
        need(root_of(self.leaves[:size]) == root, f"the log does not begin with the {size} entries of {path}")

    def check_timestamp(self) -> str:
        """Step 10: timestamp.tsr, if there is one, holds the digest of the checkpoint as the log signed it. The time that it says."""
        text, _, lines = self.bytes_of("checkpoint.txt").decode().rpartition("\n\n")
        own = [line for line in lines.splitlines(keepends=True) if line.startswith(f"— {self.manifest['log']['origin']} ")]
        digest = b"\x04\x20" + sha256(f"{text}\n\n{''.join(own)}".encode()).digest()
        found = re.findall(re.escape(digest) + rb".{1,64}?\x18.(\d{14}[.\d]*Z)", self.bytes_of("timestamp.tsr"), re.DOTALL)
        need(bool(found), "is of another checkpoint")
        return str(found[0].decode())


def say(text: str) -> None:
    """Print a line: names may hold control sequences, and `##`, by which CI servers know commands."""
    sys.stdout.write(text.encode("unicode_escape").decode().replace("##", r"#\x23") + "\n")


def main() -> int:
    """Run the steps; the exit code."""
    parser = argparse.ArgumentParser(description="Verify an evidence package.")
    parser.add_argument("package", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", action="append", type=Path, default=[], help="a public key of the log (PEM), got from elsewhere")
    parser.add_argument("--checkpoint", type=Path, help="an earlier checkpoint of the same log")
    options = parser.parse_args()
    if not any((options.package / name).exists() for name in ("MANIFEST.json", "MANIFEST.sig")):
        parser.error(f"{options.package} is no package: it has no manifest")
    earlier = options.checkpoint.read_bytes() if options.checkpoint and options.checkpoint.is_file() else b""
    if options.checkpoint and ("\n\n— ".encode() not in earlier or earlier.startswith(b"\xef\xbb\xbf")):  # a byte order mark was put there
        parser.error(f"{options.checkpoint} is no checkpoint")
    try:
        package = Package(options.package, [Key(path.read_bytes()) for path in options.key])
    except (OSError, ValueError, WrongError, UnsupportedAlgorithm) as error:  # the caller's mistake, which says nothing of the package
        parser.error(f"--key {', '.join(map(str, options.key))}: no public key in PEM ({error})")
    package.check("keys", package.load_keys)
    for step in (package.check_manifest, package.check_files):
        package.check("MANIFEST.json", step)
    package.check("checkpoint.txt", package.check_log)
    count = package.check("report.json", package.check_records)
    if options.checkpoint:
        package.check("checkpoint.txt", package.check_earlier, options.checkpoint)
    dated = package.check("timestamp.tsr", package.check_timestamp) if (options.package / "timestamp.tsr").exists() else None
    for name, reason in package.problems:
        say(f"WRONG {name}: {reason}")
    if package.problems:
        return 1
    say(f"Everything checked: {count} records of a log of {package.size} entries.")
    say(f"The log is {package.manifest['log']['origin']}, the period {package.manifest['period']['label']}.")
    where = "given with --key" if options.key else "in the package itself: compare it with one that you got elsewhere"
    say(f"The signer's key is the one {where}.")
    for key in package.signers:  # others may lie beside: a forger's package can hold the true one
        say(f"  key sha256 {key.keyid}")
    for other in sorted({key.keyid for key in package.given} - {key.keyid for key in package.agreed}):
        say(f"Not shown: that all signers agree. The checkpoint is not signed with the given key: sha256 {other}")
    for other in sorted(package.others):
        say(f"Of some records the signer is another key of the package, which was not given: sha256 {other}")
    say(f"A timestamp says {dated}; whose it is was not checked." if dated else "No timestamp.")
    say("Shown: nothing in the package was changed since it was signed. Not shown: that the evidence is complete.")
    if not options.checkpoint:
        say("Not shown: that the log was not rewritten before. That takes an earlier checkpoint (--checkpoint).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
