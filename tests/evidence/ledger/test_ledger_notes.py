"""Signed notes, checkpoints, envelopes, tiles and canonical JSON against the examples that their specifications publish."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from hypothesis import given
from hypothesis import strategies as st

from averment.core.canonical import canonical_json, parse_canonical, sha256_hex
from averment.core.errors import BadInputError, VerificationError
from averment.core.signing.interface import Algorithm
from averment.core.signing.local import LocalSigner
from averment.core.signing.verification import verify_signature
from averment.evidence.ledger.checkpoint import Checkpoint, SignedNote, VerifierKey, open_checkpoint, sign_note
from averment.evidence.ledger.envelope import (
    MAX_INLINE_BYTES,
    open_entry,
    pre_authentication_encoding,
    read_payload,
    seal,
    verify_envelope,
)
from averment.evidence.ledger.proof import InclusionProof
from averment.evidence.ledger.tiles import MAX_ENTRY_BYTES, bundle_name, decode_bundle, encode_bundle, index_path, tile_name
from averment.evidence.package import standalone

# The example of golang.org/x/mod/sumdb/note, the reference implementation of signed notes.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

# The key of Rekor as transparency-dev publishes it with its implementation of ECDSA notes (type 0x02).
REKOR = (
    "rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/"
    "4sueRoVj//QP22Ni4Qt9DPfkWLc="
)

# The example of c2sp.org/tlog-checkpoint.
BEHIND_THE_SOFA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def signer(seed=b"s" * 32):
    """A key that is the same in every run."""
    return LocalSigner(ed25519.Ed25519PrivateKey.from_private_bytes(seed), "test.pem")


def test_the_reference_note_is_made_and_verified_byte_for_byte():
    """The published secret key gives the published note; the published verifier key verifies it."""
    secret = LocalSigner(ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(PETER_SECRET)[1:]), "peter")
    key = VerifierKey("PeterNeumann", secret.public_key())
    assert str(key) == PETER
    assert bytes(sign_note(TEXT, [("PeterNeumann", secret)])) == NOTE.encode()
    assert SignedNote.parse(NOTE.encode()).verify([VerifierKey.parse(PETER)]) == (key,)


def test_the_specifications_own_note_verifies():
    """The example of c2sp.org/signed-note: its verifier key verifies its note, and not the same note with another text."""
    key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    line = "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    assert SignedNote.parse(f"This is an example message.\n\n{line}".encode()).verify([key]) == (key,)
    with pytest.raises(VerificationError, match="wrong"):
        SignedNote.parse(f"This is another message.\n\n{line}".encode()).verify([key])


def test_a_proof_in_the_specifications_form_is_read_with_its_extra_line():
    """The head of the example of c2sp.org/tlog-proof (its checkpoint is abridged there): index, hashes and extra data come back."""
    hashes = ["gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=", "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA="]
    data = "\n".join(["c2sp.org/tlog-proof@v1", "extra YWJj", "index 73894", *hashes, "", BEHIND_THE_SOFA]).encode()
    proof = InclusionProof.parse(data)
    assert (proof.index, proof.extra, len(proof.hashes)) == (73894, b"abc", 2)
    assert bytes(proof) == data
    for bad in (data.replace(b"extra YWJj", b"extra %%"), data.replace(b"index 7", b"index 07"), data.replace(b"@v1", b"@v2")):
        with pytest.raises(VerificationError):
            InclusionProof.parse(bad)


def test_the_published_ecdsa_verifier_key_has_its_published_id():
    """Type 0x02: the id is of the DER alone."""
    key = VerifierKey.parse(REKOR)
    assert key.algorithm is Algorithm.ECDSA_P256_SHA256
    assert str(key) == REKOR


@pytest.mark.parametrize("position", range(len(PETER)))
def test_no_mangled_verifier_key_is_accepted(position):
    """A verifier key with any one character changed is refused (the reference's own test)."""
    mangled = PETER[:position] + chr(ord(PETER[position]) + 1) + PETER[position + 1 :]
    with pytest.raises(BadInputError):
        VerifierKey.parse(mangled)


def test_no_note_with_a_flipped_bit_is_accepted():
    """Every single bit of a note with one signature, also those that base64 leaves unused: it is refused."""
    key = VerifierKey.parse(PETER)
    for bit in range(len(NOTE.encode()) * 8):
        data = bytearray(NOTE.encode())
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError):
            SignedNote.parse(bytes(data)).verify([key])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        TEXT.encode(),
        NOTE.encode()[:-1],
        NOTE.replace("\n\n", "\n").encode(),
        NOTE.replace("cryptography", "crypto\tgraphy").encode(),
        NOTE.encode() + b"\xff\n",
        NOTE.replace("— P", "- P").encode(),
        b"x" * (300 * 1024),
    ],
)
def test_what_is_no_note_is_refused(bad):
    """Malformed notes are refused without a crash."""
    with pytest.raises(VerificationError):
        SignedNote.parse(bad)


def test_a_note_with_several_signatures_needs_one_known_and_tolerates_no_wrong_one():
    """Unknown signers are ignored; a known key whose signature is wrong condemns the note."""
    one, two = signer(), signer(b"t" * 32)
    note = sign_note("text\n", [("a.example", one), ("b.example", two)])
    known = VerifierKey("b.example", two.public_key())
    assert SignedNote.parse(bytes(note)).verify([known]) == (known,)
    with pytest.raises(VerificationError, match="none of which is a known key"):
        note.verify([VerifierKey("c.example", two.public_key())])
    bent = SignedNote("other\n", (sign_note("other\n", [("a.example", one)]).signatures[0], note.signatures[1]))
    with pytest.raises(VerificationError, match="wrong"):
        bent.verify([VerifierKey("a.example", one.public_key()), known])


def test_the_published_checkpoint_is_read():
    """Origin, size and root of the specification's example, and the text comes out as it went in."""
    text = SignedNote.parse(BEHIND_THE_SOFA.encode()).text
    head = Checkpoint.parse(text)
    assert (head.origin, head.size, len(head.root), str(head)) == ("example.com/behind-the-sofa", 20852163, 32, text)


@pytest.mark.parametrize("size", ["-1", "01", "1 ", "x", ""])
def test_a_checkpoint_with_an_impossible_size_is_refused(size):
    """Sizes are decimal without leading zeroes."""
    with pytest.raises(VerificationError):
        Checkpoint.parse(BEHIND_THE_SOFA.split("\n\n", maxsplit=1)[0].replace("20852163", size) + "\n")


def test_a_checkpoint_of_another_log_or_by_witnesses_alone_is_refused():
    """A genuine checkpoint of another log is none of this one's, and a witness's signature is not the log's."""
    log, witness = signer(), signer(b"w" * 32)
    text = str(Checkpoint("log.example", 0, bytes(32)))
    keys = [VerifierKey("log.example", log.public_key()), VerifierKey("witness.example", witness.public_key())]
    both = bytes(sign_note(text, [("log.example", log), ("witness.example", witness)]))
    assert open_checkpoint(both, "log.example", keys).signed_by == tuple(keys)
    with pytest.raises(VerificationError, match=r"not of other\.example"):
        open_checkpoint(both, "other.example", keys)
    with pytest.raises(VerificationError, match="no key of the log"):
        open_checkpoint(bytes(sign_note(text, [("witness.example", witness)])), "log.example", keys)


def test_dsse_example_of_the_specification():
    """PAE and signature of the DSSE protocol's test vector (its signature is r and s, raw; ours are DER)."""
    message = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    numbers = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    der = numbers.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    assert verify_signature(Algorithm.ECDSA_P256_SHA256, der, message, signature)
    envelope = {"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld"}
    envelope["signatures"] = [{"sig": base64.urlsafe_b64encode(signature).decode()}]  # no key id, url-safe: both are allowed
    assert verify_envelope(json.dumps(envelope).encode(), [der]) == der


def test_an_entry_is_an_in_toto_statement_about_its_record(make_record):
    """The subject is the record's id and the digest of its canonical JSON; opening it gives the record back."""
    record, key = make_record(1), signer()
    sealed = seal(record, key)
    assert sealed.blob is None
    kind, payload, signatures = read_payload(sealed.entry)
    statement = json.loads(payload)
    assert kind == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:averment:predicate:record:v1"
    assert statement["subject"] == [{"name": record.id, "digest": {"sha256": sha256_hex(canonical_json(record.to_json()))}}]
    assert signatures[0][0] == sha256_hex(key.public_key())
    assert verify_envelope(sealed.entry, [key.public_key()]) == key.public_key()
    assert open_entry(sealed.entry, lambda _: b"") == record


def test_a_large_record_keeps_its_payload_beside_the_log(make_record):
    """Its entry still fits into a bundle, and it opens with the blob, but not with another blob."""
    record = make_record(1, size=MAX_INLINE_BYTES)
    sealed = seal(record, signer())
    assert sealed.blob is not None
    assert len(sealed.entry) < MAX_ENTRY_BYTES
    assert open_entry(sealed.entry, {sha256_hex(sealed.blob): sealed.blob}.__getitem__) == record
    with pytest.raises(VerificationError, match="was changed"):
        open_entry(sealed.entry, lambda _: sealed.blob.replace(b"1", b"2"))


def test_a_record_that_cannot_fit_says_so(make_record):
    """What is too long beside the payload is refused with a way out, not cut."""
    with pytest.raises(BadInputError, match="65,535"):
        seal(make_record(1, query={"long": "x" * 70_000}), signer())


@given(st.data())
def test_no_entry_with_a_flipped_bit_passes_for_the_same(make_record, data):
    """Any one bit of an envelope: its signature or its record is refused, or it was a bit without meaning (such as the key id's)."""
    key, record = signer(), make_record(3)
    entry = bytearray(seal(record, key).entry)
    bit = data.draw(st.integers(0, len(entry) * 8 - 1))
    entry[bit // 8] ^= 1 << bit % 8
    try:
        verify_envelope(bytes(entry), [key.public_key()])
        assert open_entry(bytes(entry), lambda _: b"") == record
    except VerificationError:
        pass


@given(st.binary(max_size=200))
def test_reading_garbage_never_crashes(data):
    """Entries, proofs, notes, bundles: garbage is refused in the product's own words."""
    for read in (read_payload, InclusionProof.parse, SignedNote.parse):
        with pytest.raises(VerificationError):
            read(data)
    try:
        assert encode_bundle(decode_bundle(data)) == data
    except ValueError:
        pass


def test_names_of_tiles_are_the_specifications():
    """The examples of c2sp.org/tlog-tiles."""
    assert index_path(1234067) == "x001/x234/067"
    assert (index_path(0), index_path(999), index_path(1000)) == ("000", "999", "x001/000")
    assert tile_name(0, 273, 112) == "tile/0/273.p/112"
    assert bundle_name(5) == "tile/entries/005"


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_bundles_come_back_as_they_went(entries):
    """Encoding and decoding are inverse; a bundle that was cut is refused."""
    data = encode_bundle(entries)
    assert decode_bundle(data) == entries
    if data:
        with pytest.raises(ValueError):
            decode_bundle(data[:-1])


# RFC 8785, Appendix B: IEEE 754 bits and their serialisation.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_of_rfc_8785(bits, text):
    """Both serialisers write the numbers of the RFC's appendix as it does."""
    value = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert canonical_json(value).decode() == text
    assert standalone.canonical(value).decode() == text


def test_the_object_of_rfc_8785():
    """The example of section 3.2.2, and the property order of section 3.2.3 (UTF-16 code units)."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    for serialise in (canonical_json, standalone.canonical):
        assert serialise(value).decode() == expected
        assert list(json.loads(serialise(keys))) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_the_enclosed_verifier_serialises_as_we_do(value):
    """The independent verifier's canonical JSON is ours, for any JSON, also after a round trip through a file."""
    data = canonical_json(value)
    assert standalone.canonical(value) == data
    assert standalone.canonical(json.loads(data)) == data
    assert canonical_json(parse_canonical(data)) == data
