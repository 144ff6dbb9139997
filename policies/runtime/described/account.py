"""The account's own settings: AWS Config itself, roles of identity pools, subscriptions, alarms on alarms, access controls of the CDN."""

from __future__ import annotations

from collections.abc import Iterator

from averment.policies.runtime.described.ask import Ask, Item, answer_or_none, without
from averment.policies.surfaces.config.items import capitalised, decoded

_ACCOUNT_OF = 4
"""The place in an ARN of the account whose it is."""


def config_rules(ask: Ask) -> Iterator[Item]:
    """Rules of AWS Config."""
    for rule in ask.pages("config", "describe_config_rules", "ConfigRules"):
        configuration = {**without(rule), "InputParameters": decoded(rule.get("InputParameters"))}
        yield ask.item("AWS::Config::ConfigRule", rule["ConfigRuleName"], rule["ConfigRuleArn"], configuration)


def conformance_packs(ask: Ask) -> Iterator[Item]:
    """Conformance packs."""
    for pack in ask.pages("config", "describe_conformance_packs", "ConformancePackDetails"):
        name = pack["ConformancePackName"]
        configuration = {"ConformancePackName": name, "DeliveryS3Bucket": pack.get("DeliveryS3Bucket")}
        yield ask.item("AWS::Config::ConformancePack", name, pack["ConformancePackArn"], configuration)


def recorders(ask: Ask) -> Iterator[Item]:
    """Configuration recorders, whether each is on, and how it last went; one that a service of AWS keeps for itself tells rules of nothing."""
    listed = ask.pages("config", "describe_configuration_recorder_status", "ConfigurationRecordersStatus")
    statuses = {status["name"]: status for status in listed if not status.get("servicePrincipal")}
    for recorder in ask.pages("config", "describe_configuration_recorders", "ConfigurationRecorders"):
        if recorder.get("servicePrincipal"):
            continue
        name = recorder["name"]
        configuration = {
            "Name": name,
            "RoleARN": recorder.get("roleARN"),
            "RecordingGroup": capitalised(recorder.get("recordingGroup")),
            "RecordingMode": capitalised(recorder.get("recordingMode")),
            "Recording": statuses.get(name, {}).get("recording") is True,
            "LastStatus": statuses.get(name, {}).get("lastStatus"),
            "LastErrorCode": statuses.get(name, {}).get("lastErrorCode"),
        }
        arn = recorder.get("arn") or ask.arn("config", f"config-recorder/{name}")
        yield ask.item("AWS::Config::ConfigurationRecorder", name, arn, configuration)


def delivery_channels(ask: Ask) -> Iterator[Item]:
    """Where AWS Config delivers."""
    for channel in ask.pages("config", "describe_delivery_channels", "DeliveryChannels"):
        configuration = {"Name": channel["name"], "S3BucketName": channel.get("s3BucketName")}
        arn = ask.arn("config", f"delivery-channel/{channel['name']}")
        yield ask.item("AWS::Config::DeliveryChannel", channel["name"], arn, configuration)


def composite_alarms(ask: Ask) -> Iterator[Item]:
    """Alarms on other alarms."""
    for alarm in ask.pages("cloudwatch", "describe_alarms", "CompositeAlarms", AlarmTypes=["CompositeAlarm"]):
        wanted = ("AlarmName", "AlarmRule", "ActionsEnabled", "AlarmActions", "ActionsSuppressor")
        configuration = {key: alarm.get(key) for key in wanted}
        yield ask.item("AWS::CloudWatch::CompositeAlarm", alarm["AlarmName"], alarm["AlarmArn"], configuration)


def origin_access_controls(ask: Ask) -> Iterator[Item]:
    """How CloudFront signs what it asks origins for; none in a partition without CloudFront."""
    for control in ask.pages("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Items"):
        identity = control["Id"]
        wanted = ("Name", "OriginAccessControlOriginType", "SigningBehavior", "SigningProtocol")
        configuration = {"Id": identity, "OriginAccessControlConfig": {key: control.get(key) for key in wanted}}
        arn = f"arn:{ask.partition}:cloudfront::{ask.account}:origin-access-control/{identity}"
        yield ask.item("AWS::CloudFront::OriginAccessControl", identity, arn, configuration)


def identity_pool_roles(ask: Ask) -> Iterator[Item]:
    """The roles that identity pools hand out."""
    for pool in ask.pages("cognito-identity", "list_identity_pools", "IdentityPools", MaxResults=60):
        identity = pool["IdentityPoolId"]
        roles = ask.client("cognito-identity").get_identity_pool_roles(IdentityPoolId=identity).get("Roles") or {}
        arn = ask.arn("cognito-identity", f"identitypool/{identity}#roles")
        configuration = {"IdentityPoolId": identity, "Roles": roles}
        yield ask.item("AWS::Cognito::IdentityPoolRoleAttachment", identity, arn, configuration)


def subscriptions(ask: Ask) -> Iterator[Item]:
    """Who subscribes to the topics of this account, and of what each hears. One that isn't confirmed yet tells nobody."""
    for found in ask.pages("sns", "list_subscriptions", "Subscriptions"):
        arn = found["SubscriptionArn"]
        if not arn.startswith("arn:"):
            continue
        configuration = {key: found.get(key) for key in ("TopicArn", "Protocol", "Endpoint")}
        if configuration["TopicArn"].split(":")[_ACCOUNT_OF] == ask.account:  # nothing is asked of what is another account's
            told = answer_or_none(ask.client("sns").get_subscription_attributes, "NotFound", SubscriptionArn=arn)
            if told is None:  # it was taken back since it was listed
                continue
            configuration |= {key: told["Attributes"].get(key) for key in ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")}
        yield ask.item("AWS::SNS::Subscription", arn, arn, configuration)
