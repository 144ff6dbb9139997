"""The queue of what the gate held: decided with a reason by a person, appealed to another one, and remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient

from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate.case import CaseState
from averment.detector.gate.delivery import take_down
from averment.detector.gate.reviews import Reviews

JPEG, MP4 = b"\xff\xd8\xff", b"\x00\x00\x00\x18ftypmp42"
ADA, BOB = "trust/Ada Byron", "legal/Bob"


@pytest.fixture
def reviews(site: Any, double: Any) -> Reviews:
    return Reviews(site.gate(double))


def held(site: Any, reviews: Reviews, body: bytes = b"fake", key: str = "x.jpg") -> tuple[Any, Any]:
    target = site.upload(key, JPEG + body)
    reviews.gate.handle(target)
    [case] = reviews.cases.listed([CaseState.OPEN])
    return target, case


def reject_and_be_refused(reviews: Reviews, case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is filed, and the table refuses to hold what it is about."""

    def refused(*_: Any, **__: Any) -> None:
        raise IncompleteError("the table is throttled")

    with monkeypatch.context() as patch:
        patch.setattr(reviews.cases, "hold", refused)
        with pytest.raises(IncompleteError, match="throttled"):
            reviews.decide(case.id, "reject", by=ADA, reason="it shows a child")


def test_a_release_publishes_the_very_version_and_says_who_and_why(site: Any, reviews: Reviews) -> None:
    """Published with the verdict "released"; the log has the decision, its role and its reason, the case who it was."""
    target, case = held(site, reviews)
    decided = reviews.decide(case.id, "release", by=ADA, reason="an advert that is labelled")
    assert (decided.state, decided.applied) == (CaseState.RELEASED, True)
    assert site.published("x.jpg") == JPEG + b"fake"
    assert site.tags(site.published_bucket, "x.jpg")["averment-verdict"] == "released"
    assert site.tags(site.quarantine, "x.jpg", target.version)["averment-verdict"] == "released"
    [line] = [line for line in site.logged() if line["event"] == "review"]
    assert (line["did"], line["by"].partition("/p-")[0], line["reason"]) == ("release", "trust", "an advert that is labelled")
    assert [step.by for step in decided.history if step.did == "release"] == [ADA]
    assert list(reviews.cases.listed([CaseState.OPEN])) == []


def test_the_same_event_again_opens_no_second_case_and_undoes_no_decision(site: Any, reviews: Reviews) -> None:
    """Redelivery after a decision leaves case and published object as they are."""
    target, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    reviews.gate.handle(target)
    assert reviews.cases.get(case.id).state is CaseState.RELEASED
    assert site.published("x.jpg") == JPEG + b"fake"


def test_what_a_person_rejected_is_never_published_whoever_scores_it_later(site: Any, reviews: Reviews, double: Any) -> None:
    """A detector that finds it clean tomorrow doesn't overrule the person; nor does the same file under another name."""
    target, case = held(site, reviews, b"odd")
    reviews.decide(case.id, "reject", by=ADA, reason="the hands")
    double.one = lambda _: type(double)().one(b"clean")
    assert reviews.gate.handle(target)["action"] == "forbidden"
    assert reviews.gate.handle(site.upload("again.jpg", JPEG + b"odd"))["action"] == "forbidden"
    assert (site.published("x.jpg"), site.published("again.jpg")) == (None, None)


def test_an_appeal_is_decided_by_somebody_else_and_may_turn_the_decision(site: Any, reviews: Reviews) -> None:
    """Rejected, appealed, released by another person: the same bytes may be published again."""
    _, case = held(site, reviews)
    reviews.decide(case.id, "reject", by=ADA, reason="looks generated")
    assert reviews.appeal(case.id, by="seller/Cem", reason="it is my photograph").state is CaseState.APPEALED
    with pytest.raises(BadInputError, match="decided the case that is appealed"):
        reviews.decide(case.id, "release", by=ADA, reason="hm")
    reviews.decide(case.id, "release", by=BOB, reason="the raw file was shown")
    assert site.published("x.jpg") == JPEG + b"fake"
    assert [step.did for step in reviews.cases.get(case.id).history] == ["held", "reject", "applied", "appeal", "release", "applied"]


def test_a_decision_on_an_appeal_that_stopped_half_way_is_not_the_first_judges_to_replace(site: Any, double: Any, faults: Any) -> None:
    """Bob's decision on the appeal is filed and its copy fails, and then a scan re-opens the case: until it is applied it may be replaced, by anybody
    but Ada, whose decision is appealed."""
    reviews = Reviews(site.gate(double))
    target, case = held(site, reviews)
    reviews.decide(case.id, "reject", by=ADA, reason="looks generated")
    reviews.appeal(case.id, by="seller/Cem", reason="it is my photograph")
    faults.failing = "CopyObject"
    with pytest.raises(IncompleteError):
        reviews.decide(case.id, "release", by=BOB, reason="the raw file was shown")
    faults.failing = None
    with pytest.raises(BadInputError, match="decided the case that is appealed"):
        reviews.decide(case.id, "reject", by=ADA, reason="hm")
    double.version = "2.0"
    assert reviews.gate.handle(target)["action"] == "hold"
    assert reviews.cases.get(case.id).history[-1].did == "reopened"
    with pytest.raises(BadInputError, match="decided the case that is appealed"):
        reviews.decide(case.id, "reject", by=ADA, reason="hm")
    reviews.decide(case.id, "release", by=BOB, reason="shown again")
    double.version = "3.0"
    assert reviews.gate.handle(target)["action"] == "hold"
    assert reviews.decide(case.id, "reject", by=ADA, reason="news, and the appeal is over").applied


def test_a_case_with_a_long_history_can_still_be_decided_and_withdrawn(site: Any, reviews: Reviews, double: Any) -> None:
    """DynamoDB takes 400 KB an item. A case that was appealed again and again keeps its first step and its latest ones, and says how many are in
    the log alone: whoever fills it up doesn't keep the medium on the air."""
    from dataclasses import replace

    from averment.detector.gate.case import Step

    target, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    case = reviews.cases.get(case.id)
    long = tuple(Step(f"2026-11-{day:02}T00:00:00Z", BOB, "appeal", "\U0001f5bc" * 1000) for day in range(1, 31))
    reviews.cases.save(replace(case, history=(case.history[0], *long, *case.history[1:]), revision=case.revision + 1))
    for judge in ("trust/Eve", "trust/Fay"):
        reviews.appeal(case.id, by=BOB, reason="\U0001f5bc" * 1000)
        reviews.decide(case.id, "release", by=judge, reason="\U0001f5bc" * 1000)
    double.version = "2.0"
    assert reviews.gate.handle(target)["action"] == "hold"
    assert site.published("x.jpg") is None
    first, folded, *rest = reviews.cases.get(case.id).history
    assert (first.did, folded.did, rest[-1].did) == ("held", "folded", "reopened")
    assert int(folded.reason.partition(" ")[0]) + len(rest) == 30 + 2 + 2 * 3 + 1


def test_an_appeal_against_a_release_takes_the_medium_down(site: Any, reviews: Reviews) -> None:
    """Somebody depicted complains: what was released is withdrawn, and its bytes stay out."""
    target, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    reviews.appeal(case.id, by="support/Dee", reason="that is me, and I never wore that")
    assert site.published("x.jpg") is not None, "an appeal alone decides nothing"
    reviews.decide(case.id, "reject", by=BOB, reason="the complaint is right")
    assert site.published("x.jpg") is None
    assert reviews.gate.held(target, None) is not None


@pytest.mark.parametrize(("operation", "lost"), [("CreateInvalidation", False), ("DeleteObject", True)])
def test_a_rejection_that_stopped_half_way_drops_the_edges_copies_when_it_is_repeated(
    site: Any, double: Any, faults: Any, operation: str, lost: bool
) -> None:
    """CloudFront has too many invalidations in progress, or S3's answer is lost: nothing is served any more when the rejection is repeated, and what
    the edge has cached goes all the same. What was never served costs no invalidation."""
    where = site.distribution()
    reviews = Reviews(site.gate(double, distribution=where))
    _, never = held(site, reviews, b"fake never", "never.jpg")
    reviews.decide(never.id, "reject", by=ADA, reason="no")
    _, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    reviews.appeal(case.id, by="support/Dee", reason="that is me")
    faults.failing, faults.answer_lost = operation, lost
    with pytest.raises(IncompleteError):
        reviews.decide(case.id, "reject", by=BOB, reason="the complaint is right")
    faults.failing = None
    assert (site.published("x.jpg"), site.invalidated(where)) == (None, [])
    assert reviews.decide(case.id, "reject", by=BOB, reason="the complaint is right").applied
    assert site.invalidated(where) == [["/x.jpg*"]]


def test_a_rejection_drops_the_edges_copies_of_what_a_newer_version_replaced(site: Any, double: Any) -> None:
    """It was served before the newer one was, and CloudFront keeps what it has for as long as a day: that it isn't in the published bucket any more doesn't
    mean that nobody gets it. The newer one stays."""
    where = site.distribution()
    reviews = Reviews(site.gate(double, distribution=where))
    _, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))
    reviews.appeal(case.id, by="support/Dee", reason="that is me")
    reviews.decide(case.id, "reject", by=BOB, reason="the complaint is right")
    assert (site.published("x.jpg"), site.invalidated(where)) == (JPEG + b"clean", [["/x.jpg*"]])


@pytest.mark.parametrize(
    ("decision", "by", "reason", "wrong"),
    [
        ("perhaps", ADA, "x", "'perhaps' is no decision"),
        ("release", "Ada", "x", "names no role and person"),
        ("release", ADA, " ", "needs a reason"),
        ("release", ADA, "x" * 1001, "needs a reason"),
        ("release", ADA, "f\udcfcr", "the reason is not UTF-8"),
        ("release", "trust/J\udcfcrgen", "x", "who decides is not UTF-8"),
    ],
)
def test_a_decision_has_a_role_a_name_and_a_reason(site: Any, reviews: Reviews, decision: str, by: str, reason: str, wrong: str) -> None:
    """Anything less is refused and nothing is filed."""
    _, case = held(site, reviews)
    with pytest.raises(BadInputError, match=wrong):
        reviews.decide(case.id, decision, by=by, reason=reason)
    assert reviews.cases.get(case.id) == case


def test_an_appeal_has_a_role_a_name_and_a_reason_as_well(site: Any, reviews: Reviews) -> None:
    """One that can't be logged would be filed all the same, and could neither be decided nor asked for again."""
    _, case = held(site, reviews)
    decided = reviews.decide(case.id, "reject", by=ADA, reason="no label")
    for by, reason, wrong in (("Cem", "x", "names no role"), ("seller/Cem", " ", "needs a reason"), (BOB, "f\udcfcr", "is not UTF-8")):
        with pytest.raises(BadInputError, match=wrong):
            reviews.appeal(case.id, by=by, reason=reason)
    assert reviews.cases.get(case.id) == decided


def test_a_case_is_decided_once(site: Any, reviews: Reviews) -> None:
    """The second decision is refused and names the first; so are an appeal of nothing and a case that doesn't exist."""
    _, case = held(site, reviews)
    with pytest.raises(BadInputError, match="there is no decision to appeal"):
        reviews.appeal(case.id, by=BOB, reason="x")
    reviews.decide(case.id, "reject", by=ADA, reason="x")
    with pytest.raises(BadInputError, match=f"rejected by {ADA}"):
        reviews.decide(case.id, "release", by=BOB, reason="x")
    with pytest.raises(BadInputError, match="there is no case nonsense"):
        reviews.decide("nonsense", "release", by=BOB, reason="x")


def test_two_people_at_once_do_not_overwrite_each_other(site: Any, reviews: Reviews) -> None:
    """Who saves second is told so."""
    from averment.detector.gate.case import Step

    _, case = held(site, reviews)
    mine = case.with_step(Step("t", ADA, "reject", "x"), CaseState.REJECTED, applied=False)
    reviews.cases.save(mine)
    theirs = case.with_step(Step("t", BOB, "release", "x"), CaseState.RELEASED, applied=False)
    with pytest.raises(IncompleteError, match="changed by somebody else"):
        reviews.cases.save(theirs)
    assert reviews.cases.get(case.id) == mine


def test_a_decision_whose_answer_was_lost_is_filed_once_and_applied(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 asks DynamoDB once more, which finds the case at the revision that was just written: a rejection was told as refused because somebody
    else had been faster, and stayed unapplied."""
    _, case = held(site, reviews)
    call = BaseClient._make_api_call

    def heard_twice(self: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if operation == "PutItem" and "ConditionExpression" in given:
            call(self, operation, given)
        return call(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", heard_twice)
    decided = reviews.decide(case.id, "reject", by=ADA, reason="the hands")
    assert (decided.state, decided.applied) == (CaseState.REJECTED, True)
    assert [step.did for step in reviews.cases.get(case.id).history] == ["held", "reject", "applied"]


@pytest.mark.parametrize("at", ["lift", "tag", "publish"])
def test_a_rejection_that_crosses_with_a_release_wins(
    site: Any, reviews: Reviews, double: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """While a release is being applied somebody else replaces it by a rejection, which is over before the release goes on: the medium isn't served,
    and its bytes stay forbidden under any name. Nobody could say anything of it, so that no finding stands against it, only the person."""
    _, case = held(site, reviews, b"odd")
    other, place = Reviews(site.gate(double)), reviews.cases if at == "lift" else reviews.gate.store
    real, crossing = getattr(place, at), [other]

    def slow(*arguments: Any, **more: Any) -> Any:
        if crossing:
            crossing.pop().decide(case.id, "reject", by=BOB, reason="it shows a child")
        return real(*arguments, **more)

    monkeypatch.setattr(place, at, slow)
    with pytest.raises(IncompleteError, match=r"meanwhile|while it was published"):
        reviews.decide(case.id, "release", by=ADA, reason="harmless")
    after = reviews.cases.get(case.id)
    assert (site.published("x.jpg"), after.state, after.applied) == (None, CaseState.REJECTED, True)
    double.one = lambda _: type(double)().one(b"clean")
    for target in (after.target, site.upload("again.jpg", JPEG + b"odd")):
        assert reviews.gate.handle(target)["action"] == "forbidden"
    assert (site.published("x.jpg"), site.published("again.jpg")) == (None, None)


@pytest.mark.parametrize("at", ["hold", "withdraw_if_served"])
def test_a_release_does_not_cross_with_a_rejection(
    site: Any, reviews: Reviews, double: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A rejection is being applied while somebody else releases the case: the case said released, the medium stayed withheld, and whoever released it was
    told that it is published. The rejection stands, and the way out is an appeal."""
    _, case = held(site, reviews, b"odd")
    other, place = Reviews(site.gate(double)), reviews.cases if at == "hold" else reviews.gate.withholding
    real, crossing = getattr(place, at), [other]

    def slow(*arguments: Any, **more: Any) -> Any:
        if crossing:
            with pytest.raises(BadInputError, match=f"rejected by {ADA}, which is still to be applied") as refused:
                crossing.pop().decide(case.id, "release", by=BOB, reason="harmless")
            assert "then appeal" in str(refused.value.fix)
        return real(*arguments, **more)

    monkeypatch.setattr(place, at, slow)
    assert reviews.decide(case.id, "reject", by=ADA, reason="it shows a child").applied
    after = reviews.cases.get(case.id)
    assert (site.published("x.jpg"), after.state, after.applied) == (None, CaseState.REJECTED, True)


def test_a_rejection_that_is_filed_holds_before_it_is_applied(
    site: Any, reviews: Reviews, double: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table refuses right after the decision was filed, and nothing is forbidden yet: no scan publishes it, whatever it finds now."""
    target, case = held(site, reviews, b"odd")
    reject_and_be_refused(reviews, case, monkeypatch)
    double.one = lambda _: type(double)().one(b"clean")
    assert reviews.gate.handle(target)["action"] == "forbidden"
    assert site.published("x.jpg") is None
    assert reviews.decide(case.id, "reject", by=ADA, reason="it shows a child").applied is True


def test_a_decision_that_stopped_half_way_is_taken_up_again(site: Any, double: Any, faults: Any) -> None:
    """The copy fails after the decision is filed: it isn't applied, which is shown; repeating it completes it."""
    reviews = Reviews(site.gate(double))
    _, case = held(site, reviews)
    faults.failing = "CopyObject"
    with pytest.raises(IncompleteError):
        reviews.decide(case.id, "release", by=ADA, reason="fine")
    faults.failing = None
    assert reviews.cases.get(case.id).applied is False
    assert reviews.decide(case.id, "release", by=ADA, reason="fine").applied is True
    assert site.published("x.jpg") == JPEG + b"fake"


def test_a_release_that_can_t_be_logged_publishes_nothing(site: Any, double: Any, faults: Any) -> None:
    """The line alone was refused: the medium was served, and no line told by whom it was let in until somebody did the same again."""
    reviews = Reviews(site.gate(double))
    _, case = held(site, reviews)
    faults.failing = "PutLogEvents"
    with pytest.raises(IncompleteError):
        reviews.decide(case.id, "release", by=ADA, reason="fine")
    faults.failing = None
    assert site.published("x.jpg") is None
    assert reviews.decide(case.id, "release", by=ADA, reason="fine").applied is True
    assert site.published("x.jpg") == JPEG + b"fake"
    assert [line["did"] for line in site.logged() if line["event"] == "review"] == ["release"]


def test_an_appeal_that_could_not_be_logged_is_logged_when_it_is_repeated(site: Any, double: Any, faults: Any) -> None:
    """It was filed, and the log was out of reach: the same again is no second appeal, and stands in the log."""
    reviews = Reviews(site.gate(double))
    _, case = held(site, reviews)
    reviews.decide(case.id, "reject", by=ADA, reason="no")
    faults.failing = "PutLogEvents"
    with pytest.raises(IncompleteError):
        reviews.appeal(case.id, by="seller/Cem", reason="it is my photograph")
    faults.failing = None
    reviews.appeal(case.id, by="seller/Cem", reason="it is my photograph")
    with pytest.raises(BadInputError, match="there is no decision to appeal"):
        reviews.appeal(case.id, by="seller/Cem", reason="once more")
    assert [line["did"] for line in site.logged() if line["event"] == "review"] == ["reject", "appeal"]
    assert [step.did for step in reviews.cases.get(case.id).history].count("appeal") == 1


def test_an_outdated_or_deleted_version_cannot_be_released(site: Any, reviews: Reviews) -> None:
    """A newer upload has its own case; what is gone has nothing to show."""
    target, case = held(site, reviews)
    site.upload("x.jpg", JPEG + b"newer")
    with pytest.raises(BadInputError, match="a newer version"):
        reviews.decide(case.id, "release", by=ADA, reason="x")
    site.s3.delete_object(Bucket=site.quarantine, Key="x.jpg")
    with pytest.raises(BadInputError, match="was deleted from quarantine"):
        reviews.decide(case.id, "release", by=ADA, reason="x")
    site.s3.delete_object(Bucket=site.quarantine, Key="x.jpg", VersionId=target.version)
    with pytest.raises(BadInputError, match="is gone"):
        reviews.decide(case.id, "release", by=ADA, reason="x")
    assert reviews.cases.get(case.id).state is CaseState.OPEN


@pytest.mark.parametrize(("key", "wrong"), [("", "the key is empty"), ("f\udcfcr.jpg", "the key is not UTF-8")])
def test_a_takedown_names_a_key(reviews: Reviews, key: str, wrong: str) -> None:
    """As it is typed in a shell: nothing, or letters of another encoding."""
    with pytest.raises(BadInputError, match=wrong):
        take_down(reviews, key, by=ADA, reason="x")


def test_what_is_taken_down_stays_down(site: Any, reviews: Reviews) -> None:
    """Withdrawn, versions kept, and neither its event nor the same bytes bring it back."""
    target = site.upload("x.jpg", JPEG + b"clean")
    reviews.gate.handle(target)
    withdrawn = reviews.forbid_published("x.jpg", by=ADA, reason="court order")
    assert withdrawn.source.version == target.version
    assert site.published("x.jpg") is None
    versions = site.s3.list_object_versions(Bucket=site.published_bucket, Prefix="x.jpg")
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (1, 1)
    assert reviews.gate.handle(target)["action"] == "forbidden"
    assert reviews.gate.handle(site.upload("y.jpg", JPEG + b"clean"))["action"] == "forbidden"
    with pytest.raises(BadInputError, match=r"nothing is published under x\.jpg"):
        reviews.forbid_published("x.jpg", by=ADA, reason="again")


def test_a_takedown_forbids_no_half_of_a_medium(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that breaks off has another SHA-256, and the same file under another name would be published; an older urllib3 takes the half without a
    word. Done again it is taken down, and its bytes forbidden."""
    import io

    reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))
    real = reviews.gate.store._s3.get_object

    def short(**request: Any) -> Any:
        answer = real(**request)
        return {**answer, "Body": io.BytesIO(answer["Body"].read()[:-1])}

    with monkeypatch.context() as patch:
        patch.setattr(reviews.gate.store._s3, "get_object", short)
        with pytest.raises(IncompleteError, match="broke off"):
            reviews.forbid_published("x.jpg", by=ADA, reason="ticket")
    reviews.forbid_published("x.jpg", by=ADA, reason="ticket")
    assert reviews.gate.handle(site.upload("again.jpg", JPEG + b"clean"))["action"] == "forbidden"


def test_a_takedown_by_mistake_is_appealed_like_a_rejection(site: Any, double: Any) -> None:
    """It is a case with a reason; somebody else decides on the appeal, and a release brings the very version back, at the edge as well."""
    admitted: list[str] = []
    reviews = Reviews(site.gate(double, quarantine_bucket=site.quarantine), admit=admitted.append)
    target = site.upload("x.jpg", JPEG + b"clean")
    reviews.gate.handle(target)
    done = reviews.forbid_published("x.jpg", by=ADA, reason="ticket 512")
    [case] = reviews.cases.listed([CaseState.REJECTED])
    assert done is not None
    assert done.case == case.id
    assert [(step.by, step.did, step.reason) for step in case.history] == [(ADA, "takedown", "ticket 512")]
    reviews.appeal(case.id, by="seller/Cem", reason="the ticket was about another shop")
    with pytest.raises(BadInputError, match="decided the case that is appealed"):
        reviews.decide(case.id, "release", by=ADA, reason="oh")
    reviews.decide(case.id, "release", by=BOB, reason="he is right")
    assert (site.published("x.jpg"), admitted) == (JPEG + b"clean", ["x.jpg"])
    assert reviews.gate.handle(site.upload("y.jpg", JPEG + b"clean"))["action"] == "publish"
    reviews.forbid_published("x.jpg", by=ADA, reason="now it is")
    _, other = held(site, reviews, key="z.jpg")
    reviews.decide(other.id, "release", by=ADA, reason="fine")
    assert admitted == ["x.jpg"], "a key that was never taken down is nothing to ask the edge about"
    again = reviews.cases.get(case.id)
    assert (again.state, again.history[-1].did) == (CaseState.REJECTED, "takedown")
    assert reviews.gate.handle(target)["action"] == "forbidden"


def test_what_was_forbidden_and_has_expired_since_can_be_uploaded_anew_and_released(site: Any, reviews: Reviews) -> None:
    """An appeal that is upheld months later finds no version in quarantine any more, and asks for a new upload: that was forbidden for its bytes without
    a case, so that nobody could ever let it through."""
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))
    withdrawn = reviews.forbid_published("x.jpg", by=ADA, reason="stolen")
    assert withdrawn is not None
    assert withdrawn.case is not None
    site.s3.delete_object(Bucket=site.quarantine, Key="x.jpg")  # as its lifecycle does after ninety days
    reviews.appeal(withdrawn.case, by="support/Dee", reason="it is hers")
    with pytest.raises(BadInputError, match="has expired there") as refused:
        reviews.decide(withdrawn.case, "release", by=BOB, reason="so it is")
    assert "ask for a new upload" in str(refused.value.fix)
    assert reviews.gate.handle(site.upload("again.jpg", JPEG + b"clean"))["action"] == "forbidden"
    assert site.published("again.jpg") is None
    [case] = reviews.cases.listed([CaseState.OPEN])
    assert case.target.key == "again.jpg"
    assert "stolen" in case.findings[0]
    reviews.decide(case.id, "release", by=BOB, reason="the other case's appeal")
    assert site.published("again.jpg") == JPEG + b"clean"


def test_what_is_appealed_and_taken_down_is_still_for_somebody_else_to_decide(site: Any, reviews: Reviews) -> None:
    """Who released it can take it down, and can't settle the appeal by that."""
    _, case = held(site, reviews)
    reviews.decide(case.id, "release", by=ADA, reason="fine")
    reviews.appeal(case.id, by="support/Dee", reason="that is me")
    reviews.forbid_published("x.jpg", by=ADA, reason="to be safe")
    assert site.published("x.jpg") is None
    assert reviews.cases.get(case.id).state is CaseState.APPEALED
    with pytest.raises(BadInputError, match="decided the case that is appealed"):
        reviews.decide(case.id, "release", by=ADA, reason="hm")
    assert reviews.decide(case.id, "reject", by=BOB, reason="she is right").state is CaseState.REJECTED


def test_a_takedown_is_done_where_its_source_cannot_be_read(site: Any, double: Any) -> None:
    """Marked media comes from a bucket that isn't the gate's: forbidden and withdrawn, without a case."""
    reviews = Reviews(site.gate(double))
    site.s3.put_object(
        Bucket=site.published_bucket, Key="ad.png", Body=b"x", Metadata={"averment-source": "shop-generated/0123456789abcdef"}
    )
    assert reviews.forbid_published("ad.png", by=ADA, reason="ticket") is not None
    assert site.published("ad.png") is None
    assert list(reviews.cases.listed([CaseState.REJECTED])) == []


def test_a_takedown_that_meets_a_busy_service_is_done_again_and_has_its_case(site: Any, double: Any, faults: Any) -> None:
    """Without a case nobody can appeal it, and a second try finds nothing published any more: so it stops before it withdraws."""
    reviews = Reviews(site.gate(double))
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))
    faults.calls.clear()
    faults.countdown = 6  # after what is published was looked at and read, what forbids it, and the two holds: the look at its source
    with pytest.raises(IncompleteError, match="ServiceUnavailable"):
        reviews.forbid_published("x.jpg", by=ADA, reason="ticket")
    assert faults.calls[6:] == ["HeadObject"]
    withdrawn = reviews.forbid_published("x.jpg", by=ADA, reason="ticket")
    assert withdrawn is not None
    assert (withdrawn.case is None, site.published("x.jpg")) == (False, None)


def test_a_takedown_that_is_withdrawn_and_not_logged_waits_in_its_case(site: Any, double: Any, faults: Any) -> None:
    """The log refuses once: done again nothing is published any more, so that no line told which version was withdrawn, nor the answer under which
    case. The case is among those that are still to be applied; rejecting it logs the takedown as who ordered it, and nobody releases it before."""
    reviews = Reviews(site.gate(double))
    target = site.upload("x.jpg", JPEG + b"clean")
    reviews.gate.handle(target)
    faults.failing = "PutLogEvents"
    with pytest.raises(IncompleteError):
        reviews.forbid_published("x.jpg", by=ADA, reason="court order")
    faults.failing = None
    assert (site.published("x.jpg"), reviews.forbid_published("x.jpg", by=ADA, reason="court order", missing_ok=True)) == (None, None)
    [case] = reviews.cases.undone()
    with pytest.raises(BadInputError, match=f"decided: rejected by {ADA}"):
        reviews.decide(case.id, "release", by=BOB, reason="x")
    with pytest.raises(BadInputError, match="takedown is still to be applied"):
        reviews.appeal(case.id, by=BOB, reason="x")
    assert reviews.decide(case.id, "reject", by=BOB, reason="x").applied is True
    [line] = [line for line in site.logged() if line["event"] == "review"]
    assert (line["did"], line["version_id"], line["reason"]) == ("takedown", target.version, "court order")
    reviews.gate.handle(site.upload("y.jpg", JPEG + b"clean y"))
    reviews.forbid_published("y.jpg", by=ADA, reason="court order")
    assert list(reviews.cases.undone()) == []


def test_a_release_does_not_lie_over_a_newer_version_that_overtook_it(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that is scanned and published while the release is applied is what is served: nothing would scan it again."""
    _, case = held(site, reviews)
    lift = reviews.cases.lift

    def slow(*arguments: Any) -> None:
        lift(*arguments)
        assert reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))["action"] == "publish"

    monkeypatch.setattr(reviews.cases, "lift", slow)
    with pytest.raises(BadInputError, match="a newer version"):
        reviews.decide(case.id, "release", by=ADA, reason="fine")
    assert site.published("x.jpg") == JPEG + b"clean"


def test_a_release_that_is_copied_over_a_newer_version_says_so(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large video takes minutes to be copied, in which a newer version is uploaded, scanned and published; then the older one lies over it. That is said,
    and the release isn't taken for applied."""
    _, case = held(site, reviews)
    real = reviews.gate.store.publish

    def slow(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(reviews.gate.store, "publish", real)
        assert reviews.gate.handle(site.upload("x.jpg", JPEG + b"clean"))["action"] == "publish"
        real(*arguments, **more)

    monkeypatch.setattr(reviews.gate.store, "publish", slow)
    with pytest.raises(IncompleteError, match="newer version") as told:
        reviews.decide(case.id, "release", by=ADA, reason="fine")
    assert "rescan-since" in str(told.value.fix)
    assert reviews.cases.get(case.id).applied is False
    reviews.decide(case.id, "reject", by=ADA, reason="there is a newer one")
    assert site.published("x.jpg") is None


def test_a_takedown_during_publication_wins(site: Any, reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbidden between the gate's look and its copy: the gate looks again, takes its copy back and says so."""
    from averment.core.period import utc_now

    target, store = site.upload("x.jpg", JPEG + b"clean"), reviews.gate.store
    real = store.publish

    def slow(*arguments: Any, **more: Any) -> None:
        reviews.cases.hold(target, None, by=ADA, reason="now", at=utc_now())
        real(*arguments, **more)

    monkeypatch.setattr(store, "publish", slow)
    with pytest.raises(IncompleteError, match="taken back"):
        reviews.gate.handle(target)
    assert site.published("x.jpg") is None


def test_a_takedown_that_crosses_with_a_release_forbids_the_bytes(
    site: Any, reviews: Reviews, double: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release of what is served is confirmed on appeal while somebody takes it down: what the release lifts is forbidden again, under any name."""
    _, case = held(site, reviews, b"odd")
    reviews.decide(case.id, "release", by=ADA, reason="harmless")
    file = reviews._file_takedown

    def crossed(*arguments: Any) -> Any:
        reviews.cases.lift(case.target, case.sha256)
        return file(*arguments)

    monkeypatch.setattr(reviews, "_file_takedown", crossed)
    reviews.forbid_published("x.jpg", by=BOB, reason="a court order")
    double.one = lambda _: type(double)().one(b"clean")
    assert reviews.gate.handle(site.upload("again.jpg", JPEG + b"odd"))["action"] == "forbidden"


def test_what_did_not_come_through_the_gate_is_not_its_to_take_down(site: Any, reviews: Reviews) -> None:
    """An object that somebody put there by hand is named as such."""
    site.s3.put_object(Bucket=site.published_bucket, Key="hand.jpg", Body=b"x")
    with pytest.raises(BadInputError, match="was not published by the gate"):
        reviews.forbid_published("hand.jpg", by=ADA, reason="x")


def test_a_video_that_was_taken_down_stays_down_under_another_name(site: Any, reviews: Reviews, double: Any) -> None:
    """The asynchronous way remembers the bytes as well: the same video, uploaded anew and found clean, is forbidden."""
    from averment.detector.gate.deferred import finish, results

    def scanned(key: str) -> dict[str, Any]:
        reviews.gate.handle(site.upload(key, MP4 + b"clean"))
        [result] = results(site.answer(site.waiting()[0], double), site.work)
        return finish(reviews.gate, result)

    assert scanned("a.mp4")["action"] == "publish"
    reviews.forbid_published("a.mp4", by=ADA, reason="court order")
    assert scanned("b.mp4")["action"] == "forbidden"
    assert site.published("b.mp4") is None


def test_what_scans_find_pushes_no_appeal_out_of_the_history(site: Any, reviews: Reviews) -> None:
    """However often another model finds something: who judged first still can't judge the appeal, and what waits is still counted."""
    from dataclasses import replace

    from averment.detector.gate.case import Step
    from averment.detector.gate.deferred import _waiting

    _, case = held(site, reviews)
    reviews.decide(case.id, "reject", by=ADA, reason="fake")
    reviews.appeal(case.id, by=BOB, reason="mine")
    case = reviews.cases.get(case.id)
    found = tuple(Step(f"2027-01-{day:02}T00:00:00Z", "gate", "found", "\U0001f5bc" * 1000) for day in range(1, 31))
    reviews.cases.save(replace(case, history=(*case.history, *found), revision=case.revision + 1))
    assert "folded" in [step.did for step in reviews.cases.get(case.id).history]
    assert "appeal" in [step.did for step in reviews.cases.get(case.id).history]
    with pytest.raises(BadInputError):
        reviews.decide(case.id, "reject", by=ADA, reason="still")
    assert _waiting(reviews.cases, datetime(2030, 1, 1, tzinfo=UTC)) == 1


def test_what_a_scan_finds_between_a_rejection_and_its_repetition_does_not_take_its_place(
    site: Any, reviews: Reviews, double: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table refuses after the decision was filed, another model flags the medium, and the decision is repeated: the log has who rejected it and why, and
    that is why it is forbidden."""
    target, case = held(site, reviews, b"late odd")
    reject_and_be_refused(reviews, case, monkeypatch)
    double.one = lambda _: type(double)().one(b"fake")
    reviews.gate.handle(target)
    assert reviews.cases.get(case.id).history[-1].did == "found"
    assert reviews.decide(case.id, "reject", by=ADA, reason="it shows a child").applied
    [line] = [line for line in site.logged() if line["event"] == "review"]
    assert (line["did"], line["by"].partition("/")[0], line["reason"]) == ("reject", "trust", "it shows a child")
    assert "forbidden by trust" in str(reviews.gate.held(target, None))


def test_a_case_says_that_its_bytes_were_forbidden_elsewhere(site: Any, reviews: Reviews, double: Any) -> None:
    """What was taken down by a court's order comes again under another name, and is flagged this time: who decides is told of the order before a release
    lifts it; so is who has a case of the same bytes that was open before, once it is scanned again."""
    double.one = lambda _: type(double)().one(b"clean")
    reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    del double.one
    before = site.upload("before.jpg", JPEG + b"fake")
    reviews.gate.handle(before)
    reviews.forbid_published("x.jpg", by=ADA, reason="a court order")
    reviews.gate.handle(before)
    reviews.gate.handle(site.upload("again.jpg", JPEG + b"fake"))
    cases = {case.target.key: case for case in reviews.cases.listed([CaseState.OPEN])}
    assert set(cases) == {"before.jpg", "again.jpg"}
    for case in cases.values():
        assert "a court order" in " ".join(case.findings)
    own = cases["again.jpg"]
    reviews.decide(own.id, "reject", by=BOB, reason="forbidden")
    reviews.gate.handle(own.target)
    assert reviews.cases.get(own.id).findings == own.findings, "a rejection is no news to its own case"


@pytest.mark.parametrize("appealed", [False, True])
def test_nobody_lifts_an_order_on_the_same_bytes_that_the_case_does_not_tell_of(
    site: Any, reviews: Reviews, double: Any, appealed: bool
) -> None:
    """It came after the case was opened, and no scan since: who released the copy put the picture back that a court had taken down. It is told, and
    whoever decides knowing it may."""
    published = site.upload("shown.jpg", JPEG + b"fake")
    double.one = lambda _: type(double)().one(b"clean")
    reviews.gate.handle(published)
    del double.one
    _, case = held(site, reviews)
    if appealed:
        reviews.decide(case.id, "reject", by=ADA, reason="a fake")
        reviews.appeal(case.id, by="support/Dee", reason="it is an advert")
    reviews.forbid_published("shown.jpg", by=ADA, reason="a court order")
    seen = reviews.cases.get(case.id).revision
    with pytest.raises(IncompleteError, match=r"the same bytes were forbidden by trust at .*: a court order, which the case"):
        reviews.decide(case.id, "release", by=BOB, reason="labelled", seen=seen)
    assert site.published("x.jpg") is None
    assert "a court order" in str(reviews.gate.held(site.upload("again.jpg", JPEG + b"fake"), case.sha256))
    told = reviews.cases.get(case.id)
    assert (told.state, "a court order" in told.findings[-1]) == (CaseState.APPEALED if appealed else CaseState.OPEN, True)
    with pytest.raises(IncompleteError, match="went on meanwhile"):
        reviews.decide(case.id, "release", by=BOB, reason="labelled", seen=seen)
    reviews.decide(case.id, "release", by=BOB, reason="the order was lifted", seen=told.revision)
    assert site.published("x.jpg") == JPEG + b"fake"


def test_a_decision_of_ones_own_is_no_news_to_its_case(site: Any, reviews: Reviews) -> None:
    """A rejection forbids the version and its bytes: whoever decides on the appeal is asked once."""
    _, case = held(site, reviews)
    reviews.decide(case.id, "reject", by=ADA, reason="a fake")
    reviews.appeal(case.id, by="support/Dee", reason="it is an advert")
    reviews.decide(case.id, "release", by=BOB, reason="so it is")
    assert site.published("x.jpg") == JPEG + b"fake"


@pytest.mark.parametrize("how", ["reject", "takedown", "takedown of what has a case"])
def test_a_decision_does_not_hide_the_order_in_whose_place_it_comes(site: Any, reviews: Reviews, double: Any, how: str) -> None:
    """Of the bytes the latest decision alone is remembered: its case has to tell who decides on the appeal of the one before, which a release lifts."""
    double.one = lambda _: type(double)().one(b"clean")
    reviews.gate.handle(site.upload("shown.jpg", JPEG + b"fake"))
    if how == "takedown":
        reviews.gate.handle(site.upload("x.jpg", JPEG + b"fake"))
    del double.one
    if how != "takedown":
        _, case = held(site, reviews)
    if how == "takedown of what has a case":
        reviews.decide(case.id, "release", by=BOB, reason="labelled")
    reviews.forbid_published("shown.jpg", by=ADA, reason="a court order")
    if how == "reject":
        decided = reviews.decide(case.id, "reject", by=ADA, reason="a fake").id
    else:
        decided = str(reviews.forbid_published("x.jpg", by=ADA, reason="a complaint").case)
    told = reviews.cases.get(decided)
    assert "a court order" in told.findings[-1]
    assert (told.state, told.applied) == (CaseState.REJECTED, True)
