"""What an upload says of its origin changes the verdict only towards caution, or into "disclosed" by somebody who is trusted."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import pytest
from PIL import Image

from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.detector import corpus
from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.signing import Statement, sign_media
from averment.detector.gate import ingest
from averment.detector.gate.deferred import finish, results
from averment.detector.gate.provenance import Provenance
from averment.detector.gate.sealing import SealSettings, seal
from averment.detector.gate.seals import origin_seal, public_keys, verdict_seal, verdict_seal_holds
from averment.detector.gate.verdict import judge
from averment.detector.interface import DetectorInfo, Family, Score

INFO = DetectorInfo("double", "1.0", None, (Family.SYNTHETIC_IMAGE,), 0.5)
AI = {"ai_generated": True}


@pytest.mark.parametrize(
    ("score", "provenance", "verdict"),
    [
        (0.1, Provenance(credential="none"), "clean"),
        (0.1, Provenance(credential="trusted"), "clean"),
        (0.1, Provenance(credential="untrusted"), "clean"),
        (0.1, Provenance(credential="tampered"), "review"),
        (0.1, Provenance(credential="unreadable"), "review"),
        (0.1, Provenance(broken_seal=True), "review"),
        (0.1, Provenance(credential="untrusted", **AI), "flagged"),
        (0.1, Provenance(credential="trusted", **AI), "disclosed"),
        (0.9, Provenance(credential="trusted"), "flagged"),
        (0.9, Provenance(credential="trusted", **AI), "disclosed"),
        (0.9, Provenance(credential="tampered", **AI), "flagged"),
        (0.1, Provenance(credential="tampered", **AI), "review"),
        (0.1, Provenance(credential="trusted", ai_unvouched=True), "flagged"),
        (0.9, Provenance(broken_seal=True), "flagged"),
    ],
)
def test_a_credential_adds_caution_or_disclosure_and_never_an_acquittal(score: float, provenance: Any, verdict: str) -> None:
    """A trusted signature doesn't make a flagged picture clean; a tampered one keeps a clean picture back."""
    assert judge(Score({Family.SYNTHETIC_IMAGE: score}), INFO, None, provenance).verdict == verdict


DETECTED = "flagged by double:1.0 (model unknown)"


@pytest.mark.parametrize(
    ("score", "provenance", "findings"),
    [
        (0.1, Provenance(credential="trusted"), ()),
        (0.5, Provenance(credential="none"), (DETECTED,)),
        (0.9, Provenance(credential="trusted", **AI), (DETECTED, "its credential, trusted, says that AI made it")),
        (0.1, Provenance(credential="untrusted", **AI), ("its credential, untrusted, says that AI made it",)),
        (0.1, Provenance(credential="trusted", ai_unvouched=True), ("an ingredient in its credential, untrusted, says that AI made it",)),
        (0.1, Provenance(credential="tampered"), ("its content credential is tampered",)),
        (0.1, Provenance(credential="unreadable", **AI), ("its content credential is unreadable",)),
        (0.6, Provenance(broken_seal=True), (DETECTED, "it carries an origin seal that no known key made")),
        (None, Provenance(credential="none"), ()),
    ],
)
def test_what_a_release_stands_against_is_each_thing_that_was_found(
    score: float | None, provenance: Provenance, findings: tuple[str, ...]
) -> None:
    """A person who released the version knew these: one that is missing would be released unseen, one too many opens the case for nothing."""
    told = Score(cannot_say="too small") if score is None else Score({Family.SYNTHETIC_IMAGE: score})
    assert judge(told, INFO, None, provenance).findings == findings


@pytest.fixture(scope="module")
def portrait() -> bytes:
    return next(image for image in corpus.load() if image.label == "synthetic").read()


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority.create()


@pytest.fixture
def signer(tmp_path: Path) -> PemEcdsaSigner:
    return PemEcdsaSigner.create(tmp_path / "key.pem")


def test_a_marked_upload_is_disclosed_and_published_only_where_that_is_wanted(
    site: Any, double: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """With real C2PA: held by default, published as "disclosed" where the deployment says so; flagged where nobody trusts the signer."""
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(authority.anchors)
    marked = sign_media(portrait, signer, authority.issue(signer.public_key(), "studio")).data
    held = site.gate(double, trust=str(anchors)).handle(site.upload("a.jpg", marked))
    assert (held["verdict"], held["action"], held["credential"]["state"]) == ("disclosed", "hold", "trusted")
    site.gate(double, trust=str(anchors), publish_disclosed=True).handle(site.upload("b.jpg", marked))
    assert (site.published("a.jpg"), site.published("b.jpg")) == (None, marked)
    assert site.tags(site.published_bucket, "b.jpg")["averment-verdict"] == "disclosed"
    untrusted = site.gate(double, trust="none", publish_disclosed=True).handle(site.upload("c.jpg", marked))
    assert (untrusted["verdict"], untrusted["action"]) == ("flagged", "hold")


def test_what_the_endpoint_scores_has_its_credential_and_seal_read_as_well(
    site: Any,
    double: Any,
    new_double: Any,
    portrait: bytes,
    authority: TestAuthority,
    signer: PemEcdsaSigner,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    """The asynchronous endpoint scores and no more. What says itself that AI made it isn't published for being large, nor a video whose seal is broken."""
    marked = sign_media(portrait, signer, authority.issue(signer.public_key(), "studio")).data
    monkeypatch.setattr(ingest, "MAX_PAYLOAD", 1000)
    gate = site.gate(double, large=new_double("large"), small_bytes=10, trust="none", origin_keys=str(_public_keys(signer, tmp_path)))

    def line_of(key: str, body: bytes, **more: Any) -> dict[str, Any]:
        assert gate.handle(site.upload(key, body, **more))["event"] == "asked"
        [result] = results(site.answer(site.waiting()[0], double), site.work)
        return finish(gate, result)

    line = line_of("large.jpg", marked)
    assert (line["verdict"], line["action"], line["credential"]["state"]) == ("flagged", "hold", "untrusted")
    webm = b"\x1a\x45\xdf\xa3webm clean"
    line = line_of("bare.webm", webm)
    assert (line["verdict"], line["credential"]["state"]) == ("clean", "not-looked-at"), "no credential can be in it"
    line = line_of("sealed.webm", webm, Metadata=origin_seal(signer, webm, "camera=studio-3"))
    assert (line["verdict"], len(line["credential"]["origin_key"])) == ("clean", 64)
    line = line_of("other.webm", webm + b"!", Metadata=origin_seal(signer, webm, "camera=studio-3"))
    assert (line["verdict"], line["credential"]["broken_seal"]) == ("review", True)
    monkeypatch.setattr(ingest, "MAX_BYTES", 100)
    line = line_of("huge.jpg", marked)
    assert (line["verdict"], line["credential"]["state"]) == ("clean", "not-looked-at")
    assert "no credential is read" in line["credential"]["reason"]


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_what_nothing_here_scores_has_its_credential_read_as_well(
    kind: str, site: Any, double: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """A person has to look at it, and is told what it says of itself; what a trusted signer says of it counts as of any other medium."""
    encoded, anchors = io.BytesIO(), tmp_path / "anchors.pem"
    Image.open(io.BytesIO(portrait)).save(encoded, kind)
    anchors.write_bytes(authority.anchors)
    marked = sign_media(encoded.getvalue(), signer, authority.issue(signer.public_key(), "studio")).data
    nobody, somebody = site.gate(double, trust="none"), site.gate(double, trust=str(anchors))
    line = nobody.handle(site.upload("bare", encoded.getvalue()))
    assert (line["verdict"], line["credential"]["state"]) == ("review", "none")
    line = nobody.handle(site.upload("strange", marked))
    assert (line["verdict"], line["credential"]["state"]) == ("flagged", "untrusted")
    assert f"nothing here scores image/{kind.lower()}" in line["reason"]
    line = somebody.handle(site.upload("ours", marked))
    assert (line["verdict"], line["action"], line["credential"]["state"]) == ("disclosed", "hold", "trusted")
    sealed = site.gate(double, origin_keys=str(_public_keys(signer, tmp_path)))
    line = sealed.handle(site.upload("sealed", encoded.getvalue(), Metadata=origin_seal(signer, marked, "camera=studio-3")))
    assert (line["verdict"], line["credential"]["broken_seal"]) == ("review", True)


def _public_keys(signer: PemEcdsaSigner, folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_public_key(signer.public_key())
    keys = folder / "partners.pem"
    keys.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return keys


def test_a_partners_seal_names_its_key_and_a_broken_one_holds_the_upload(
    site: Any, double: Any, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """The seal is over the bytes and what is said of them: other bytes or other words break it."""
    keys = _public_keys(signer, tmp_path)
    body = b"\xff\xd8\xffclean"
    sealed, gate = origin_seal(signer, body, "camera=studio-3"), site.gate(double, origin_keys=str(keys))
    line = gate.handle(site.upload("a.jpg", body, Metadata=sealed))
    assert line["action"] == "publish"
    assert len(str(line["credential"]["origin_key"])) == 64
    for name, other, metadata in (("b.jpg", body + b"!", sealed), ("c.jpg", body, {**sealed, "provenance": "camera=other"})):
        held = gate.handle(site.upload(name, other, Metadata=metadata))
        assert (held["verdict"], held["action"]) == ("review", "hold")
        assert site.published(name) is None


def test_partners_keys_that_cannot_be_read_stop_the_gate() -> None:
    """A file without keys isn't "no partners"."""
    for text in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(BadInputError):
            public_keys(text, where=SourceRef("keys.pem"))


def test_a_published_object_carries_a_seal_for_its_key_and_size(site: Any, double: Any, signer: PemEcdsaSigner) -> None:
    """What the edge checks is there, and holds for no other key, size or verdict. The uploader's copy of the names is dropped."""
    body = b"\xff\xd8\xffclean"
    gate = site.gate(double)
    gate._signer = signer
    gate.handle(site.upload("ü/a.jpg", body, Metadata={"averment-verdict": "clean", "averment-seal": "x", "provenance": "p"}))
    metadata = site.s3.head_object(Bucket=site.published_bucket, Key="ü/a.jpg")["Metadata"]
    public = signer.public_key()
    assert metadata["provenance"] == "p"
    assert verdict_seal_holds(public, "ü/a.jpg", len(body), metadata)
    assert not verdict_seal_holds(public, "b.jpg", len(body), metadata)
    assert not verdict_seal_holds(public, "ü/a.jpg", len(body) + 1, metadata)
    assert not verdict_seal_holds(public, "ü/a.jpg", len(body), {**metadata, "averment-verdict": "released"})
    assert not verdict_seal_holds(public, "ü/a.jpg", len(body), {})
    assert verdict_seal_holds(public, "k", 1, verdict_seal(signer, "k", 1, "clean", "2026-12-02T10:00:00Z"))


def test_two_kilobytes_of_the_uploaders_metadata_do_not_keep_a_picture_out(site: Any, double: Any) -> None:
    """Metadata as large as S3 takes leaves room for the gate's: provenance stays, the rest goes as far as it fits."""
    filler = {f"m{number}": "x" * 400 for number in range(4)} | {"provenance": "p" * 300}
    site.gate(double).handle(site.upload("a.jpg", b"\xff\xd8\xffclean", Metadata=filler))
    metadata = site.s3.head_object(Bucket=site.published_bucket, Key="a.jpg")["Metadata"]
    assert metadata["provenance"] == "p" * 300
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048


def test_generated_media_is_marked_before_it_is_served(
    site: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """The seal function: a trusted credential inside, "disclosed" outside, a line in the provenance log; what can't be marked stays out."""
    import boto3

    from averment.core.errors import IncompleteError
    from averment.detector.credentials.inspect import inspect

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings = SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain))
    line = seal(settings, site.upload("campaign/1.jpg", portrait))
    served = site.published("campaign/1.jpg")
    assert served is not None
    found = inspect(served, authority.anchors)
    assert (found.state, found.ai_generated) == ("trusted", True)
    assert site.tags(site.published_bucket, "campaign/1.jpg")["averment-verdict"] == "disclosed"
    logged = boto3.client("logs").filter_log_events(logGroupName="/averment/provenance")["events"]
    assert [json.loads(event["message"])["sha256"] for event in logged] == [line["sha256"]]
    with pytest.raises(IncompleteError, match="is not a medium that can carry"):
        seal(settings, site.upload("campaign/2.txt", b"words"))
    assert site.published("campaign/2.txt") is None


@pytest.mark.parametrize("refused", ["create_log_stream", "create_log_group", "put_log_events"])
def test_nothing_is_published_that_the_provenance_log_can_t_take(
    site: Any,
    portrait: bytes,
    authority: TestAuthority,
    signer: PemEcdsaSigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
) -> None:
    """The log group is gone, its stream may not be made, or the line alone is refused: the medium was published first, and stayed so without an
    entry."""
    from botocore.exceptions import ClientError

    from averment.detector.gate import sealing

    make = sealing.client

    def clients(service: str) -> Any:
        made = make(service)
        if service == "logs":
            monkeypatch.setattr(made, refused, refuse)
        return made

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, refused)

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings, target = SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain)), site.upload("campaign/1.jpg", portrait)
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "client", clients)
        with pytest.raises(IncompleteError, match=r"(make ready|write to) the log group /averment/provenance; nothing was published"):
            seal(settings, target)
    assert site.published("campaign/1.jpg") is None
    assert seal(settings, target)["event"] == "sealed"


def test_the_credential_of_the_generator_stays_within_ours(
    site: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """A generator of others that signs what it makes is still named after our mark, whoever trusts it; one that doesn't hold isn't signed over."""
    from averment.core.errors import IncompleteError
    from averment.detector.credentials.inspect import inspect

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings = SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain))
    generator = TestAuthority.create()
    made = sign_media(portrait, signer, generator.issue(signer.public_key(), "generator"), Statement(tool="model of others")).data
    assert seal(settings, site.upload("campaign/1.jpg", made))["event"] == "sealed"
    served = site.published("campaign/1.jpg")
    assert inspect(served, authority.anchors).state == "trusted"
    store = json.loads(c2pa.Reader("image/jpeg", io.BytesIO(served)).json())
    ours, (theirs,) = (
        [action for part in store["manifests"][label]["assertions"] if "actions" in part["label"] for action in part["data"]["actions"]]
        for label in sorted(store["manifests"], key=store["active_manifest"].__ne__)
    )
    assert [action["action"] for action in ours] == ["c2pa.opened", "c2pa.published"]
    assert ours[1]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert theirs["softwareAgent"]["name"] == "model of others"
    broken = bytearray(made)
    broken[-20] ^= 1
    with pytest.raises(IncompleteError, match="doesn't hold"):
        seal(settings, site.upload("campaign/2.jpg", bytes(broken)))
    assert site.published("campaign/2.jpg") is None


def test_only_what_lies_in_the_generated_bucket_is_marked_as_ones_own(site: Any, tmp_path: Path) -> None:
    """Whoever reaches the queue can name any bucket that the function's role may read, also a stranger's: refused before a byte is read or signed,
    and so is a bucket that would be marked into itself."""
    strange = site.upload("campaign/1.jpg", b"not ours")
    settings = SealSettings(
        site.published_bucket, str(tmp_path / "key.pem"), str(tmp_path / "chain.pem"), generated_bucket="shop-generated"
    )
    with pytest.raises(BadInputError, match="is not in shop-generated"):
        seal(settings, strange)
    with pytest.raises(BadInputError, match="both source and published bucket"):
        seal(replace(settings, published_bucket=site.quarantine, generated_bucket=site.quarantine), strange)
    assert site.published("campaign/1.jpg") is None


def test_generated_media_that_was_taken_down_stays_down(
    site: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path
) -> None:
    """Its event delivered once more doesn't mark and publish it again; nor does an older version replace a newer one."""
    from averment.detector.gate.reviews import People, Reviews

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings = SealSettings(
        site.published_bucket, str(tmp_path / "key.pem"), str(chain), cases=site.table, generated_bucket=site.quarantine
    )
    target = site.upload("campaign/1.jpg", portrait)
    assert seal(settings, target)["event"] == "sealed"
    Reviews(site.gate(People())).forbid_published("campaign/1.jpg", by="trust/Ada", reason="a court order")
    assert seal(settings, target)["event"] == "forbidden"
    assert seal(settings, replace(target, version=None))["event"] == "forbidden", "an event that names no version is about this one"
    assert site.published("campaign/1.jpg") is None
    old, new = site.upload("campaign/2.jpg", portrait), site.upload("campaign/2.jpg", portrait)
    assert seal(settings, new)["event"] == "sealed"
    served = site.published("campaign/2.jpg")
    assert seal(settings, old)["event"] == "superseded"
    assert site.published("campaign/2.jpg") == served


@pytest.mark.parametrize("stopped", [False, True])
def test_a_version_that_is_signed_slowly_does_not_stay_over_a_newer_one(
    site: Any,
    portrait: bytes,
    authority: TestAuthority,
    signer: PemEcdsaSigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped: bool,
) -> None:
    """A newer version comes in, is marked and published while the older one waits for its timestamp: in the end the newer one is served, also if the
    function was stopped right after it had published the older one."""
    from averment.detector.gate import sealing

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings = SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain), cases=site.table)
    sign, newer = sealing.sign_media, []

    def slow(*arguments: Any, **named: Any) -> Any:
        made = sign(*arguments, **named)
        if not newer:
            newer.append(site.upload("campaign/1.jpg", portrait))
            assert seal(settings, newer[0])["event"] == "sealed"
        return made

    monkeypatch.setattr(sealing, "sign_media", slow)
    older = site.upload("campaign/1.jpg", portrait)
    if stopped:
        with monkeypatch.context() as patch:
            patch.setattr(sealing, "_catch_up", stop_after(3, sealing._catch_up))
            with pytest.raises(IncompleteError, match="the function was stopped"):
                seal(settings, older)
    assert seal(settings, older)["event"] == ("superseded" if stopped else "sealed")
    served = site.s3.head_object(Bucket=site.published_bucket, Key="campaign/1.jpg")["Metadata"]
    assert served["averment-source"].endswith(f"/{newer[0].version}")


def stop_after(times: int, doing: Any) -> Any:
    """``doing`` that many times; whoever asks for it again is stopped."""
    left = [doing] * times

    def some(*arguments: Any) -> Any:
        if not left:
            raise IncompleteError("the function was stopped")
        return left.pop()(*arguments)

    return some


@pytest.mark.parametrize("newer", [None, b"newer"])
def test_marked_media_that_is_forbidden_meanwhile_is_taken_back_and_nothing_else(
    site: Any,
    portrait: bytes,
    authority: TestAuthority,
    signer: PemEcdsaSigner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    newer: bytes | None,
) -> None:
    """A takedown that comes between the look and the publication undoes it; what somebody published under the key since then stays."""
    from averment.detector.gate.cases import Cases

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings = SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain), cases=site.table)

    def held(*_: Any) -> str | None:
        if site.published("campaign/1.jpg") is None:
            return None
        if newer is not None:
            site.s3.put_object(Bucket=site.published_bucket, Key="campaign/1.jpg", Body=newer)
        return "a court order"

    monkeypatch.setattr(Cases, "held", held)
    with pytest.raises(IncompleteError, match="taken back" if newer is None else r"PreconditionFailed|pre-conditions"):
        seal(settings, site.upload("campaign/1.jpg", portrait))
    assert site.published("campaign/1.jpg") == newer


def test_marked_media_that_was_forbidden_and_not_looked_at_again_goes_with_the_next_delivery(
    site: Any, portrait: bytes, authority: TestAuthority, signer: PemEcdsaSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken down while an event that came twice is signed, and the table refuses the look after the publication: the next delivery found it forbidden,
    said so, and it was served for good. While S3 doesn't say what is served, that delivery isn't over either."""
    from botocore.exceptions import ClientError

    from averment.detector.gate import sealing
    from averment.detector.gate.cases import Cases
    from averment.detector.gate.reviews import People, Reviews
    from averment.detector.gate.store import Store

    chain = tmp_path / "chain.pem"
    chain.write_bytes(authority.issue(signer.public_key(), "studio"))
    settings, target = (
        SealSettings(site.published_bucket, str(tmp_path / "key.pem"), str(chain), cases=site.table),
        site.upload("1.jpg", portrait),
    )
    assert seal(settings, target)["event"] == "sealed"
    sign = sealing.sign_media

    def slow(*arguments: Any, **named: Any) -> Any:
        Reviews(site.gate(People())).forbid_published("1.jpg", by="trust/Ada", reason="a court order")
        return sign(*arguments, **named)

    def refused(code: str) -> Any:
        def refuse(*_: Any) -> None:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "HeadObject")

        return refuse

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "sign_media", slow)
        patch.setattr(Cases, "held", stop_after(1, Cases.held))
        with pytest.raises(IncompleteError, match="the function was stopped"):
            seal(settings, target)
    assert site.published("1.jpg") is not None
    with monkeypatch.context() as patch:
        patch.setattr(Store, "served", refused("503"))
        with pytest.raises(IncompleteError):
            seal(settings, target)
    assert seal(settings, target)["event"] == "forbidden"
    assert site.published("1.jpg") is None
    monkeypatch.setattr(Store, "served", refused("403"))  # as S3 answers for what isn't there to who may not list the bucket
    assert seal(settings, target)["event"] == "forbidden"
