"""What narrows or opens besides what the cases show: the CDN's origins and behaviours, the selectors of trails, alarms' metrics, and scaling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Outcome, fail
from averment.policies.rules.alarms import goes_off
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface


def judged(graph: Graph, rule_id: str) -> Outcome:
    subject = rule(rule_id)
    context = Context(graph, Scope(accounts=("123456789012",)))
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


def of_template(tmp_path: Path, rule_id: str, **resources: Any) -> Outcome:
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    return judged(read_template(path), rule_id)


def test_the_fix_mends_what_the_finding_says_besides():
    """Whoever did all that was printed had the finding again, for its other half."""
    found = worst_outcome([fail("a is off", fix="a: on"), fail("b is off", fix="b: on"), fail("c is off", fix="c: on")])
    assert found.message == "a is off; also: b is off (and 1 more)"
    assert found.fix == "a: on\n\nb: on"
    assert worst_outcome([fail("a is off", fix="on"), fail("b is off", fix="on")]).fix == "on"
    assert worst_outcome([fail("a is off"), fail("b is off")]).fix is None


DISTRIBUTION = """
variable "open" {}
resource "aws_s3_bucket" "media" { bucket = "acme-product-media" }
resource "aws_cloudfront_origin_access_control" "media" {
  name                              = "media"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "%s"
  signing_protocol                  = "sigv4"
}
resource "aws_cloudfront_distribution" "media" {
  origin {
    origin_id                = "media"
    domain_name              = aws_s3_bucket.media.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.media.id
  }
  default_cache_behavior {
    target_origin_id   = "media"
    trusted_key_groups = ["signers"]
  }
  %s
}
"""
GROUP = """
  origin_group {
    origin_id = "both"
    failover_criteria { status_codes = [500] }
    member { origin_id = "media" }
    member { origin_id = "spare" }
  }
  ordered_cache_behavior {
    path_pattern       = "hot/*"
    target_origin_id   = "both"
    trusted_key_groups = %s
  }
"""
DYNAMIC = """
  dynamic "ordered_cache_behavior" {
    for_each = var.open
    content {
      path_pattern     = ordered_cache_behavior.value
      target_origin_id = "media"
    }
  }
"""


@pytest.mark.parametrize(
    ("signing", "more", "verdict", "words"),
    [
        ("always", "", Verdict.PASS, ""),
        ("no-override", "", Verdict.PASS, ""),
        ("never", "", Verdict.FAIL, "never signs"),
        ("${var.open}", "", Verdict.UNKNOWN, "could not be resolved"),
        ("always", GROUP % '["signers"]', Verdict.PASS, ""),
        ("always", GROUP % "[]", Verdict.FAIL, "behaviour 'hot/*'"),
        ("always", DYNAMIC, Verdict.UNKNOWN, "a cache behaviour could not be resolved"),
    ],
)
def test_every_way_to_a_media_origin_is_seen(tmp_path: Path, signing: str, more: str, verdict: Verdict, words: str):
    """Through an origin group, by a behaviour that isn't known, and past an access control that signs nothing."""
    (tmp_path / "main.tf").write_text(DISTRIBUTION % (signing, more), encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    outcome = judged(graph, "cdn-media-gated")
    assert outcome.verdict is verdict
    assert words in outcome.message


TENANTS = """
resource "aws_s3_bucket" "media" { bucket = "acme-product-media" }
resource "aws_cloudfront_multitenant_distribution" "media" {
  enabled = true
  origin {
    id                       = "media"
    domain_name              = aws_s3_bucket.media.bucket_regional_domain_name
    s3_origin_config { origin_access_identity = "origin-access-identity/cloudfront/E1" }
  }
  default_cache_behavior {
    target_origin_id = "media"
    trusted_key_groups {
      enabled = true
      items   = ["signers"]
    }
  }
  cache_behavior {
    path_pattern     = "open/*"
    target_origin_id = "media"
    %s
  }
}
"""


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ("", Verdict.FAIL),
        ('trusted_key_groups {\n enabled = false\n items = ["signers"]\n }', Verdict.FAIL),
        ('trusted_key_groups {\n enabled = true\n items = ["signers"]\n }', Verdict.PASS),
        ('trusted_key_groups = ["signers"]', Verdict.PASS),
        ('lambda_function_association {\n event_type = "origin-request"\n lambda_function_arn = "arn:x"\n }', Verdict.PASS),
    ],
)
def test_a_distribution_for_several_tenants_is_one(tmp_path: Path, gate: str, verdict: Verdict):
    """Terraform has a resource of its own for it, which wasn't looked at: in templates it is a distribution as any."""
    (tmp_path / "main.tf").write_text(TENANTS % gate, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert judged(graph, "cdn-media-gated").verdict is verdict


@pytest.mark.parametrize(
    ("key", "usage"),
    [("aws_kms_key", "SIGN_VERIFY"), ("aws_kms_external_key", "SIGN_VERIFY"), ("aws_kms_replica_external_key", "")],
)
def test_a_key_whose_material_is_imported_is_a_key(tmp_path: Path, key: str, usage: str):
    """One that anybody may sign with passed for none."""
    told = f'key_usage = "{usage}"' if usage else 'primary_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1"'
    (tmp_path / "main.tf").write_text(
        f"""
resource "{key}" "signing" {{
  {told}
  policy = jsonencode({{ Statement = [{{ Effect = "Allow", Principal = "*", Action = "kms:Sign", Resource = "*" }}] }})
}}
""",
        encoding="utf-8",
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert judged(graph, "signing-key-fit").verdict is Verdict.FAIL


ORIGINS = """
variable "id" {}
resource "random_id" "x" {}
resource "aws_s3_bucket" "media" { bucket = "acme-product-media" }
resource "aws_s3_bucket" "photos" { bucket = "acme-photos" }
resource "aws_cloudfront_distribution" "media" {
  origin {
    origin_id                = %s
    domain_name              = aws_s3_bucket.media.bucket_regional_domain_name
    s3_origin_config { origin_access_identity = "origin-access-identity/cloudfront/E1" }
  }
  origin {
    origin_id                = %s
    domain_name              = aws_s3_bucket.photos.bucket_regional_domain_name
    s3_origin_config { origin_access_identity = "origin-access-identity/cloudfront/E1" }
  }
  default_cache_behavior {
    target_origin_id   = %s
    trusted_key_groups = ["signers"]
  }
  ordered_cache_behavior {
    path_pattern     = "open/*"
    target_origin_id = %s
  }
}
"""


@pytest.mark.parametrize(
    ("first", "second", "target", "verdict"),
    [
        ('"media-${random_id.x.hex}"', '"photos-${random_id.x.hex}"', '"media-${random_id.x.hex}"', Verdict.FAIL),
        ('"media-${var.id}"', '"photos-${var.id}"', '"media-${var.id}"', Verdict.FAIL),
        ('"media-${var.id}"', '"photos"', '"elsewhere"', Verdict.UNKNOWN),
        ("md5(var.id)", '"photos"', '"media"', Verdict.UNKNOWN),
        ('"media"', '"photos"', "var.id", Verdict.UNKNOWN),
        ('"media"', '"photos"', '"elsewhere"', Verdict.PASS),
    ],
)
def test_origins_whose_ids_are_not_known_are_each_asked(tmp_path: Path, first: str, second: str, target: str, verdict: Verdict):
    """Two of them were one, the last; a behaviour that leads to the first without a gate passed."""
    text = ORIGINS % (first, second, second, target)
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert judged(graph, "cdn-media-gated").verdict is verdict


def test_behaviours_of_a_template_that_are_not_known_are_no_pass(tmp_path: Path):
    """The same for what a parameter brings."""
    signed = {"OriginAccessIdentity": "origin-access-identity/cloudfront/E1"}
    origin = {"Id": "media", "DomainName": {"Fn::GetAtt": ["Media", "RegionalDomainName"]}, "S3OriginConfig": signed}
    config = {"Origins": [origin], "DefaultCacheBehavior": {"TargetOriginId": "media", "TrustedKeyGroups": ["signers"]}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-product-media"}}
    for behaviours, verdict in (({"Ref": "Nowhere"}, Verdict.UNKNOWN), ([], Verdict.PASS)):
        properties = {"DistributionConfig": {**config, "CacheBehaviors": behaviours}}
        distribution = {"Type": "AWS::CloudFront::Distribution", "Properties": properties}
        assert of_template(tmp_path, "cdn-media-gated", Media=bucket, Distribution=distribution).verdict is verdict


@pytest.mark.parametrize(
    "maker",
    [
        {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://acme.s3.amazonaws.com/edge.yaml"}},
        {"Type": "Custom::AccessControl", "Properties": {"ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:make"}},
    ],
)
def test_what_makes_an_access_control_is_none(tmp_path: Path, maker: dict[str, object]):
    """A stack or a custom resource that gives one out may make one that never signs; it was taken for one that does."""
    output = {"Fn::GetAtt": ["Maker", "Outputs.Control"]}
    origin = {
        "Id": "media",
        "DomainName": {"Fn::GetAtt": ["Media", "RegionalDomainName"]},
        "OriginAccessControlId": output,
        "S3OriginConfig": {},
    }
    config = {"Origins": [origin], "DefaultCacheBehavior": {"TargetOriginId": "media", "TrustedKeyGroups": ["signers"]}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-product-media"}}
    distribution = {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}}
    found = of_template(tmp_path, "cdn-media-gated", Media=bucket, Distribution=distribution, Maker=maker)
    assert (found.verdict, "whether the access control Maker signs" in found.message) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("field", "verdict"),
    [
        ({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::acme-product-media/"]}, Verdict.PASS),
        ({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::"]}, Verdict.PASS),
        ({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::/"]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "StartsWith": [""]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "NotStartsWith": [""]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "EndsWith": [".jpg"]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "NotEndsWith": [".jpg"]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::acme-product-media/public/"]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::acme-logs/"]}, Verdict.PASS),
        ({"Field": "eventName", "StartsWith": ["Delete"]}, Verdict.FAIL),
        ({"Field": "eventName", "StartsWith": ["Get", "Put"]}, Verdict.UNKNOWN),
        ({"Field": "eventName", "StartsWith": ["Get", "Put", "Copy", "Complete"]}, Verdict.PASS),
        ({"Field": "eventName", "Equals": ["GetObject", "DeleteObject"]}, Verdict.FAIL),
        ({"Field": "eventName", "NotEquals": ["GetObject"]}, Verdict.FAIL),
        ({"Field": "eventName", "NotEquals": ["HeadObject"]}, Verdict.PASS),
        ({"Field": "eventName", "NotEquals": [{"Ref": "Nowhere"}]}, Verdict.UNKNOWN),
        ({"Field": "resources.ARN", "NotStartsWith": ["arn:aws-us-gov:s3:::acme-product-media/"]}, Verdict.FAIL),
        ({"Field": "resources.ARN", "NotStartsWith": ["arn:aws-us-gov:s3:::acme-logs/"]}, Verdict.PASS),
        ({"Field": "userIdentity.arn", "StartsWith": ["arn:aws:iam::123456789012:role/x"]}, Verdict.FAIL),
        ({"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:sts::123456789012:assumed-role/scan"]}, Verdict.PASS),
    ],
)
def test_a_selector_that_picks_some_accesses_is_no_log_of_all(tmp_path: Path, field: dict[str, Any], verdict: Verdict):
    """By every operator of an advanced selector, on objects, operations and callers."""
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}, field]
    trail = {"Type": "AWS::CloudTrail::Trail", "Properties": {"IsLogging": True, "AdvancedEventSelectors": [{"FieldSelectors": fields}]}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-product-media"}}
    assert of_template(tmp_path, "media-access-logged", Media=bucket, Trail=trail).verdict is verdict


@pytest.mark.parametrize(("taking", "verdict"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_an_event_data_store_that_takes_nothing_in_logs_nothing(tmp_path: Path, taking: bool, verdict: Verdict):
    """``IngestionEnabled`` (``suspend`` in Terraform) is to a store what ``IsLogging`` is to a trail."""
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]
    properties = {"IngestionEnabled": taking, "AdvancedEventSelectors": [{"FieldSelectors": fields}]}
    store = {"Type": "AWS::CloudTrail::EventDataStore", "Properties": properties}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-product-media"}}
    assert of_template(tmp_path, "media-access-logged", Media=bucket, Store=store).verdict is verdict
    (tmp_path / "main.tf").write_text(
        f"""
resource "aws_s3_bucket" "media" {{ bucket = "acme-product-media" }}
resource "aws_cloudtrail_event_data_store" "all" {{
  suspend = {str(not taking).lower()}
  advanced_event_selector {{
    field_selector {{
      field  = "eventCategory"
      equals = ["Data"]
    }}
    field_selector {{
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    (graph,) = TerraformSurface().graphs(tmp_path)
    assert judged(graph, "media-access-logged").verdict is verdict


def of_terraform(tmp_path: Path, rule_id: str, text: str) -> Outcome:
    (tmp_path / "main.tf").write_text(text, encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return judged(graph, rule_id)


TOLD: dict[str, Any] = {
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "a@acme.example"},
    },
}


def alarm(**dimensions: str) -> dict[str, Any]:
    listed = [{"Name": "BucketName", "Value": {"Ref": "Uploads"}}, *({"Name": key, "Value": value} for key, value in dimensions.items())]
    properties = {"AlarmName": "uploads", "Namespace": "AWS/S3", "MetricName": "PutRequests", "Dimensions": listed}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {**properties, "AlarmActions": [{"Ref": "Topic"}]}}


@pytest.mark.parametrize(
    ("dimensions", "verdict"),
    [({"FilterId": "all"}, Verdict.PASS), ({"FilterId": "EntireBucket"}, Verdict.FAIL), ({}, Verdict.FAIL)],
)
def test_request_metrics_are_sent_under_the_id_of_their_configuration(tmp_path: Path, dimensions: dict[str, str], verdict: Verdict):
    """An alarm that looks under another id, or under none, waits for data that never comes."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads", "MetricsConfigurations": [{"Id": "all"}]}}
    outcome = of_template(tmp_path, "upload-anomaly-alarm", Uploads=bucket, Alarm=alarm(**dimensions), **TOLD)
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "never fires" in outcome.message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MetricName": "GetRequests"}, "GetRequests isn't about uploads"),
        ({"MetricName": "BytesDownloaded"}, "BytesDownloaded isn't about uploads"),
        ({"ComparisonOperator": "LessThanThreshold"}, "the alarm on PutRequests goes off when there is less of it"),
        ({"MetricName": "BytesUploaded", "ComparisonOperator": "GreaterThanThreshold"}, ""),
    ],
)
def test_an_alarm_on_uploads_goes_off_when_there_are_many(tmp_path: Path, settings: dict[str, str], message: str):
    """One on what is read, or on fewer uploads than a threshold, stays silent through a flood of them."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-uploads", "MetricsConfigurations": [{"Id": "all"}]}}
    watch = alarm(FilterId="all")
    watch["Properties"] |= settings
    outcome = of_template(tmp_path, "upload-anomaly-alarm", Uploads=bucket, Alarm=watch, **TOLD)
    assert outcome.verdict is (Verdict.FAIL if message else Verdict.PASS)
    assert message in outcome.message


def endpoint(target: dict[str, Any]) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    scalable = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/detector/variant/AllTraffic", "MinCapacity": 1, "MaxCapacity": 4}
    return {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointName": "detector", "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {**scalable, **target}},
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {"PolicyName": "p", "ScalingTargetId": {"Ref": "Target"}},
        },
    }


@pytest.mark.parametrize(
    ("target", "verdict", "words"),
    [
        ({}, Verdict.PASS, ""),
        ({"MaxCapacity": {"Ref": "Nowhere"}}, Verdict.UNKNOWN, "could not be resolved"),
        ({"SuspendedState": {"DynamicScalingOutSuspended": True}}, Verdict.FAIL, "is suspended"),
        ({"SuspendedState": {"DynamicScalingOutSuspended": False}}, Verdict.PASS, ""),
        ({"SuspendedState": {"DynamicScalingInSuspended": True}}, Verdict.PASS, ""),
        ({"SuspendedState": {"DynamicScalingOutSuspended": {"Ref": "Nowhere"}}}, Verdict.UNKNOWN, "could not be resolved"),
    ],
)
def test_a_target_that_can_t_move_scales_nothing(tmp_path: Path, target: dict[str, Any], verdict: Verdict, words: str):
    """Suspended, or with a capacity that nobody knows."""
    outcome = of_template(tmp_path, "detector-endpoint-scaled", **endpoint(target))
    assert outcome.verdict is verdict
    assert words in outcome.message


SCALED = """
resource "aws_sagemaker_endpoint_configuration" "detector" {
  production_variants {
    variant_name           = "AllTraffic"
    model_name             = "m"
    instance_type          = "ml.m5.xlarge"
    initial_instance_count = 1
  }
}
resource "aws_sagemaker_endpoint" "detector" {
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector.name
}
resource "aws_appautoscaling_target" "detector" {
  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.detector.name}/variant/AllTraffic"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = 1
  max_capacity       = 4
  %s
}
"""
BY_SCHEDULE = """
resource "aws_appautoscaling_scheduled_action" "day" {
  name               = "day"
  service_namespace  = "sagemaker"
  resource_id        = aws_appautoscaling_target.%s.resource_id
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  schedule           = "cron(0 8 * * ? *)"
}
"""
SUSPENDED = "suspended_state {\n dynamic_scaling_out_suspended = true\n }"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (SCALED % "" + BY_SCHEDULE % "detector", Verdict.PASS),
        (SCALED % "" + BY_SCHEDULE % "other", Verdict.FAIL),
        (SCALED % "", Verdict.FAIL),
        (SCALED % SUSPENDED + BY_SCHEDULE % "detector", Verdict.FAIL),
    ],
)
def test_scheduled_actions_of_terraform_move_their_target(tmp_path: Path, text: str, verdict: Verdict):
    """CloudFormation keeps them inside of the target, Terraform in a resource of their own."""
    assert of_terraform(tmp_path, "detector-endpoint-scaled", text).verdict is verdict


ALARM_NAMES = frozenset({"uploads", "${Alarm.Ref}"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('ALARM("uploads")', True),
        ("ALARM(uploads)", True),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:uploads)", True),
        ('ALARM("${Alarm.Ref}") OR OK("other")', True),
        ("(ALARM(other) OR (ALARM(uploads)))", True),
        ("ALARM(other) AND OK(more) OR ALARM(uploads)", True),
        ("ALARM(uploads) AND TRUE", True),
        ("NOT OK(uploads)", True),
        ("ALARM(uploads) AND ALARM(other)", None),
        ("ALARM(uploads) AND NOT ALARM(deployment)", None),
        ("ALARM(other) AND (OK(more) OR ALARM(uploads))", None),
        ("NOT ALARM(uploads)", False),
        ("OK(uploads)", False),
        ("INSUFFICIENT_DATA(uploads)", False),
        ("ALARM(uploads) AND FALSE", False),
        ('ALARM("uploads-of-others")', False),
        ("TRUE", False),  # it never goes off, since it always is
        ("TRUE OR ALARM(uploads)", False),
        ("ALARM(uploads) OR OK(uploads)", False),
    ],
)
def test_an_alarm_sets_off_what_looks_at_it(rule: str, expected: bool | None):
    """AND binds more closely than OR, NOT more closely than both (CloudWatch's PutCompositeAlarm, AlarmRule)."""
    assert goes_off(rule, ALARM_NAMES) is expected


@pytest.mark.parametrize(
    "rule", ["", "ALARM(uploads", "ALARM(uploads) ALARM(other)", "ALARM(uploads) OR", "uploads", "(" * 5_000, "NOT " * 5_000]
)
def test_what_is_no_rule_is_refused(rule: str):
    """It is told as such, whatever its length."""
    with pytest.raises(ValueError, match=r"."):
        goes_off(rule, ALARM_NAMES)


WATCHED = """\
resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}
resource "aws_cloudwatch_metric_alarm" "uploads" {
  namespace   = "Acme/Uploads"
  metric_name = "Count"
  alarm_name  = "uploads"
}
resource "aws_sns_topic" "on_call" {
  name = "on-call"
}
resource "aws_sns_topic_subscription" "on_call" {
  topic_arn = aws_sns_topic.on_call.arn
  protocol  = "https"
  endpoint  = "https://pager.acme.example/hook"
}
"""
TELL = "alarm_actions = [aws_sns_topic.on_call.arn]"


def composite(name: str, rule: str, rest: str = "") -> str:
    return f'resource "aws_cloudwatch_composite_alarm" "{name}" {{\n  alarm_name = "{name}"\n  alarm_rule = {rule}\n  {rest}\n}}\n'


def suppressed(alarm: str) -> str:
    return f"{TELL}\n  actions_suppressor {{\n    alarm = {alarm}\n    wait_period = 60\n    extension_period = 60\n  }}"


OVER = '"ALARM(${aws_cloudwatch_metric_alarm.uploads.alarm_name})"'


@pytest.mark.parametrize(
    ("above", "verdict", "says"),
    [
        (composite("media", OVER, TELL), Verdict.PASS, ""),
        (composite("media", '"ALARM(${aws_cloudwatch_metric_alarm.uploads.arn})"', TELL), Verdict.PASS, ""),
        (composite("media", OVER) + composite("all", '"ALARM(media)"', TELL), Verdict.PASS, ""),
        (composite("media", OVER) + composite("all", '"ALARM(media) OR ALARM(all)"'), Verdict.FAIL, "tells nobody"),
        (composite("media", OVER, f"{TELL}\n  actions_enabled = false"), Verdict.FAIL, "tells nobody"),
        (composite("media", '"ALARM(backlog)"', TELL), Verdict.FAIL, "tells nobody"),
        (
            "".join(composite(f"c{n}", '"ALARM(backlog) OR ALARM(${var.which})"', TELL) for n in range(40)),
            Verdict.UNKNOWN,
            "not be resolved",
        ),
        ("".join(composite(f"c{n}", OVER.replace('"ALARM', '"ALARM(x) AND ALARM'), TELL) for n in range(40)), Verdict.UNKNOWN, "hangs on"),
        (composite("open", '"ALARM(${var.which})"', TELL) + composite("media", OVER, TELL), Verdict.PASS, ""),
        (composite("media", '"ALARM(${var.which})"', TELL), Verdict.UNKNOWN, "could not be resolved"),
        (composite("media", "var.rule", TELL), Verdict.UNKNOWN, "could not be resolved"),
        (composite("media", '"ALARM(uploads"', TELL), Verdict.UNKNOWN, "could not be read"),
        (composite("media", OVER, suppressed("aws_cloudwatch_metric_alarm.uploads.alarm_name")), Verdict.FAIL, "tells nobody"),
        (composite("media", OVER, suppressed('"works"')), Verdict.UNKNOWN, "which tells of it, doesn't while 'works' is in ALARM"),
        (composite("a", OVER) + composite("b", '"ALARM(a)"', suppressed('"a"')), Verdict.FAIL, "tells nobody"),
        (composite("media", OVER, suppressed('"works"')) + composite("all", '"ALARM(media)"', TELL), Verdict.PASS, ""),
        (composite("media", OVER, suppressed("var.which")), Verdict.UNKNOWN, "could not be resolved"),
    ],
)
def test_an_alarm_is_heard_through_those_above_it(tmp_path: Path, above: str, verdict: Verdict, says: str):
    """By name, by ARN, over several steps; and it isn't where what stands above is quiet, looks elsewhere or can't be told."""
    variables = 'variable "which" {}\nvariable "rule" {}\n' if "var." in above else ""
    told = of_terraform(tmp_path, "upload-anomaly-alarm", WATCHED + above + variables)
    assert told.verdict is verdict
    assert says in told.message


KEY_OF_OTHERS = """
resource "aws_kms_key" "signing" {
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = "arn:aws:iam::444455556666:root" }, Resource = "*", %s }]
  })
}
"""


@pytest.mark.parametrize(
    ("allowed", "verdict"),
    [
        ('Action = ["kms:CreateGrant", "kms:DescribeKey"]', Verdict.FAIL),
        ('Action = "kms:PutKeyPolicy"', Verdict.FAIL),
        ('Action = ["kms:GetPublicKey", "kms:Verify", "kms:RevokeGrant"]', Verdict.PASS),
        ('Action = "kms:CreateGrant", Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }', Verdict.PASS),
        ('Action = "kms:CreateGrant", Condition = { BoolIfExists = { "kms:GrantIsForAWSResource" = "true" } }', Verdict.FAIL),
        ('Action = "kms:CreateGrant", Condition = { Bool = { "kms:GrantIsForAWSResource" = "false" } }', Verdict.FAIL),
        ('Action = "kms:CreateGrant", Condition = { "ForAllValues:StringEquals" = { "kms:GrantOperations" = ["Verify"] } }', Verdict.PASS),
        (
            'Action = "kms:CreateGrant", Condition = { "ForAllValues:StringEquals" = { "kms:GrantOperations" = ["Verify", "Sign"] } }',
            Verdict.FAIL,
        ),
        ('Action = "kms:CreateGrant", Condition = { "ForAnyValue:StringEquals" = { "kms:GrantOperations" = ["Verify"] } }', Verdict.FAIL),
        ('Action = "kms:CreateGrant", Condition = { StringLike = { "kms:GranteePrincipal" = "arn:aws:iam::*:role/x" } }', Verdict.UNKNOWN),
    ],
)
def test_who_can_let_himself_sign_may_sign(tmp_path: Path, allowed: str, verdict: Verdict):
    """An outside account that may grant the key's use, or change its policy, is one step away from signing."""
    assert of_terraform(tmp_path, "signing-key-fit", KEY_OF_OTHERS % allowed).verdict is verdict


def test_who_holds_a_grant_passes_on_no_more_than_it_holds(tmp_path: Path):
    """A grant of Verify and CreateGrant lets nobody sign."""
    grant = 'resource "aws_kms_grant" "x" {\n key_id = aws_kms_key.signing.key_id\n grantee_principal = "arn:aws:iam::444455556666:root"\n operations = [%s]\n}\n'
    key = KEY_OF_OTHERS % 'Action = "kms:Verify"'
    assert of_terraform(tmp_path, "signing-key-fit", key + grant % '"Verify", "CreateGrant"').verdict is Verdict.PASS
    assert of_terraform(tmp_path, "signing-key-fit", key + grant % '"Sign", "CreateGrant"').verdict is Verdict.FAIL


@pytest.mark.parametrize("written", ["text", "jsonencode"])
def test_a_runbook_finds_its_role_in_an_instance_with_a_key(tmp_path: Path, written: str):
    """The quotes of the key ended the role's name: whatever was wrong with it, the runbook's role was said not to be there."""
    cases = Path(__file__).resolve().parents[2] / "policies" / "rules" / "isolation_runbook_present" / "cases"
    text = (cases / "full_access.fail" / "main.tf").read_text(encoding="utf-8")
    if written == "jsonencode":
        steps = '[{ name = "close", action = "aws:executeAwsApi", inputs = { Service = "s3", Api = "PutPublicAccessBlock" } }]'
        encoded = f'jsonencode({{ schemaVersion = "0.3", assumeRole = aws_iam_role.isolate.arn, mainSteps = {steps} }})'
        text = f"{text[: text.index('<<-DOC')]}{encoded}\n}}\n"
    (tmp_path / "runbook").mkdir()
    (tmp_path / "runbook" / "main.tf").write_text(text, encoding="utf-8")
    outcome = of_terraform(tmp_path, "isolation-runbook-present", 'module "x" {\n  source   = "./runbook"\n  for_each = toset(["eu"])\n}\n')
    assert outcome.verdict is Verdict.FAIL
