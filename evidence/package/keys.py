"""Which keys a package is verified with: those that were handed over and those that they vouch for, else the package's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from averment.core.errors import VerificationError
from averment.core.signing.verification import der_of_pem
from averment.evidence.ledger.checkpoint import SignedNote, VerifierKey
from averment.evidence.ledger.succession import ENDORSED_SUFFIX, endorsed
from averment.evidence.package import layout
from averment.evidence.package.files import names_in
from averment.evidence.package.guarded import Guarded
from averment.evidence.verification.steps import WITHOUT


class Keyed(Guarded):
    """A package with its keys: ``given`` are the auditor's, each made for the log's name. Read by the step ``_keys``, they are ``_trusted``, or ``_own``:
    those that lie in the package."""

    def __init__(self, package: Path, given: Sequence[Callable[[str], VerifierKey]]) -> None:
        super().__init__(package)
        self._given = given
        self._own: list[VerifierKey] = []
        self._trusted: list[VerifierKey] = []
        self._endorsements: list[bytes] = []

    def _keys(self) -> None:
        for name in names_in(self._package / layout.KEYS, ".vkey"):
            self._guard(f"{layout.KEYS}{name}", lambda name=name: self._own.append(self._own_key(name)))  # type: ignore[misc]
        if self._given:
            origin = self._guard(layout.SIGNATURE, self._claimed_origin) or ""
            if layout.SIGNATURE not in self._unread:  # else the log's name isn't known, under which what is signed verifies
                self._trusted = [make(origin) for make in self._given]
                self._guard(layout.KEYS, lambda: self._trusted.extend(self._vouched_for(origin)))
        else:
            self._trusted = list(self._own)
        none = f"{WITHOUT} a key, none of which could be read" if self._unread else "holds no key, so nothing that follows can be checked"
        self._require(bool(self._trusted), none)
        source = "handed over, or vouched for by those" if len(self._trusted) > len(self._given) > 0 else "handed over"
        source = source if self._given else "taken from the package itself"
        self._step.finding = f"{', '.join(key.id.hex() for key in self._trusted) or 'none'}, {source}"

    def _vouched_for(self, origin: str) -> list[VerifierKey]:
        """The keys that took the place of those handed over, by endorsements in the package."""
        notes = [self._read(f"{layout.KEYS}{name}") for name in names_in(self._package / layout.KEYS, ENDORSED_SUFFIX)]
        found = endorsed(self._trusted, notes, origin)
        self._endorsements = notes  # only such as are in order
        return found

    def _own_key(self, name: str) -> VerifierKey:
        key = VerifierKey.parse(self._read(f"{layout.KEYS}{name}").decode("utf-8"))
        if name != f"{key.id.hex()}.vkey":
            raise VerificationError("holds another key than its name says")
        pem = f"{key.id.hex()}.pub.pem"
        self._guard(
            f"{layout.KEYS}{pem}",
            lambda: self._require(der_of_pem(self._read(f"{layout.KEYS}{pem}")) == key.public_key, "is another key than the .vkey file"),
        )
        return key

    def _claimed_origin(self) -> str:
        """The log's name as the signature file says it; believed only once the signature verifies under it."""
        lines = self._read(layout.SIGNATURE).decode("utf-8", errors="replace").split("\n")
        return lines[1] if len(lines) > 1 else ""

    def _signers(self, note: SignedNote) -> tuple[VerifierKey, ...]:
        """The keys that signed ``note``; where only a key of the package did, it is said that the one that was handed over may be the wrong one."""
        try:
            return note.verify(self._trusted)
        except VerificationError:
            for key in self._own if self._given else ():
                if any((item.name, item.key_id) == (key.name, key.id) and key.verifies(note.text, item) for item in note.signatures):
                    raise VerificationError(
                        f"is signed with a key that lies in the package (SHA-256 {key.fingerprint}), not with the one that was handed over: "
                        "that is another log's, or the package is somebody else's"
                    ) from None
            raise
