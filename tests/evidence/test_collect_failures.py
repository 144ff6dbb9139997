"""What collectors do when a source refuses, breaks off or is odd: a record with the reason, never silence, never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from averment.core.aws import client
from averment.core.errors import BadInputError, IncompleteError
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation, parameter_meaning
from averment.core.period import from_iso
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.evidence.collectors.alarms import Alarms
from averment.evidence.collectors.bucket_policies import BucketPolicies
from averment.evidence.collectors.config_compliance import ConfigCompliance
from averment.evidence.collectors.detector_metrics import DetectorMetrics
from averment.evidence.collectors.inference_cost import InferenceCost
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.media_states import MediaStates
from averment.evidence.collectors.provenance import Provenance
from averment.evidence.collectors.registry import COLLECTORS, CONFIGURED, collectors, names
from averment.evidence.collectors.run import collect, present_quarter, whose_credentials
from averment.evidence.collectors.sagemaker_endpoints import SageMakerEndpoints
from averment.evidence.collectors.scan_pipeline import ScanPipeline
from averment.evidence.record import LOOKING_BACK, Gathering, Kind, Population, Record


class _Body:
    """A response's body as urllib3 gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._data

    def read(self, *_: object, **__: object) -> bytes:
        return self._data


def denying(*operations: str, after: int = 0, account: str = "123456789012") -> Any:
    """A client factory whose clients get AWS's answer of denial for ``operations`` (after ``after`` answers that are let through)."""
    seen: dict[str, int] = {}

    def deny(request: Any, event_name: str, **_: object) -> AWSResponse | None:
        operation = event_name.rsplit(".", 1)[1]
        if operation not in operations:
            return None
        seen[operation] = seen.get(operation, 0) + 1
        if seen[operation] <= after:
            return None
        text = f"User: arn:aws:sts::{account}:assumed-role/reader/ada@example.com is not authorized to perform this from 203.0.113.9"
        if ".s3." in event_name:
            body = f"<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>"
        elif ".sns." in event_name:
            body = f"<ErrorResponse><Error><Code>AuthorizationError</Code><Message>{text}</Message></Error></ErrorResponse>"
        else:
            body = json.dumps({"__type": "AccessDeniedException", "message": text})
        return AWSResponse(request.url, 403, {"x-amzn-errortype": "AccessDeniedException"}, _Body(body.encode()))

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-send.*.*", deny)
        return made

    return make


def one(collector: Collector, scope: CollectScope) -> Record:
    [record] = collector.collect(scope)
    return record


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("collector", "operation", "action"),
    [
        (ConfigCompliance(), "DescribeComplianceByConfigRule", "config:DescribeComplianceByConfigRule"),
        (MediaStates(), "ListBuckets", "s3:ListAllMyBuckets"),
        (DetectorMetrics(), "ListMetrics", "cloudwatch:ListMetrics"),
        (Provenance(), "FilterLogEvents", "logs:FilterLogEvents"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_denial_becomes_a_record_that_names_the_missing_action(
    collector: Collector, operation: str, action: str, scope_of: Callable[..., CollectScope]
) -> None:
    """Nothing obtained: could-not-collect, no payload, no population, and the IAM action to allow."""
    record = one(collector, scope_of(client=denying(operation)))
    assert record.gathering is Gathering.COULD_NOT
    assert f"access denied; allow {action}" in str(record.reason)
    assert record.payload == {}
    assert record.population is None


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (
            "AccessDenied",
            "User: u is not authorized to perform: kms:Decrypt on resource: k because no identity-based policy allows the kms:Decrypt action",
            "access denied; allow kms:Decrypt",
        ),
        (
            "AccessDenied",
            "User: u is not authorized to perform: s3:GetObject on resource: o with an explicit deny in a service control policy",
            "access denied; allow s3:GetObject, which a service control policy denies",
        ),
        ("AccessDenied", "Access Denied", "access denied; allow s3:GetObject"),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "(perhaps the account hasn't enabled this region)",
        ),
    ],
)
def test_a_denial_names_the_action_that_the_service_names(code: str, message: str, told: str) -> None:
    """S3 refuses an encrypted object for want of another service's action; what a policy denies isn't allowed by another one."""

    class Refusing:
        def get_object(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": code, "Message": message}}, "GetObject")

    fetch = Fetch(Refusing(), "s3")
    assert fetch.one("GetObject", {"Bucket": "b", "Key": "k"}) is None
    assert fetch.problems[0].endswith(told)


@pytest.mark.parametrize(
    ("operation", "action"),
    [("GetObjectTagging", "s3:GetObjectTagging"), ("HeadObject", "s3:GetObject"), ("ListObjectsV2", "s3:ListBucket")],
)
def test_a_denial_half_way_leaves_what_was_obtained_as_partial(
    operation: str, action: str, bucket: Callable[..., str], scope_of: Callable[..., CollectScope]
) -> None:
    """Part of the facts is worth keeping, marked as a part, with the population no longer claimed to be counted."""
    name = bucket("shop-media")
    boto3.client("s3").put_object(Bucket=name, Key="a.jpg", Body=b"x")
    record = one(MediaStates(), scope_of(client=denying(operation)))
    assert record.gathering is Gathering.PARTIAL
    assert f"allow {action}" in str(record.reason)
    assert record.population is not None
    assert record.population.examined == 0


def test_a_listing_that_breaks_off_is_truncated(
    bucket: Callable[..., str], many_objects: Callable[[str, int], None], scope_of: Callable[..., CollectScope]
) -> None:
    """When the second page is refused, the first is kept, the total is unknown and the population is marked as cut short."""
    name = bucket("shop-media")
    many_objects(name, 1003)
    organisation = Organisation(parameters={"media-states": {"objects_per_bucket": 2}})
    record = one(MediaStates(), scope_of(client=denying("ListObjectsV2", after=1), organisation=organisation))
    assert record.gathering is Gathering.PARTIAL
    assert record.population == Population("objects", None, 2, truncated=True)


def test_a_bucket_whose_tags_are_hidden_makes_the_record_partial(bucket: Callable[..., str], scope_of: Callable[..., CollectScope]) -> None:
    """A bucket that could hold media by its tags, which can't be read, may not be skipped in silence."""
    bucket("accounting", data_class="ugc")
    record = one(MediaStates(), scope_of(client=denying("GetBucketTagging")))
    assert record.gathering is Gathering.COULD_NOT
    assert "allow s3:GetBucketTagging" in str(record.reason)
    bucket("shop-media")
    record = one(MediaStates(), scope_of(client=denying("GetBucketTagging")))
    assert record.population == Population("objects", None, 0, truncated=True), "what the other bucket holds, nobody knows"


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("collector", [MediaStates(), BucketPolicies(), Provenance()], ids=lambda value: value.name)
def test_who_knows_media_by_names_needs_no_tags(
    collector: Collector, bucket: Callable[..., str], scope_of: Callable[..., CollectScope]
) -> None:
    """A log archive lets nobody see its tags, and nobody has to: no tag could make it hold media. The printed policy leaves the action out."""
    bucket("shop-pictures")
    organisation = Organisation(scope=Scope(media=(MediaMatcher(MediaRole.PUBLISHED, names=("shop-*",)),)))
    record = one(collector, scope_of(client=denying("GetBucketTagging"), organisation=organisation))
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert [item["bucket"] for item in record.payload["buckets"]] == ["shop-pictures"]
    assert ["s3:GetBucketTagging" in collector.allowed(given) for given in (organisation, Organisation(), None)] == [False, True, True]


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("collector", [MediaStates(), BucketPolicies(), Provenance()], ids=lambda value: value.name)
def test_a_bucket_that_was_deleted_since_it_was_listed_holds_nothing(
    collector: Collector, bucket: Callable[..., str], scope_of: Callable[..., CollectScope]
) -> None:
    """Where tests make and delete buckets, one that went left all that was said of the others open."""
    bucket("shop-pictures", data_class="published-media")
    fleeting = bucket("uploads-of-a-test")

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-parameter-build.s3.GetBucketTagging", delete)
        return made

    def delete(params: dict[str, Any], **_: Any) -> None:
        if params["Bucket"] == fleeting:
            boto3.client("s3").delete_bucket(Bucket=fleeting)

    record = one(collector, scope_of(client=make))
    assert record.gathering is Gathering.COLLECTED, record.reason
    assert [item["bucket"] for item in record.payload["buckets"]] == ["shop-pictures"]


def _endpoints() -> None:
    card = {"ModelCardName": "card", "Content": "{}", "ModelCardStatus": "Approved"}
    boto3.client("sagemaker").create_model_card(**card)


def _budgets() -> None:
    from moto.ce.models import ce_backends

    cost = {"Keys": ["Amazon SageMaker"], "Metrics": {"UnblendedCost": {"Amount": "1", "Unit": "USD"}}}
    day = {"TimePeriod": {"Start": "2026-11-01", "End": "2026-11-02"}, "Groups": [cost]}
    ce_backends["123456789012"]["aws"].cost_usage_results_queue.append({"ResultsByTime": [day]})
    limit = {"Amount": "100", "Unit": "USD"}
    budget = {"BudgetName": "inference", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": limit}
    boto3.client("budgets").create_budget(AccountId="123456789012", Budget=budget)


def _rules() -> None:
    events = boto3.client("events")
    events.put_rule(Name="uploads", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="uploads", Targets=[{"Id": "scan", "Arn": "arn:aws:sqs:eu-west-1:123456789012:scan"}])


def _alarms() -> None:
    topic = boto3.client("sns").create_topic(Name="duty")["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="duty@example.com")
    common: dict[str, Any] = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1}
    common |= {"ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [topic]}
    boto3.client("cloudwatch").put_metric_alarm(AlarmName="first", **common)


def breaking_off(operation: str) -> Any:
    """A client factory whose clients are told of a second page of ``operation``, and denied it. The embedded AWS has one page alone."""
    inner = denying(operation, after=1)

    def more(parsed: dict[str, Any], **_: object) -> None:
        parsed["NextToken"] = "more"

    def make(service: str, *, region: str | None = None) -> Any:
        made = inner(service, region=region)
        made.meta.events.register(f"after-call.*.{operation}", more)
        return made

    return make


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("collector", "prepare", "refused", "named", "figure"),
    [
        (SageMakerEndpoints(), _endpoints, "ListEndpoints", {"detector_endpoints": ["detector"]}, "out_of_service"),
        (InferenceCost(), _budgets, "DescribeNotificationsForBudget", {"inference-cost": {"budgets": ["inference"]}}, "unheard"),
        (InferenceCost(), _budgets, "DescribeBudgets", {"inference-cost": {"budgets": ["inference"]}}, "unheard"),
        (ScanPipeline(), _rules, "ListTargetsByRule", {"scan-pipeline": {"rules": ["uploads"]}}, "out_of_service"),
        (ScanPipeline(), _rules, "ListRules", {"scan-pipeline": {"rules": ["uploads", "second"]}}, "out_of_service"),
        (Alarms(), _alarms, "DescribeAlarms", {"alarms": {"watching": ["first", "second"]}}, "unheard"),
        (Alarms(), _alarms, "ListSubscriptionsByTopic", {"alarms": {"watching": ["first"]}}, "unheard"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "name", ""),
)
def test_what_could_not_be_listed_is_not_missing(
    collector: Collector,
    prepare: Callable[[], None],
    refused: str,
    named: dict[str, Any],
    figure: str,
    scope_of: Callable[..., CollectScope],
) -> None:
    """A denied or broken-off listing is no sign that a named thing isn't there, or tells nobody: it was read as "there is none"."""
    prepare()
    organisation = Organisation(parameters=named)
    client_of = breaking_off(refused) if refused in ("DescribeAlarms", "ListRules") else denying(refused)
    record = one(collector, scope_of(organisation=organisation, client=client_of))
    assert record.gathering is not Gathering.COLLECTED
    assert f"{refused}: access denied" in str(record.reason)
    assert record.payload["summary"][figure] == 0


@pytest.mark.usefixtures("sandbox")
def test_reasons_are_redacted(scope_of: Callable[..., CollectScope]) -> None:
    """AWS puts names of people and addresses into its refusals; other errors than denials quote them."""

    def odd(request: Any, **_: object) -> AWSResponse:
        body = json.dumps(
            {"__type": "InternalFailure", "message": "ada@example.com from 203.0.113.9 in arn:aws:iam::123456789012:user/ada"}
        )
        return AWSResponse(request.url, 400, {}, _Body(body.encode()))

    def make(service: str, *, region: str | None = None) -> Any:
        made = client(service, region=region)
        made.meta.events.register("before-send.*.*", odd)
        return made

    record = one(ConfigCompliance(), scope_of(client=make, redact_accounts=True))
    assert "[e-mail address] from [IP address] in arn:aws:iam::********9012:user/ada" in str(record.reason)
    assert record.account == "********9012"
    assert record.redactions == ("IP address: 1", "account id: 2", "e-mail address: 1")


def test_without_credentials_nobody_pretends(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials: the account can't be found out, and the error says what to do."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(IncompleteError, match="no AWS credentials"):
        whose_credentials(client, "eu-west-1")


# --- the interface, with doubles -------------------------------------------------------------------------------------


class Counting(Collector):
    """A double that says where it was asked."""

    name, version, kind = "counting", "1", Kind.MEDIA_STATES

    def __init__(self, *, regional: bool = True, from_aws: bool = True) -> None:
        self.regional, self.from_aws = regional, from_aws

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        yield self.record(scope, Gathered("double", {"region": scope.region}, {"mail": "ada@example.com"}))


class Breaking(Collector):
    """A double that fails after its first record."""

    name, version, kind = "breaking", "1", Kind.CHECK

    def __init__(self, error: Exception) -> None:
        self.error = error

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        yield self.record(scope, Gathered("double", {}, {"obtained": 1}))
        raise self.error


def test_each_source_is_asked_where_it_is(scope_of: Callable[..., CollectScope]) -> None:
    """Regional sources once a region, global ones once an account, and what isn't AWS carries neither."""
    doubles = [Counting(), Counting(regional=False), Counting(from_aws=False)]
    records = list(collect(doubles, scope_of(), ["eu-west-1", "us-east-1"]))
    assert [(record.region, record.account) for record in records] == [
        ("eu-west-1", "123456789012"),
        ("us-east-1", "123456789012"),
        (None, "123456789012"),
        (None, None),
    ]
    assert all(record.payload == {"mail": "[e-mail address]"} and record.redactions == ("e-mail address: 1",) for record in records)


@pytest.mark.parametrize(
    ("error", "words"),
    [(IncompleteError("the source is down"), "the source is down"), (KeyError("Contents"), "crashed: KeyError: 'Contents'")],
)
def test_a_collector_that_fails_leaves_a_record_and_the_others_go_on(
    error: Exception, words: str, scope_of: Callable[..., CollectScope]
) -> None:
    """What it had obtained stays, its failure is on record, and the next collector still runs."""
    first, failed, next_one = collect([Breaking(error), Counting()], scope_of(), ["eu-west-1"])
    assert (first.gathering, next_one.gathering) == (Gathering.COLLECTED, Gathering.COLLECTED)
    assert failed.gathering is Gathering.COULD_NOT
    assert words in str(failed.reason)


@pytest.mark.parametrize(("period", "speaks_of"), [("2026Q3", "2026-09-30T23:59:59Z"), ("2026Q4", "2026-11-20T12:00:00Z")])
def test_an_attempt_for_a_past_period_says_nothing_of_the_present(
    period: str, speaks_of: str, scope_of: Callable[..., CollectScope]
) -> None:
    """Where a source with history failed for the quarter before, the present one could not be collected either, as it seemed, and that one had
    never been asked about. What tells of the present alone failed now."""
    looking, present = Breaking(IncompleteError("the source is down")), Breaking(IncompleteError("the source is down"))
    looking.looks_back = True
    made = list(collect([looking, present], scope_of(now="2026-11-20T12:00:00Z", period=period), ["eu-west-1"]))
    failed = [record.effective_at for record in made if record.gathering is Gathering.COULD_NOT]
    assert failed == [from_iso(speaks_of), from_iso("2026-11-20T12:00:00Z")]


def test_a_wrong_setting_is_the_users_to_mend(scope_of: Callable[..., CollectScope]) -> None:
    """A parameter of the wrong kind stops with an error that names it, instead of becoming evidence."""
    for wrong in ({"media-states": {"objects_per_bucket": 0}}, {"media-states": {"objects_per_bucket": "many"}}, {"media-states": 3}):
        with pytest.raises(BadInputError, match=r"parameters\.media-states"):
            scope_of(organisation=Organisation(parameters=wrong)).number("media-states", "objects_per_bucket", 1)
    with pytest.raises(BadInputError, match=r"parameters\.detector-metrics\.detectors"):  # it was asked for one detector a letter
        list(DetectorMetrics().collect(scope_of(organisation=Organisation(parameters={"detector-metrics": {"detectors": "portrait"}}))))


def test_an_older_client_without_a_paginator_is_asked_once() -> None:
    """botocore before 1.35.42 doesn't page ListBuckets: its one answer is the whole listing."""

    class Old:
        def can_paginate(self, method: str) -> bool:
            return False

        def list_buckets(self) -> dict[str, list[str]]:
            return {"Buckets": ["a"]}

    fetch = Fetch(Old(), "s3")
    assert list(fetch.pages("ListBuckets", {})) == [{"Buckets": ["a"]}]
    assert fetch.calls == [{"call": "s3:ListBuckets", "parameters": {}, "times": 1}]


def test_reasons_are_bounded(scope_of: Callable[..., CollectScope]) -> None:
    """Thousands of refusals fit into a record, and it says that there were more."""
    record = Counting().record(scope_of(), Gathered("double", {}, {}, [f"{number} {'x' * 9_000}" for number in range(5_000)]))
    assert len(str(record.reason)) < 12_000
    assert str(record.reason).endswith("and 4,980 further reasons")


def test_the_registry_is_consistent() -> None:
    """Names are unique, choosing keeps the order, and an unknown name lists the known ones."""
    assert len(set(names())) == len(COLLECTORS) + len(CONFIGURED)
    assert [collector.name for collector in collectors(("provenance", "check"))] == ["check", "provenance"]
    assert all(kind.summary and kind.version for kind in (*COLLECTORS, *CONFIGURED))
    looking = {kind.name for kind in (*COLLECTORS, *CONFIGURED) if kind.looks_back}
    assert looking == LOOKING_BACK, "name in record.LOOKING_BACK the collectors with looks_back, and no others"
    own = [path for kind in (*COLLECTORS, *CONFIGURED) for path in kind.goes_by if path.startswith(f"{kind.name}.")]
    assert [path for path in own if not parameter_meaning(path)] == [], "describe these parameters in averment.schema.json"
    with pytest.raises(BadInputError, match="no collector 'configg'") as caught:
        collectors(("configg",))
    assert "config-compliance" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("moment", "label"), [("2026-01-01T00:00:00Z", "2026Q1"), ("2026-06-30T23:59:59Z", "2026Q2"), ("2026-12-31T00:00:00Z", "2026Q4")]
)
def test_the_present_quarter(moment: str, label: str) -> None:
    """The default period is the calendar quarter of now."""
    assert present_quarter(from_iso(moment)).label == label
