"""What a later scan finds out about a published version: withdrawn at once, and a person's release stands for what that person knew."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from averment.cli.main import run
from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.detector.gate.case import CaseState
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.reviews import Reviews
from averment.detector.interface import Family, Score

JPEG = b"\xff\xd8\xff"
ADA, BOB = "trust/Ada Byron", "legal/Bob"


@pytest.fixture
def reviews(site: Any, double: Any) -> Reviews:
    return Reviews(site.gate(double))


def scanned(reviews: Reviews, target: Any, version: str = "1.0") -> str:
    """The action of a scan by the model ``version``."""
    reviews.gate.detector.version = version  # type: ignore[attr-defined]
    return str(reviews.gate.handle(target)["action"])


def released(site: Any, reviews: Reviews, body: bytes = b"fake", key: str = "x.jpg") -> tuple[Any, str]:
    """A version that was flagged, and that Ada released; its target and its case's id."""
    target = site.upload(key, JPEG + body)
    reviews.gate.handle(target)
    case = next(case for case in reviews.cases.listed([CaseState.OPEN]) if case.target.key == key)
    reviews.decide(case.id, "release", by=ADA, reason="an advert that is labelled")
    return target, case.id


def lines(site: Any, event: str) -> list[dict[str, Any]]:
    return [line for line in site.logged() if line["event"] == event]


@pytest.mark.parametrize(("body", "verdict"), [(b"late", "flagged"), (b"lost", "review")])
def test_what_a_later_scan_flags_or_cannot_judge_is_withdrawn_at_once(site: Any, reviews: Reviews, body: bytes, verdict: str) -> None:
    """Published by the first model; the second finds it fake, or is at a loss: gone from the published bucket, versions kept, a case, a line."""
    target = site.upload("x.jpg", JPEG + body)
    assert scanned(reviews, target) == "publish"
    assert scanned(reviews, target, "2.0") == "hold"
    assert site.published("x.jpg") is None
    assert len(site.s3.list_object_versions(Bucket=site.published_bucket, Prefix="x.jpg")["Versions"]) == 1
    [case] = reviews.cases.listed([CaseState.OPEN])
    assert (case.verdict, case.applied) == (verdict, True)
    [line] = lines(site, "withdrawn")
    assert (line["key"], line["by"], line["case"]) == ("x.jpg", "gate", case.id)
    assert site.tags(site.quarantine, "x.jpg", target.version)["averment-verdict"] == verdict


def test_a_deployment_may_keep_what_a_later_scan_cannot_judge(site: Any, double: Any) -> None:
    """AVERMENT_UNJUDGED=keep: an endpoint that is down while all is scanned again doesn't empty the shop. What is flagged goes all the same."""
    reviews = Reviews(site.gate(double, keep_unjudged=True))
    lost, late = site.upload("lost.jpg", JPEG + b"lost"), site.upload("late.jpg", JPEG + b"late")
    for version in ("1.0", "2.0"):
        for target in (lost, late):
            scanned(reviews, target, version)
    assert (site.published("lost.jpg"), site.published("late.jpg")) == (JPEG + b"lost", None)
    assert len(list(reviews.cases.listed([CaseState.OPEN]))) == 2


def test_what_nobody_could_judge_for_a_while_is_published_again(site: Any, reviews: Reviews) -> None:
    """That a detector is at a loss is no finding: a scan that finds it clean lets it back in."""
    target = site.upload("x.jpg", JPEG + b"lost")
    assert [scanned(reviews, target, version) for version in ("1.0", "2.0", "1.0")] == ["publish", "hold", "publish"]
    assert site.published("x.jpg") == JPEG + b"lost"


def test_what_was_flagged_once_is_for_a_person_whatever_others_say(site: Any, reviews: Reviews) -> None:
    """Two models that differ, in any order of their scans: in the end it isn't served, and one case waits."""
    for number, order in enumerate(permutations(("1.0", "2.0", "1.0"))):
        target = site.upload(f"{number}.jpg", JPEG + b"late" + bytes([number]))
        for version in order:
            scanned(reviews, target, version)
        assert site.published(target.key) is None
    assert len(list(reviews.cases.listed([CaseState.OPEN]))) == number + 1


def test_an_event_that_names_no_version_is_about_the_one_that_lies_there(site: Any, reviews: Reviews) -> None:
    """Written by hand, or by whoever reaches the queue: what one scan flagged waits for a person still, what a person took down stays down though its
    bytes are too many to be known again, and what a later scan flags is withdrawn."""
    unnamed = [site.upload(f"{number}.jpg", JPEG + b"late" + bytes([number])) for number in range(3)]
    flagged, forbidden, served = unnamed
    scanned(reviews, flagged, "2.0")
    for target in (forbidden, served):
        scanned(reviews, target)
    reviews.forbid_published(forbidden.key, by=ADA, reason="stolen")
    reviews.cases.lift(ObjectVersion("elsewhere", "x.jpg", "v"), sha256_hex(JPEG + b"late" + bytes([1])))  # as of more than is read
    assert [scanned(reviews, replace(target, version=None)) for target in (flagged, forbidden)] == ["forbidden", "forbidden"]
    assert scanned(reviews, replace(served, version=None, etag=None), "2.0") == "hold"
    assert [site.published(target.key) for target in unnamed] == [None, None, None]
    assert len(list(reviews.cases.listed(list(CaseState)))) == 3, "one case a version"


def test_what_waited_before_its_bucket_had_versions_waits_on(site: Any, reviews: Reviews) -> None:
    """S3 calls it null since, as it does whatever lies there while versions are suspended: it stays known by its ETag."""
    site.s3.put_bucket_versioning(Bucket=site.quarantine, VersioningConfiguration={"Status": "Suspended"})
    etag = site.s3.put_object(Bucket=site.quarantine, Key="x.jpg", Body=JPEG + b"late")["ETag"].strip('"')
    target = ObjectVersion(site.quarantine, "x.jpg", etag=etag)
    assert scanned(reviews, target, "2.0") == "hold"
    site.s3.put_bucket_versioning(Bucket=site.quarantine, VersioningConfiguration={"Status": "Enabled"})
    events = reviews.gate.store._s3.meta.events  # moto names no version that is called null
    for operation in ("HeadObject", "GetObject"):
        events.register(f"after-call.s3.{operation}", lambda parsed, **_: parsed.setdefault("VersionId", "null"))
    assert scanned(reviews, target) == "forbidden"
    assert len(list(reviews.cases.listed(list(CaseState)))) == 1


def test_what_is_scored_is_the_version_that_is_judged(site: Any, reviews: Reviews) -> None:
    """An ETag is no proof of the bytes: somebody who has two files of one can replace the first while it is read by an event that names no version."""
    target, uploaded = site.upload("x.jpg", JPEG + b"clean"), list[Any]()

    def meanwhile(**_: Any) -> None:
        if not uploaded:
            uploaded.append(site.upload("x.jpg", JPEG + b"clean"))

    events = reviews.gate.store._s3.meta.events
    events.register("before-call.s3.GetObject", meanwhile)
    with pytest.raises(IncompleteError, match="was replaced while it was read"):
        scanned(reviews, replace(target, version=None))
    assert site.published("x.jpg") is None
    assert scanned(reviews, replace(target, version=None)) == "publish", "the next delivery is about the new one"


def test_a_release_stands_when_the_same_model_says_the_same_again(site: Any, reviews: Reviews) -> None:
    """Scored higher this time, by the model that the person knew of: nothing new. Object, tags and case stay, and the record says so."""
    target, case = released(site, reviews)
    reviews.gate.detector.one = lambda _: Score({Family.SYNTHETIC_IMAGE: 0.97})  # type: ignore[attr-defined]
    assert scanned(reviews, target) == "stands"
    assert site.published("x.jpg") == JPEG + b"fake"
    assert site.tags(site.quarantine, "x.jpg", target.version)["averment-verdict"] == "released"
    assert reviews.cases.get(case).state is CaseState.RELEASED


def test_a_release_stands_when_a_model_is_at_a_loss(site: Any, reviews: Reviews) -> None:
    """A person looked and decided; that a detector can't say adds nothing."""
    target, _ = released(site, reviews, b"lost fake")
    assert scanned(reviews, target, "2.0") == "stands"
    assert site.published("x.jpg") is not None


def test_another_model_that_flags_what_was_released_reopens_the_case(site: Any, reviews: Reviews) -> None:
    """New information: withdrawn, open again with what is new, and the release kept on record. Released again, it stands against both models."""
    target, identifier = released(site, reviews)
    assert scanned(reviews, target, "2.0") == "hold"
    assert site.published("x.jpg") is None
    case = reviews.cases.get(identifier)
    assert (case.state, case.applied, case.detector) == (CaseState.OPEN, True, "double:2.0")
    assert [(step.did, step.by) for step in case.history] == [
        ("held", "gate"),
        ("release", ADA),
        ("applied", "gate"),
        ("reopened", "gate"),
    ]
    assert scanned(reviews, target, "1.0") == "hold", "what the person knew doesn't bring it back while the case is open"
    reviews.decide(identifier, "release", by=ADA, reason="still a labelled advert")
    assert [scanned(reviews, target, version) for version in ("1.0", "2.0")] == ["stands", "stands"]
    assert site.published("x.jpg") == JPEG + b"fake"


def test_what_was_known_and_what_is_new_is_shown(site: Any, reviews: Reviews, capsys: pytest.CaptureFixture[str]) -> None:
    """Who decides on a re-opened case sees what the release was given for, and what has come up since."""
    target, identifier = released(site, reviews)
    scanned(reviews, target, "2.0")
    assert run(["review", "show", identifier, "--table", site.table, "--published", site.published_bucket]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "known at the release: flagged by double:1.0 (0000000000000000)" in shown
    assert "found: flagged by double:2.0 (0000000000000000)" in shown
    assert f"{ADA} release: an advert that is labelled" in shown


def test_a_model_that_changed_under_the_same_version_is_another_model(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is for a model's bytes, not for what it calls itself."""
    from dataclasses import replace

    target, _ = released(site, reviews)
    other = replace(reviews.gate.detector.info, sha256="1" * 64)
    monkeypatch.setattr(type(reviews.gate.detector), "info", property(lambda _: other))
    assert scanned(reviews, target) == "hold"
    assert site.published("x.jpg") is None


def test_the_same_file_taken_down_elsewhere_reopens_what_was_released(site: Any, reviews: Reviews) -> None:
    """Of two decisions of people on the same bytes the later one holds: withdrawn at the next scan, and a person decides again."""
    target, identifier = released(site, reviews)
    released(site, reviews, key="y.jpg")
    reviews.forbid_published("y.jpg", by=BOB, reason="court order")
    assert scanned(reviews, target) == "hold"
    assert site.published("x.jpg") is None
    case = reviews.cases.get(identifier)
    assert case.state is CaseState.OPEN
    assert "court order" in case.findings[-1]
    assert "Bob" not in case.findings[-1], "a finding goes into logs: the role is enough"
    reviews.decide(identifier, "release", by=ADA, reason="the order is about the other listing")
    assert scanned(reviews, target) == "stands"
    assert site.published("x.jpg") == JPEG + b"fake"


def test_a_copy_that_was_clean_goes_when_its_bytes_are_forbidden(site: Any, reviews: Reviews) -> None:
    """Two listings with one clean picture: one is taken down, and the next scan of the other withdraws it, with a case to look at."""
    first, second = (site.upload(key, JPEG + b"clean") for key in ("a.jpg", "b.jpg"))
    assert [scanned(reviews, target) for target in (first, second)] == ["publish", "publish"]
    reviews.forbid_published("a.jpg", by=BOB, reason="stolen")
    assert scanned(reviews, second) == "forbidden"
    assert site.published("b.jpg") is None
    assert [case.target.key for case in reviews.cases.listed([CaseState.OPEN])] == ["b.jpg"]


def test_news_about_an_appealed_release_withdraws_and_leaves_the_appeal_open(site: Any, reviews: Reviews) -> None:
    """An appeal alone changes nothing, news does; somebody else still has to decide, and knows it then."""
    target, identifier = released(site, reviews)
    reviews.appeal(identifier, by="support/Dee", reason="that is me")
    assert scanned(reviews, target) == "stands"
    assert scanned(reviews, target, "2.0") == "hold"
    assert site.published("x.jpg") is None
    assert reviews.cases.get(identifier).state is CaseState.APPEALED
    reviews.decide(identifier, "release", by=BOB, reason="she agreed")
    assert scanned(reviews, target, "2.0") == "stands"
    assert site.published("x.jpg") == JPEG + b"fake"


@pytest.mark.parametrize("stopped", [False, True])
def test_an_older_version_does_not_stay_over_a_newer_one_that_overtook_it(
    site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """Two scans at once: the newer upload comes in and is published while the older one is about to be copied. In the end the newer one is
    served, also where the gate is stopped right after the copy and the older one's event comes again."""
    store, real, look = reviews.gate.store, reviews.gate.store.publish, reviews.gate.store.is_latest
    old = site.upload("x.jpg", JPEG + b"clean, older")

    def stop(*_: Any) -> bool:
        raise IncompleteError("stopped")

    def meanwhile(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(store, "publish", real)
        assert scanned(reviews, site.upload("x.jpg", JPEG + b"clean, newer")) == "publish"
        real(*arguments, **more)
        monkeypatch.setattr(store, "is_latest", stop if stopped else look)

    monkeypatch.setattr(store, "publish", meanwhile)
    if stopped:
        with pytest.raises(IncompleteError, match="stopped"):
            scanned(reviews, old)
        assert site.published("x.jpg") == JPEG + b"clean, older"
        monkeypatch.setattr(store, "is_latest", look)
    assert scanned(reviews, old) == ("superseded" if stopped else "publish")
    assert site.published("x.jpg") == JPEG + b"clean, newer"


def test_what_is_taken_back_is_not_a_newer_version(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbidden while it was copied, and overtaken by a newer upload: the newer one stays."""
    from averment.core.period import utc_now

    old, store, real = site.upload("x.jpg", JPEG + b"clean, older"), reviews.gate.store, reviews.gate.store.publish

    def meanwhile(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(store, "publish", real)
        real(*arguments, **more)
        reviews.cases.hold(old, None, by=BOB, reason="court order", at=utc_now())
        assert scanned(reviews, site.upload("x.jpg", JPEG + b"clean, newer")) == "publish"

    monkeypatch.setattr(store, "publish", meanwhile)
    with pytest.raises(IncompleteError, match="forbidden"):
        scanned(reviews, old)
    assert site.published("x.jpg") == JPEG + b"clean, newer"


def test_a_newer_version_is_not_withdrawn_for_an_older_one(site: Any, reviews: Reviews) -> None:
    """What is found out about a former version doesn't touch what is served under its key now."""
    old = site.upload("x.jpg", JPEG + b"late")
    scanned(reviews, old)
    scanned(reviews, site.upload("x.jpg", JPEG + b"clean"))
    scanned(reviews, old, "2.0")
    assert site.published("x.jpg") == JPEG + b"clean"


def published_before_the_withdrawal(site: Any, reviews: Reviews) -> None:
    """Once: another version of ``x.jpg`` is published between the look at what is to be withdrawn and the withdrawal."""
    events = reviews.gate.store._s3.meta.events

    def meanwhile(**_: Any) -> None:
        site.s3.put_object(Bucket=site.published_bucket, Key="x.jpg", Body=b"newer")
        events.unregister("provide-client-params.s3.DeleteObject", meanwhile)

    events.register("provide-client-params.s3.DeleteObject", meanwhile)


def test_a_version_published_meanwhile_is_not_withdrawn_by_mistake(site: Any, reviews: Reviews) -> None:
    """Between the look and the withdrawal another version is published: the withdrawal names the bytes that it is about, so S3 refuses it. The
    next delivery finds that there is nothing to take back."""
    target = site.upload("x.jpg", JPEG + b"late")
    scanned(reviews, target)
    published_before_the_withdrawal(site, reviews)
    with pytest.raises(IncompleteError, match=r"PreconditionFailed|pre-conditions"):
        scanned(reviews, target, "2.0")
    assert site.published("x.jpg") == b"newer"
    scanned(reviews, target, "2.0")
    assert site.published("x.jpg") == b"newer"


def test_a_takedown_takes_only_what_it_is_about(site: Any, reviews: Reviews) -> None:
    """The same for a person's takedown: what was published since they looked stays, and they are told that it isn't done."""
    target = site.upload("x.jpg", JPEG + b"clean")
    scanned(reviews, target)
    published_before_the_withdrawal(site, reviews)
    with pytest.raises(IncompleteError, match=r"PreconditionFailed|pre-conditions"):
        reviews.forbid_published("x.jpg", by=ADA, reason="a court order")
    assert site.published("x.jpg") == b"newer"


def test_a_withdrawal_needs_no_new_boto3(site: Any, reviews: Reviews) -> None:
    """An image may bring a boto3 along that doesn't know S3's condition on deletions as an argument: it is withdrawn all the same, and under the
    condition."""
    target, asked = site.upload("x.jpg", JPEG + b"late"), []
    scanned(reviews, target)
    etag = site.s3.head_object(Bucket=site.published_bucket, Key="x.jpg")["ETag"]
    events = reviews.gate.store._s3.meta.events
    events.register("provide-client-params.s3.DeleteObject", lambda params, **_: asked.append(params))
    events.register("before-send.s3.DeleteObject", lambda request, **_: asked.append(request.headers["If-Match"].decode()))
    scanned(reviews, target, "2.0")
    assert asked == [{"Bucket": site.published_bucket, "Key": "x.jpg"}, etag]
    assert site.published("x.jpg") is None


def test_without_a_table_of_cases_it_is_withdrawn_all_the_same(site: Any, double: Any) -> None:
    """Nobody can decide there, and nothing that was flagged stays."""
    from averment.detector.gate.ingest import Gate
    from averment.detector.gate.settings import Settings

    gate, target = Gate(Settings(site.published_bucket), double), site.upload("x.jpg", JPEG + b"late")
    gate.handle(target)
    double.version = "2.0"
    assert gate.handle(target)["action"] == "hold"
    assert site.published("x.jpg") is None


@pytest.mark.parametrize("operation", ["DeleteObject", "PutLogEvents", "PutMetricData", "PutItem", "HeadObject", "CreateInvalidation"])
def test_a_withdrawal_that_stops_half_way_is_completed_by_the_next_delivery(site: Any, double: Any, faults: Any, operation: str) -> None:
    """Whatever fails, before it was done or with its answer lost: the event comes again, and then it is gone, everywhere and on record."""
    where = site.distribution()
    for lost in (False, True):
        gate = site.gate(double, distribution=where)
        target = site.upload(f"{lost}.jpg", JPEG + b"late")
        double.version = "1.0"
        gate.handle(target)
        double.version, faults.failing, faults.answer_lost = "2.0", operation, lost
        with pytest.raises(IncompleteError):
            gate.handle(target)
        faults.failing = None
        gate.handle(target)
        assert site.published(target.key) is None
        case = next(case for case in gate.cases.listed([CaseState.OPEN]) if case.target.key == target.key)
        assert case.applied
        assert case.id in {line.get("case") for line in lines(site, "withdrawn")}
    paths = [path for batch in site.invalidated(where) for path in batch]
    assert set(paths) == {"/False.jpg*", "/True.jpg*"}


def test_a_withdrawal_drops_the_edges_copies(site: Any, double: Any) -> None:
    """With a distribution in the settings its copies go too; what was never served costs no invalidation."""
    where = site.distribution()
    gate = site.gate(double, distribution=where)
    gate.handle(site.upload("never.jpg", JPEG + b"fake"))
    assert site.invalidated(where) == []
    target = site.upload("x.jpg", JPEG + b"late")
    gate.handle(target)
    double.version = "2.0"
    for _ in range(3):
        gate.handle(target)
    assert site.invalidated(where) == [["/x.jpg*"]]


def test_a_withdrawal_reaches_copies_under_either_way_of_writing_a_key(site: Any, double: Any) -> None:
    """Pages link to ``img(1).jpg`` as it is, the edge's function writes it encoded, and CloudFront tells the two apart."""
    where = site.distribution()
    gate = site.gate(double, distribution=where)
    target = site.upload("img(1).jpg", JPEG + b"late")
    gate.handle(target)
    double.version = "2.0"
    gate.handle(target)
    assert site.invalidated(where) == [["/img(1).jpg*", "/img%281%29.jpg*"]]


def test_a_campaigns_withdrawals_leave_no_copy_for_want_of_room(site: Any, double: Any, faults: Any) -> None:
    """CloudFront takes 15 paths with a star at a time. The sixteenth medium's own address is forgotten all the same, at once, and the delivery fails, so that
    the next one drops what is cached under other query strings."""
    where, full = site.distribution(), [True]
    cloudfront = faults("cloudfront")

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if full and "*" in params["InvalidationBatch"]["Paths"]["Items"][0]:
            error = {"Error": {"Code": "TooManyInvalidationsInProgress", "Message": "more than 15"}}
            raise cloudfront.exceptions.TooManyInvalidationsInProgress(error, "CreateInvalidation")

    cloudfront.meta.events.register("provide-client-params.cloudfront.CreateInvalidation", refuse)
    gate = site.gate(double, distribution=where)
    target = site.upload("x.jpg", JPEG + b"late")
    gate.handle(target)
    double.version = "2.0"
    with pytest.raises(IncompleteError, match="TooManyInvalidationsInProgress"):
        gate.handle(target)
    assert (site.published("x.jpg"), site.invalidated(where)) == (None, [["/x.jpg"]])
    full.clear()
    gate.handle(target)
    assert sorted(site.invalidated(where)) == [["/x.jpg"], ["/x.jpg*"]]


def flag_before_copying(reviews: Reviews, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the second model scan ``target`` when it is about to be published."""
    real = reviews.gate.store.publish

    def meanwhile(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(reviews.gate.store, "publish", real)
        scanned(reviews, target, "2.0")
        real(*arguments, **more)

    monkeypatch.setattr(reviews.gate.store, "publish", meanwhile)


def test_a_release_that_crosses_with_news_does_not_bring_it_back(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second model's scan comes between a person's decision and its copy: the copy is taken back, and the case is open."""
    target = site.upload("x.jpg", JPEG + b"fake")
    scanned(reviews, target)
    [case] = reviews.cases.listed([CaseState.OPEN])
    flag_before_copying(reviews, target, monkeypatch)
    with pytest.raises(IncompleteError, match="taken back"):
        reviews.decide(case.id, "release", by=ADA, reason="fine")
    assert site.published("x.jpg") is None
    assert reviews.cases.get(case.id).state is CaseState.OPEN


def test_a_scan_that_publishes_while_another_one_flags_takes_it_back(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models during a change of the model: the flagging one runs to its end between the other one's look and its copy."""
    target = site.upload("x.jpg", JPEG + b"late")
    flag_before_copying(reviews, target, monkeypatch)
    with pytest.raises(IncompleteError, match="taken back"):
        scanned(reviews, target)
    assert site.published("x.jpg") is None


def test_what_was_forbidden_while_it_was_copied_leaves_the_edge_as_well(site: Any, double: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stood there for a moment, and whoever asked in that moment left a copy at the edge, which would be served for a day."""
    from averment.core.period import utc_now

    where = site.distribution()
    gate = site.gate(double, distribution=where)
    target, real = site.upload("x.jpg", JPEG + b"clean"), gate.store.publish

    def meanwhile(*arguments: Any, **more: Any) -> None:
        real(*arguments, **more)
        gate.cases.hold(target, None, by=BOB, reason="court order", at=utc_now())

    monkeypatch.setattr(gate.store, "publish", meanwhile)
    with pytest.raises(IncompleteError, match="taken back"):
        gate.handle(target)
    assert site.published("x.jpg") is None
    assert site.invalidated(where) == [["/x.jpg*"]]
