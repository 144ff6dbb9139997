"""From evidence to the state of every control. Pure: the same records and moment give the same states.

Which evidence counts: what was known by ``as_of`` (collected by then) and held within the period, or, without a period, at any
time up to ``as_of``. A past period is judged as of its last second, so that later evidence can't mend it and its attestations
don't expire afterwards. Attestations given before the period count as long as they are valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from averment.controls.model import Assessment, Catalogue, Control
from averment.core.canonical import JSON
from averment.core.organisation import Organisation
from averment.core.period import Period
from averment.core.scope import MediaRole, Scope
from averment.core.words import Status, worst
from averment.evidence.attestations import day_of, unordered
from averment.evidence.collectors.redact import ACCOUNT_ID, hide_account, redact
from averment.evidence.judging.expectations import not_scoped, read_expectation
from averment.evidence.judging.judges import Question, Reader, in_order, judge_history, list_some
from averment.evidence.judging.places import LATELY, LISTED_BY, judge_places, latest_regions_of_media, media_in
from averment.evidence.judging.readers import READERS
from averment.evidence.judging.repositories import repository_of, source_by_repository
from averment.evidence.judging.states import FROM_NOWHERE, OF_THAT_ONE, AssessmentState, ControlState, Gap, also_lacking
from averment.evidence.record import DRILLS, Gathering, Kind, Record

NOT_FROM_AWS = frozenset({"check", "checkov-report", "prowler-report", "signing-log", "incidents", DRILLS})
"""Collectors whose records belong to no account."""

GENERATED = "generated-media"
"""The population of the claims on what the organisation's generators write."""

_NOWHERE = "a place that its record doesn't name"

_MAY_HOLD_MEDIA = "of which no listing of its buckets tells whether media lie there"

_NAME_ACCOUNTS = "collect there, too, or name the accounts that are yours in scope.accounts of averment.yaml"

_IDENTITY, _SHIPPED = "IDV", "embedded"
"""The family of the controls on identity checks, and as what the detector that ships is opened where none is named."""

_FOUND = frozenset({Status.SATISFIED, Status.NOT_SATISFIED, Status.WAIVED})
"""The states of an assessment that had something to look at."""


def assess(
    catalogue: Catalogue, organisation: Organisation, records: Iterable[Record], *, period: Period | None, as_of: datetime
) -> list[ControlState]:
    """The state of every control of ``catalogue``, in its order."""
    moment = moment_of(period, as_of)
    evidence = Evidence(records, period=period, as_of=as_of, accounts=organisation.scope.accounts)
    return [_control_state(control, organisation, evidence, moment, period) for control in catalogue]


def moment_of(period: Period | None, as_of: datetime) -> datetime:
    """The instant as of which a period is judged: its last second once it is over, else ``as_of``."""
    if period is None or as_of < period.end:
        return as_of
    return period.end - timedelta(seconds=1)


class Evidence:
    """The records that count, oldest first, found by what they speak of. ``accounts`` are those that averment.yaml lists, as some may have handed
    in nothing by their whole ids."""

    def __init__(self, records: Iterable[Record], *, period: Period | None, as_of: datetime, accounts: Sequence[str] = ()) -> None:
        moment = moment_of(period, as_of)
        known = [record for record in records if record.collected_at <= as_of and record.effective_at <= moment]
        self._all = list(in_order([record for record in known if counts_in(record, period)]))
        self._places: dict[str, dict[str, list[Record]]] = {}
        self._named: dict[tuple[Kind, str], list[Record]] = {}
        self._whole, source = _whole_ids(self._all, accounts), source_by_repository(self._all)
        for record in self._all:  # found once for all assessments, which are more than a hundred
            place = " ".join(part for part in (self.account(record), record.region) if part) or source(record)
            self._places.setdefault(record.collector, {}).setdefault(place, []).append(record)
            for name in dict.fromkeys(record.controls):
                self._named.setdefault((record.kind, name), []).append(record)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._all)

    def by_place(self, collector: str) -> dict[str, list[Record]]:
        """The records of ``collector`` by account and region, in the order of their names: which place was first says nothing."""
        return dict(sorted(self._places.get(collector, {}).items()))

    def account(self, record: Record) -> str | None:
        """The account of ``record``, by its whole id if another record tells it."""
        return self._whole.get(record.account or "", record.account)

    @cached_property
    def regions_of_media(self) -> Mapping[str, Mapping[str, str]]:
        """By account, the regions in which media lie as far as that is known, each with a bucket there."""
        found: dict[str, dict[str, str]] = {}
        for history in (history for name in LISTED_BY for history in self.by_place(name).values()):
            found.setdefault(self.account(history[-1]) or "", {}).update(latest_regions_of_media(history))
        return found

    @cached_property
    def accounts_of_media(self) -> Mapping[str, str]:
        """The accounts that somebody looked into, but for those whose listing shows that no media lie there; each with what is known of that."""
        looked_into = (self.account(record) for record in self._all if not names_a_source_alone(record))
        listings: dict[str, list[Sequence[Record]]] = {account: [] for account in looked_into if account}
        for history in (history for name in LISTED_BY for history in self.by_place(name).values()):
            listings.setdefault(self.account(history[-1]) or "", []).append(history)
        found = {account: media_in(histories) for account, histories in sorted(listings.items()) if account}
        return {account: f"where {bucket} lies" if bucket else _MAY_HOLD_MEDIA for account, bucket in found.items() if bucket != ""}

    def about(self, kind: Kind, assessment_id: str) -> list[Record]:
        """The records of ``kind`` that were made for the assessment ``CONTROL/assessment``."""
        return self._named.get((kind, assessment_id), [])


def _whole_ids(records: Iterable[Record], listed: Iterable[str]) -> dict[str, str]:
    """Of accounts whose ids some records hide and others don't, the id by how it is hidden, unless it may be of two: they are one place."""
    found = [account for account in {record.account for record in records if record.account} if ACCOUNT_ID.fullmatch(account)]
    hidden = Counter(map(hide_account, {*found, *listed}))
    return {hide_account(account): account for account in found if hidden[hide_account(account)] == 1}


def names_a_source_alone(record: Record) -> bool:
    """Whether ``record`` says that an aggregator of AWS Config has nothing of ours from an account: nobody looked into that."""
    return record.collector == "config-aggregate" and record.gathering is Gathering.COULD_NOT


def counts_in(record: Record, period: Period | None) -> bool:
    """Whether ``record`` is evidence for ``period``; an attestation is, as long as it was given before the period's end."""
    if period is None:
        return True
    return record.effective_at in period or (record.kind is Kind.ATTESTATION and record.effective_at < period.end)


def _control_state(
    control: Control, organisation: Organisation, evidence: Evidence, moment: datetime, period: Period | None
) -> ControlState:
    found = [_assessment_state(Question(control, item, organisation, moment, period), evidence) for item in control.assessments]
    states = tuple(_with_lacking(_beside_others(state, found)) for state in found)
    return ControlState(control, worst(state.status for state in states), states)


def _with_lacking(state: AssessmentState) -> AssessmentState:
    """``state`` with what isn't known beside what is wrong told in its reason: whoever mends that alone isn't done."""
    if not state.lacking or state.lacking in state.reason:
        return state
    return replace(state, reason=f"{state.reason}; not all is known: {state.lacking}")


def _beside_others(state: AssessmentState, others: Sequence[AssessmentState]) -> AssessmentState:
    """``state``, unless it says that there is nothing while another that it goes with (``Assessment.goes_with``) found something: then what it
    asks about was in nothing that it looked at."""
    there = [item.assessment.id for item in others if item.assessment.id in state.assessment.goes_with and item.status in _FOUND]
    if state.status is not Status.NOT_APPLICABLE or not there:
        return state
    reason = (
        f"{state.reason}; but {' and '.join(there)} had something to look at, so what this asks about is missing, or lies where nobody looked: "
        "look there, too, or let an overlay leave this out and say why"
    )
    return replace(state, status=Status.NOT_ASSESSED, reason=reason, gap=Gap.UNDECIDED)


def _assessment_state(question: Question, evidence: Evidence) -> AssessmentState:
    assessment = question.assessment
    if assessment.claim is not None:
        history = evidence.about(Kind.CLAIM, question.id)
        shown = _as_it_ships(question, _from_own_records(question, history, Kind.CLAIM), history)
        shown = _of_who_runs(question, shown, history, evidence)
        return _of_all_generated(question, shown, evidence)
    if assessment.attestation is not None:
        return _from_attestations(question, evidence.about(Kind.ATTESTATION, question.id))
    if lacking := not_scoped(question):
        return question.unassessed(Gap.UNSCOPED, lacking)
    collector = assessment.collector or "check"
    scope = question.organisation.scope
    files = question.organisation.parameter("check.repositories" if collector == "check" else f"{collector}.files")
    places = {place: found for place, found in evidence.by_place(collector).items() if in_scope(found[-1], scope, files)}
    if not places:
        return question.unassessed(Gap.MISSING, f"no evidence was collected by {collector}")
    reader = _reader(assessment, next(iter(places.values())))
    if reader is None:
        return question.unassessed(Gap.UNDECIDED, f"the assessment says neither a policy nor what to expect of {collector}")
    state = judge_places(question, places, reader)
    latest = [found[-1] for found in places.values()]
    missing, of_accounts = (_missing_files(latest, files), ()) if collector in NOT_FROM_AWS else _missing_places(scope, latest, evidence)
    state = _also_in(state, of_accounts)
    reason = f"{FROM_NOWHERE} {collector} from {', '.join(missing)}"
    if missing and state.status is Status.NOT_SATISFIED:
        return also_lacking(state, Gap.MISSING, reason)
    if missing:
        open_ = question.unassessed(Gap.MISSING, reason, *latest, accepted=state.deviations)
        return replace(open_, records=tuple(dict.fromkeys((*open_.records, *state.records))), places=state.places)
    return state if scope.regions else _where_media_lie(state, latest, evidence)


def _also_in(state: AssessmentState, accounts: Iterable[str]) -> AssessmentState:
    """``state``, of which nothing is known in some place of ``accounts``."""
    return replace(state, places=(*state.places, *((account, Status.NOT_ASSESSED) for account in accounts)))


def _where_media_lie(state: AssessmentState, latest: Sequence[Record], evidence: Evidence) -> AssessmentState:
    """``state``, unless media of an account lie in a region that none of ``latest`` is from, though they were asked for region by region: where
    averment.yaml names no regions, only that of the AWS settings may have been."""
    seen: dict[str, set[str]] = {}
    for record in latest:
        if record.region:
            seen.setdefault(evidence.account(record) or "", set()).add(record.region)
    unseen = [
        (account, f"{region} of account {account}, where {bucket} lies")
        for account, regions in sorted(seen.items())
        for region, bucket in sorted(evidence.regions_of_media.get(account, {}).items())
        if region not in regions
    ]
    if not unseen or state.status is Status.NOT_ASSESSED:
        return state
    state, lacking = _also_in(state, [account for account, _ in unseen]), [what for _, what in unseen]
    reason = f"{FROM_NOWHERE} {latest[0].collector} from {list_some(lacking)}: name every region in scope.regions of averment.yaml"
    if state.status is Status.NOT_SATISFIED:
        return also_lacking(state, Gap.PARTIAL, reason)
    return replace(state, status=Status.NOT_ASSESSED, reason=reason, gap=Gap.PARTIAL)


def _from_own_records(question: Question, history: Sequence[Record], kind: Kind) -> AssessmentState:
    if not history:
        verb = "the claim was never tested" if kind is Kind.CLAIM else "nobody has attested it"
        return question.unassessed(Gap.MISSING, verb)
    state = judge_history(question, history, READERS[kind])
    earlier = Counter(str(record.payload.get("verdict", "not tested")) for record in history[:-1])
    if kind is not Kind.CLAIM or not earlier:
        return state
    # A claim that is run until it fits proves less than it says: whoever reads the verdict must see the other runs.
    others = ", ".join(f"{times} {verdict}" for verdict, times in sorted(earlier.items()))
    return replace(state, reason=f"{state.reason} (the last of {len(history)} runs; before: {others})")


def _as_it_ships(question: Question, state: AssessmentState, history: Sequence[Record]) -> AssessmentState:
    """``state``, unless what was shown was shown of the detector that ships, and another version of Averment has other weights under its name: the
    figures of the one say nothing of the other. What a period that is over was shown by shipped then."""
    shown = next((record for record in reversed(history) if record.id in state.records), None)
    if shown is None or state.status is not Status.SATISFIED or question.is_over:
        return state
    tested = (shown.payload.get("inputs") or {}).get("detector") or {}
    if not tested.get("sha256") or (shown.payload.get("details") or {}).get("detector_opened_as", _SHIPPED) != _SHIPPED:
        return state
    from averment.detector.embedded import shipped_facts

    ships = shipped_facts()
    if tested["sha256"] == ships["sha256"] or tested.get("name") != ships["name"]:
        return state
    which = f"the detector {ships['name']} as another version of Averment ships it (SHA-256 {tested['sha256'][:12]}, here {str(ships['sha256'])[:12]})"
    reason = f"{state.reason}; but that is of {which}: prove it again, and see that what scores uploads is the one that was tested"
    return replace(question.unassessed(Gap.SUPERSEDED, reason), records=state.records, effective_at=state.effective_at)


def _of_who_runs(question: Question, state: AssessmentState, history: Sequence[Record], evidence: Evidence) -> AssessmentState:
    """``state``, unless what was shown was shown of another detector than those that score uploads, as far as these are known: how well the one
    does says nothing of the other. Functions that check identities may ask one of their own, which counts nothing: somebody has to have chosen it."""
    payload = history[-1].payload if history else {}
    tested = ((payload.get("inputs") or {}).get("detector") or {}).get("name")
    if state.status is not Status.SATISFIED or tested is None:
        return state
    if question.control.family == _IDENTITY and (payload.get("details") or {}).get("detector_opened_as", _SHIPPED) != _SHIPPED:
        return state
    from averment.detector.gate.verdict_log import as_dimension

    latest = _lately(question, evidence, "detector-metrics")
    running = {row["detector"] for record in latest for row in record.payload.get("detectors", ()) if row.get("scanned_last_week")}
    if not running or as_dimension(str(tested)) in running:
        return state
    names = " and ".join(sorted(running))
    reason = f"{state.reason}; but that is of the detector {tested}, and what scores uploads is {names}: {OF_THAT_ONE}"
    return replace(question.unassessed(Gap.SUPERSEDED, reason), records=state.records, effective_at=state.effective_at)


def _of_all_generated(question: Question, state: AssessmentState, evidence: Evidence) -> AssessmentState:
    """``state``, unless a claim on what is generated was drawn from elsewhere than a bucket that is known to hold such media; the control's other
    claims of its type may have been drawn there, if they ask for no less. Of a part of a bucket that is told: what else lies there nobody may
    have looked at."""
    claim = question.assessment.claim or {}
    if state.status is not Status.SATISFIED or claim.get("population") != GENERATED:
        return state
    places = []
    for item in question.control.assessments:
        runs = evidence.about(Kind.CLAIM, f"{question.control.id}/{item.id}")
        other = item.claim or {}
        if runs and other.get("type") == claim.get("type") and other.get("at_least", 0) >= claim.get("at_least", 0):
            places.append(str(_hidden_name(str((runs[-1].payload.get("inputs") or {}).get("where", "")))))
    drawn = {place: place.removeprefix("s3://").partition("/") for place in places if place.startswith("s3://")}
    lacking = sorted(_generated_buckets(question, evidence) - {bucket for bucket, _, _ in drawn.values()})
    if not lacking:
        parts = [place for place, (_, _, prefix) in drawn.items() if prefix]
        return replace(state, reason=f"{state.reason}; of what lies under {list_some(parts)} alone") if parts else state
    elsewhere = f"that was drawn from {list_some([place or _NOWHERE for place in places])}, and not from {list_some(lacking)}, where generated media lie as well"
    reason = f"{state.reason}; but {elsewhere}: let an overlay add a claim on each that asks for as much"
    return replace(question.unassessed(Gap.PARTIAL, reason), records=state.records, effective_at=state.effective_at)


def _generated_buckets(question: Question, evidence: Evidence) -> set[str]:
    """The buckets in which the latest looks found generated media."""
    rows = (row for record in _lately(question, evidence, "media-states") for row in record.payload.get("buckets", ()))
    return {str(_hidden_name(row["bucket"])) for row in rows if row.get("role") == MediaRole.GENERATED and row.get("total")}


def _lately(question: Question, evidence: Evidence, collector: str) -> Iterator[Record]:
    """The latest facts of ``collector`` on each account and region in scope, as far as they aren't older than ``LATELY``."""
    for history in evidence.by_place(collector).values():
        latest = next((record for record in reversed(history) if record.gathering is not Gathering.COULD_NOT), None)
        if latest is not None and question.moment - latest.effective_at <= LATELY and in_scope(latest, question.organisation.scope, None):
            yield latest


def _from_attestations(question: Question, history: Sequence[Record]) -> AssessmentState:
    """The state by the latest answer, told with those of its day that say otherwise. Where nobody can tell which came last, a "no" stands."""
    last = history[-1] if history else None
    others = [item for item in history if last is not None and _contradict(item, last)]
    refusal = next((item for item in reversed(others) if last and item.payload["answer"] == "no" and unordered(item, last)), None)
    state = _from_own_records(question, [*history, refusal] if refusal else history, Kind.ATTESTATION)
    if refusal and last:
        also = f"on the same day {_who_said(last)}, and which came last nobody can tell; have it answered anew"
    elif others and last and last.id in state.records:
        also = f"before, on the same day, {', '.join(dict.fromkeys(map(_who_said, others)))}"
    else:
        return state
    return replace(state, reason=f"{state.reason} ({also})")


def _contradict(earlier: Record, later: Record) -> bool:
    """Whether two answers of one day to one question, by people of the role that ``later`` has, differ."""
    one, other = ({"answer": None, "question": None, "by": {}, **item.payload} for item in (earlier, later))
    same = day_of(earlier) == day_of(later) and one["question"] == other["question"] and one["by"].get("role") == other["by"].get("role")
    return bool(same and one["answer"] != other["answer"])


def _who_said(record: Record) -> str:
    return f"{record.payload.get('by', {}).get('name')} said {record.payload.get('answer')}"


def _reader(assessment: Assessment, history: Sequence[Record]) -> Reader | None:
    if assessment.expect is not None:
        return read_expectation
    return READERS.get(history[-1].kind) if assessment.policy is not None else None


def in_scope(record: Record, scope: Scope, files: JSON) -> bool:
    """Whether the place of ``record`` belongs to the organisation; what has no account or region is everywhere, or is one of the ``files``
    or repositories that averment.yaml names (None: none are). One that it names no more speaks of nothing any more."""
    if isinstance(files, list) and record.account is None and not any(_is_from(record, name) for name in files):
        return False
    return place_in_scope(record.account, record.region, scope)


def place_in_scope(account: str | None, region: str | None, scope: Scope) -> bool:
    """Whether ``scope`` has this place; what is of no account or region is everywhere."""
    ours = not scope.accounts or account is None or account in _both_ways(scope.accounts)
    return ours and (not scope.regions or region is None or region in scope.regions)


def _missing_files(latest: Sequence[Record], files: JSON) -> list[str]:
    """The ``files`` or repositories that averment.yaml names and that no record is from: what stands in them, nobody has taken over."""
    listed = files if isinstance(files, list) else []
    return [str(name) for name in listed if not any(_is_from(record, name) for record in latest)]


def _is_from(record: Record, name: JSON) -> bool:
    """Whether ``record``, which is from no account, is from the file or repository that averment.yaml calls ``name``; a repository's is in any case."""
    repository, wanted = repository_of(record), _hidden_name(name)
    if repository is None:
        return bool(_hidden_name(record.source) == wanted)
    return str(_hidden_name(repository)).casefold() == str(wanted).casefold()


def _hidden_name(name: JSON) -> JSON:
    """The ``name`` of a file as it is in a record whose account ids are hidden, whosever they are: Prowler's own names hold one."""
    return redact(name, {}, accounts=ACCOUNT_ID.findall(str(name)))


def _missing_places(scope: Scope, latest: Sequence[Record], evidence: Evidence) -> tuple[list[str], list[str]]:
    """The accounts, and the regions of accounts, that the organisation lists and no record is from; where it lists no accounts, those in which
    media may lie by what others looked into, unless it is about costs, which another account may pay. In words, and the accounts alone."""
    seen_in = {evidence.account(record) for record in latest}
    unlisted = {} if scope.accounts or latest[0].collector == "inference-cost" else evidence.accounts_of_media
    accounts = [account for account in unlisted if account not in seen_in]
    unseen = [f"account {account}, {unlisted[account]}" for account in accounts]
    missing = [f"{list_some(unseen)} ({_NAME_ACCOUNTS})"] if unseen else []
    hidden = Counter(map(hide_account, scope.accounts))
    for account in scope.accounts or tuple(dict.fromkeys(record.account for record in latest if record.account)):
        # A hidden id that may be of two accounts is of neither: nobody can tell which of them the record speaks of.
        either = _both_ways((account,)) if hidden[hide_account(account)] <= 1 else (account,)
        here = [record for record in latest if record.account in either]
        if not here:
            lacking = [f"account {account}"]
        else:
            seen = {record.region for record in here}
            lacking = [f"{region} of account {account}" for region in scope.regions if region not in seen] if any(seen) else []
        missing += lacking
        accounts += [account] if lacking else []
    return missing, accounts


@lru_cache(maxsize=4096)
def _both_ways(accounts: tuple[str, ...]) -> frozenset[str]:
    """The ids as they are, and as they are written when account ids are redacted; kept, as it is asked for each record."""
    return frozenset((*accounts, *(hide_account(account) for account in accounts)))
