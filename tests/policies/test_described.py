"""What AWS Config doesn't record, asked of the services: items, facts beside items, bounds, and the permissions that it takes.

The services are botocore's own clients whose calls are answered before they leave; requests and answers are held to the services'
models. Origin of the answers: written for these tests in the shapes of those models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.validate import ParamValidator

from averment.core.errors import IncompleteError
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Reference, Unknown
from averment.policies.interface import Context, Kind
from averment.policies.rules.registry import all_rules, rule
from averment.policies.rules.takers import reads
from averment.policies.runtime.described import ask as ask_module
from averment.policies.runtime.described.added import ADDITIONS
from averment.policies.runtime.described.ask import Ask
from averment.policies.runtime.described.table import DESCRIBED, ELSEWHERE
from averment.policies.runtime.evaluate import Evaluator
from averment.policies.runtime.neighbours import ConfigNeighbours, MemoryNeighbours
from averment.policies.runtime.permissions import INVENTORY, REPORTING, permissions
from averment.policies.surfaces.config.surface import graph_from_items
from averment.policies.surfaces.config.types import RECORDINGS, Origin

OWN, PLACE, NOW = "123456789012", "eu-west-1", "2026-11-20T10:00:00Z"
Answer = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]] | Exception


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{PLACE}:{OWN}:{rest}"


class Services:
    """Clients whose operations have the given answers (by service and operation); what was called is kept. The last one made answers."""

    now: ClassVar[Services]

    def __init__(self, answers: Mapping[str, Mapping[str, Answer]]) -> None:
        self.answers = answers
        self.called: list[tuple[str, str]] = []
        Services.now = self

    @staticmethod
    @cache
    def client(service: str) -> Any:
        name, _, region = service.partition("/")
        found = boto3.client(name, region_name=region or PLACE, aws_access_key_id="x", aws_secret_access_key="x")
        found.meta.events.register("before-parameter-build.*", lambda params, context, **_: context.update(sent=dict(params)))
        found.meta.events.register("before-call.*", lambda model, context, **_: Services.now._answer(name, model, context["sent"]))
        return found

    def _answer(self, service: str, model: Any, sent: Mapping[str, Any]) -> tuple[Any, Any]:
        self.called.append((service, model.name))
        answer = self.answers.get(service, {}).get(model.name)
        if answer is None:
            raise AssertionError(f"nobody expected {service}:{model.name}")
        if isinstance(answer, Exception):
            raise answer
        value = answer(sent) if callable(answer) else answer
        report = ParamValidator().validate(dict(value), model.output_shape)
        assert not report.has_errors(), report.generate_report()
        return type("Http", (), {"status_code": 200})(), dict(value)

    def source(self) -> ConfigNeighbours:
        return ConfigNeighbours(self.client("config"), account_id=OWN, connect=self.client)


def _subscription(asked: str) -> Mapping[str, Any]:
    """What SNS says of one subscription of this account: one was taken back meanwhile."""
    if asked != arn("sns", "on-call:1"):
        raise ClientError({"Error": {"Code": "NotFound", "Message": "Subscription does not exist"}}, "GetSubscriptionAttributes")
    return {"Attributes": {"FilterPolicy": '{"kind": ["media"]}', "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "true"}}


def _pipe(asked: str) -> Mapping[str, Any]:
    """What EventBridge says of a pipe: another was taken back meanwhile."""
    if asked != "scan":
        raise ClientError({"Error": {"Code": "NotFoundException", "Message": "Pipe gone does not exist."}}, "DescribePipe")
    criteria = {"Filters": [{"Pattern": '{"body": {"kind": ["media"]}}'}]}
    return {**PIPED, "DesiredState": "STOPPED", "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}, "FilterCriteria": criteria}}


def _controls(signing: Mapping[str, str]) -> Mapping[str, Any]:
    """The access controls of origins: by id, when each signs."""
    rest = {"Description": "", "Name": "media", "SigningProtocol": "sigv4", "OriginAccessControlOriginType": "s3"}
    found = [{"Id": identity, "SigningBehavior": behaviour, **rest} for identity, behaviour in signing.items()]
    page = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(found)}
    return {"OriginAccessControlList": {**page, "Items": found}}


REST = {
    "apigateway": {
        "GetRestApis": {
            "items": [
                {
                    "id": "r1",
                    "name": "shop",
                    "tags": {"team": "trust"},
                    "policy": '{\\"Statement\\":[{\\"Effect\\":\\"Deny\\"}]}',  # with backslashes, as API Gateway gives it
                    "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-0a1b"]},
                }
            ]
        },
        "GetResources": {
            "items": [
                {"id": "root", "path": "/"},
                {
                    "id": "up",
                    "path": "/uploads",
                    "resourceMethods": {
                        "POST": {
                            "httpMethod": "POST",
                            "authorizationType": "NONE",
                            "apiKeyRequired": True,
                            "methodIntegration": {
                                "type": "AWS_PROXY",
                                "httpMethod": "POST",
                                "uri": f"arn:aws:apigateway:{PLACE}:lambda:path/2015-03-31/functions/{arn('lambda', 'function:presign')}/invocations",
                            },
                        }
                    },
                },
            ]
        },
    }
}
HTTP = {
    "apigatewayv2": {
        "GetApis": {"Items": [{"ApiId": "h1", "Name": "shop", "ProtocolType": "HTTP", "RouteSelectionExpression": "$request.method"}]},
        "GetRoutes": {"Items": [{"RouteId": "x", "RouteKey": "POST /uploads", "AuthorizationType": "JWT", "Target": "integrations/i1"}]},
        "GetIntegrations": {
            "Items": [{"IntegrationId": "i1", "IntegrationType": "AWS_PROXY", "IntegrationUri": arn("lambda", "function:presign")}]
        },
    }
}
GRAPHQL = {
    "appsync": {
        "ListGraphqlApis": {"graphqlApis": [{"apiId": "g1", "name": "shop", "authenticationType": "API_KEY", "visibility": "GLOBAL"}]},
        "ListDataSources": {
            "dataSources": [
                {"name": "presign", "type": "AWS_LAMBDA", "lambdaConfig": {"lambdaFunctionArn": arn("lambda", "function:presign")}}
            ]
        },
    }
}
FUNCTIONS = {
    "lambda": {
        "ListFunctions": {
            "Functions": [
                {
                    "FunctionName": "scan",
                    "FunctionArn": arn("lambda", "function:scan"),
                    "Environment": {"Variables": {"ENDPOINT": "detector"}},
                },
                {"FunctionName": "plain", "FunctionArn": arn("lambda", "function:plain")},
            ]
        },
        "ListFunctionUrlConfigs": lambda sent: {
            "FunctionUrlConfigs": [
                {
                    "FunctionUrl": "https://abcdefghij.lambda-url.eu-west-1.on.aws/",
                    "FunctionArn": arn("lambda", "function:scan"),
                    "CreationTime": NOW,
                    "LastModifiedTime": NOW,
                    "AuthType": "NONE",
                }
            ]
            if sent["FunctionName"] == "scan"
            else []
        },
        "ListEventSourceMappings": {
            "EventSourceMappings": [
                {
                    "UUID": "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
                    "EventSourceArn": arn("sqs", "scan"),
                    "FunctionArn": arn("lambda", "function:scan"),
                    "State": "Disabled",
                    "FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["media"]}}'}]},
                }
            ]
        },
        "ListFunctionEventInvokeConfigs": lambda sent: {
            "FunctionEventInvokeConfigs": [
                {
                    "FunctionArn": f"{arn('lambda', 'function:scan')}:$LATEST",
                    "DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "dead")}},
                }
            ]
            if sent["FunctionName"] == "scan"
            else []
        },
    }
}
SAGEMAKER = {
    "sagemaker": {
        "ListEndpoints": {
            "Endpoints": [
                {
                    "EndpointName": "detector",
                    "EndpointArn": arn("sagemaker", "endpoint/detector"),
                    "CreationTime": NOW,
                    "LastModifiedTime": NOW,
                    "EndpointStatus": "InService",
                }
            ]
        },
        "DescribeEndpoint": lambda sent: {
            "EndpointName": sent["EndpointName"],
            "EndpointArn": arn("sagemaker", "endpoint/detector"),
            "EndpointConfigName": "detector-v3",
            "EndpointStatus": "InService",
            "CreationTime": NOW,
            "LastModifiedTime": NOW,
        },
        "ListEndpointConfigs": {
            "EndpointConfigs": [
                {
                    "EndpointConfigName": "detector-v3",
                    "EndpointConfigArn": arn("sagemaker", "endpoint-config/detector-v3"),
                    "CreationTime": NOW,
                }
            ]
        },
        "DescribeEndpointConfig": {
            "EndpointConfigName": "detector-v3",
            "EndpointConfigArn": arn("sagemaker", "endpoint-config/detector-v3"),
            "ProductionVariants": [
                {"VariantName": "main", "ModelName": "detector", "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
            ],
            "CreationTime": NOW,
        },
        "ListInferenceComponents": {
            "InferenceComponents": [
                {
                    "CreationTime": NOW,
                    "InferenceComponentArn": arn("sagemaker", "inference-component/a"),
                    "InferenceComponentName": "a",
                    "EndpointArn": arn("sagemaker", "endpoint/detector"),
                    "EndpointName": "detector",
                    "VariantName": "main",
                    "LastModifiedTime": NOW,
                }
            ]
        },
    }
}
_VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/detector/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
SCALING = {
    "application-autoscaling": {
        "DescribeScalableTargets": {
            "ScalableTargets": [{**_VARIANT, "MinCapacity": 1, "MaxCapacity": 4, "RoleARN": "r", "CreationTime": NOW}]
        },
        "DescribeScheduledActions": {
            "ScheduledActions": [
                {
                    **_VARIANT,
                    "ScheduledActionName": "night",
                    "ScheduledActionARN": "a",
                    "Schedule": "cron(0 2 * * ? *)",
                    "CreationTime": NOW,
                }
            ]
        },
        "DescribeScalingPolicies": {
            "ScalingPolicies": [
                {
                    **_VARIANT,
                    "PolicyARN": arn("autoscaling", "scalingPolicy:p"),
                    "PolicyName": "p",
                    "PolicyType": "TargetTrackingScaling",
                    "CreationTime": NOW,
                }
            ]
        },
    }
}
_NOTIFICATION = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0, "ThresholdType": "PERCENTAGE"}
COSTS = {
    "budgets": {
        "DescribeBudgets": lambda sent: {
            "Budgets": [
                {
                    "BudgetName": "inference",
                    "TimeUnit": "MONTHLY",
                    "BudgetType": "COST",
                    "CostFilters": {"Service": ["Amazon SageMaker"]},
                    "CalculatedSpend": {"ActualSpend": {"Amount": "1", "Unit": "USD"}},
                    **(
                        {"FilterExpression": {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon SageMaker"]}}}
                        if sent.get("ShowFilterExpression")  # AWS leaves it out otherwise
                        else {}
                    ),
                }
            ]
        },
        "DescribeNotificationsForBudget": {"Notifications": [_NOTIFICATION]},
        "DescribeSubscribersForNotification": {"Subscribers": [{"SubscriptionType": "EMAIL", "Address": "on-call@acme.example"}]},
    },
    "cloudwatch": {
        "DescribeAlarms": {
            "CompositeAlarms": [
                {
                    "AlarmName": "media",
                    "AlarmArn": arn("cloudwatch", "alarm:media"),
                    "AlarmRule": 'ALARM("uploads")',
                    "ActionsEnabled": True,
                    "AlarmActions": [arn("sns", "on-call")],
                    "ActionsSuppressor": "works",
                    "StateValue": "OK",
                }
            ]
        },
    },
    "ce": {
        "GetAnomalyMonitors": {
            "AnomalyMonitors": [
                {
                    "MonitorArn": "arn:aws:ce::123456789012:anomalymonitor/m",
                    "MonitorName": "services",
                    "MonitorType": "DIMENSIONAL",
                    "MonitorDimension": "SERVICE",
                }
            ]
        },
        "GetAnomalySubscriptions": {
            "AnomalySubscriptions": [
                {
                    "SubscriptionArn": "arn:aws:ce::123456789012:anomalysubscription/s",
                    "MonitorArnList": ["arn:aws:ce::123456789012:anomalymonitor/m"],
                    "Subscribers": [{"Address": "on-call@acme.example", "Type": "EMAIL"}],
                    "Frequency": "DAILY",
                    "SubscriptionName": "anomalies",
                }
            ]
        },
    },
}
PIPED = {"Name": "scan", "Arn": arn("pipes", "pipe/scan"), "Source": arn("sqs", "scan"), "Target": arn("lambda", "function:scan")}
PIPES = {
    "pipes": {
        "ListPipes": {"Pipes": [PIPED, {**PIPED, "Name": "gone"}]},
        "DescribePipe": lambda sent: _pipe(sent["Name"]),
    }
}
FACES = {
    "rekognition": {
        "ListCollections": {"CollectionIds": ["staff"], "FaceModelVersions": ["7.0"]},
        "ListStreamProcessors": {"StreamProcessors": [{"Name": "door", "Status": "RUNNING"}]},
        "DescribeStreamProcessor": {"Name": "door", "Settings": {"FaceSearch": {"CollectionId": "staff", "FaceMatchThreshold": 90.0}}},
    },
    "bedrock": {
        "ListProvisionedModelThroughputs": {
            "provisionedModelSummaries": [
                {
                    "provisionedModelName": "caption",
                    "provisionedModelArn": arn("bedrock", "provisioned-model/abcdefghij12"),
                    "modelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x.y-v1",
                    "desiredModelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x.y-v1",
                    "foundationModelArn": "arn:aws:bedrock:eu-west-1::foundation-model/x.y-v1",
                    "modelUnits": 1,
                    "desiredModelUnits": 1,
                    "status": "InService",
                    "creationTime": NOW,
                    "lastModifiedTime": NOW,
                }
            ]
        }
    },
}
ACCOUNT = {
    "config": {
        "DescribeConfigRules": {
            "ConfigRules": [
                {
                    "ConfigRuleName": "averment",
                    "ConfigRuleArn": arn("config", "config-rule/config-rule-x"),
                    "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": "f"},
                    "InputParameters": '{"rule": "signing-key-fit"}',
                }
            ]
        },
        "DescribeConformancePacks": {
            "ConformancePackDetails": [
                {"ConformancePackName": "p", "ConformancePackArn": arn("config", "conformance-pack/p/x"), "ConformancePackId": "x"}
            ]
        },
        "DescribeConfigurationRecorders": {
            "ConfigurationRecorders": [
                {"name": "default", "roleARN": "r", "recordingGroup": {"allSupported": False, "resourceTypes": ["AWS::S3::Bucket"]}}
            ]
        },
        "DescribeConfigurationRecorderStatus": {
            "ConfigurationRecordersStatus": [
                {"name": "default", "recording": False, "lastStatus": "Failure", "lastErrorCode": "AccessDenied"}
            ]
        },
        "DescribeDeliveryChannels": {"DeliveryChannels": [{"name": "default", "s3BucketName": "acme-config"}]},
    },
    "cloudfront": {
        "ListOriginAccessControls": _controls({"E3OAC": "never"}),
    },
    "cognito-identity": {
        "ListIdentityPools": {"IdentityPools": [{"IdentityPoolId": "eu-west-1:0a1b", "IdentityPoolName": "shop"}]},
        "GetIdentityPoolRoles": {"IdentityPoolId": "eu-west-1:0a1b", "Roles": {"unauthenticated": f"arn:aws:iam::{OWN}:role/guest"}},
    },
    "sns": {
        "ListSubscriptions": {
            "Subscriptions": [
                {
                    "SubscriptionArn": arn("sns", "on-call:1"),
                    "TopicArn": arn("sns", "on-call"),
                    "Protocol": "email",
                    "Endpoint": "a@acme.example",
                },
                {
                    "SubscriptionArn": "PendingConfirmation",
                    "TopicArn": arn("sns", "on-call"),
                    "Protocol": "email",
                    "Endpoint": "b@acme.example",
                },
            ]
        },
        "GetSubscriptionAttributes": lambda sent: _subscription(sent["SubscriptionArn"]),
    },
}
OBJECT_LAMBDA = {
    "s3control": {
        "ListAccessPoints": {"AccessPointList": [{"Name": "uploads", "NetworkOrigin": "Internet", "Bucket": "acme-uploads"}]},
        "ListAccessPointsForObjectLambda": {
            "ObjectLambdaAccessPointList": [
                {"Name": "thumbnails", "ObjectLambdaAccessPointArn": arn("s3-object-lambda", "accesspoint/thumbnails")}
            ]
        },
        "GetAccessPointConfigurationForObjectLambda": {
            "Configuration": {
                "SupportingAccessPoint": arn("s3", "accesspoint/uploads"),
                "TransformationConfigurations": [
                    {"Actions": ["GetObject"], "ContentTransformation": {"AwsLambda": {"FunctionArn": arn("lambda", "function:scale")}}}
                ],
            }
        },
        "GetAccessPointPolicyForObjectLambda": {"Policy": '{"Statement": [{"Effect": "Allow"}]}'},
    }
}
ANSWERS: dict[str, Mapping[str, Answer]] = {  # type: ignore[assignment]
    **REST,
    **HTTP,
    **GRAPHQL,
    **FUNCTIONS,
    **SAGEMAKER,
    **SCALING,
    **COSTS,
    **FACES,
    **PIPES,
    **ACCOUNT,
    **OBJECT_LAMBDA,
}

EXPECTED: dict[str, dict[tuple[str | int, ...], Any]] = {
    "AWS::ApiGateway::Method": {
        ("HttpMethod",): "POST",
        ("Path",): "/uploads",
        ("AuthorizationType",): "NONE",
        ("ApiKeyRequired",): True,
        ("RestApiId",): Reference("r1", "Arn"),
        ("Integration", "IntegrationHttpMethod"): "POST",
    },
    "AWS::ApiGateway::RestApi": {
        ("Name",): "shop",
        ("EndpointConfiguration", "Types"): ["PRIVATE"],
        ("Policy", "Statement", 0, "Effect"): "Deny",
    },
    "AWS::ApiGatewayV2::Api": {("ProtocolType",): "HTTP"},
    "AWS::ApiGatewayV2::Integration": {("IntegrationUri",): arn("lambda", "function:presign")},
    "AWS::ApiGatewayV2::Route": {("RouteKey",): "POST /uploads", ("Target",): Reference("integrations/i1", "Arn")},
    "AWS::AppSync::DataSource": {("LambdaConfig", "LambdaFunctionArn"): arn("lambda", "function:presign")},
    "AWS::AppSync::GraphQLApi": {("AuthenticationType",): "API_KEY", ("Visibility",): "GLOBAL"},
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        ("ResourceId",): "endpoint/detector/variant/main",
        ("MaxCapacity",): 4,
        ("ScheduledActions", 0, "ScheduledActionName"): "night",
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {("ResourceId",): "endpoint/detector/variant/main"},
    "AWS::Bedrock::ProvisionedModelThroughput": {("ProvisionedModelName",): "caption"},
    "AWS::Budgets::Budget": {
        ("Budget", "CostFilters", "Service"): ["Amazon SageMaker"],
        ("Budget", "FilterExpression", "Dimensions", "Key"): "SERVICE",
        ("NotificationsWithSubscribers", 0, "Subscribers", 0, "SubscriptionType"): "EMAIL",
    },
    "AWS::CE::AnomalyMonitor": {("MonitorName",): "services"},
    "AWS::CE::AnomalySubscription": {
        ("Subscribers", 0, "Type"): "EMAIL",
        ("MonitorArnList", 0): Reference("arn:aws:ce::123456789012:anomalymonitor/m", "Arn"),
    },
    "AWS::CloudFront::OriginAccessControl": {("OriginAccessControlConfig", "SigningBehavior"): "never", ("Id",): "E3OAC"},
    "AWS::CloudWatch::CompositeAlarm": {
        ("AlarmRule",): 'ALARM("uploads")',
        ("AlarmActions", 0): arn("sns", "on-call"),
        ("ActionsSuppressor",): "works",
    },
    "AWS::Cognito::IdentityPoolRoleAttachment": {("Roles", "unauthenticated"): Reference(f"arn:aws:iam::{OWN}:role/guest", "Arn")},
    "AWS::Config::ConfigRule": {("InputParameters", "rule"): "signing-key-fit"},
    "AWS::Config::ConfigurationRecorder": {
        ("Recording",): False,
        ("LastStatus",): "Failure",
        ("LastErrorCode",): "AccessDenied",
        ("RecordingGroup", "ResourceTypes"): ["AWS::S3::Bucket"],
    },
    "AWS::Config::ConformancePack": {("ConformancePackName",): "p"},
    "AWS::Config::DeliveryChannel": {("S3BucketName",): "acme-config"},
    "AWS::Lambda::EventInvokeConfig": {("DestinationConfig", "OnFailure", "Destination"): arn("sqs", "dead")},
    "AWS::Lambda::EventSourceMapping": {
        ("FunctionName",): arn("lambda", "function:scan"),
        ("Enabled",): False,
        ("FilterCriteria", "Filters", 0, "Pattern"): '{"body": {"kind": ["media"]}}',
    },
    "AWS::Lambda::Url": {
        ("AuthType",): "NONE",
        ("TargetFunctionArn",): arn("lambda", "function:scan"),
        ("FunctionUrl",): "https://abcdefghij.lambda-url.eu-west-1.on.aws/",
    },
    "AWS::Pipes::Pipe": {
        ("Target",): arn("lambda", "function:scan"),
        ("DesiredState",): "STOPPED",
        ("SourceParameters", "FilterCriteria", "Filters", 0, "Pattern"): '{"body": {"kind": ["media"]}}',
    },
    "AWS::Rekognition::Collection": {("CollectionId",): "staff"},
    "AWS::Rekognition::StreamProcessor": {("FaceSearchSettings", "CollectionId"): "staff"},
    "AWS::S3ObjectLambda::AccessPoint": {
        ("Name",): "thumbnails",
        ("ObjectLambdaConfiguration", "SupportingAccessPoint"): arn("s3", "accesspoint/uploads"),
    },
    "AWS::S3ObjectLambda::AccessPointPolicy": {
        ("ObjectLambdaAccessPoint",): "thumbnails",
        ("PolicyDocument", "Statement", 0, "Effect"): "Allow",
    },
    "AWS::SNS::Subscription": {("Endpoint",): "a@acme.example", ("FilterPolicy",): '{"kind": ["media"]}', ("RawMessageDelivery",): True},
    "AWS::SageMaker::Endpoint": {("EndpointConfigName",): "detector-v3"},
    "AWS::SageMaker::EndpointConfig": {("ProductionVariants", 0, "InstanceType"): "ml.m5.xlarge"},
    "AWS::SageMaker::InferenceComponent": {("EndpointName",): "detector"},
}

_ACTIONS = {
    ("s3", "ListBucketMetricsConfigurations"): "s3:GetMetricsConfiguration",
}
_PREFIXES = {"s3control": "s3"}
_WHOLE = {"apigateway": "apigateway:GET", "apigatewayv2": "apigateway:GET", "budgets": "budgets:ViewBudget"}


def actions(called: list[tuple[str, str]]) -> set[str]:
    """The IAM actions of what was called, where they aren't the operation's name (Service Authorization Reference)."""
    return {_WHOLE.get(service) or _ACTIONS.get((service, name)) or f"{_PREFIXES.get(service, service)}:{name}" for service, name in called}


@pytest.mark.parametrize("kind", DESCRIBED)
def test_a_type_is_asked_of_its_service_with_the_permissions_of_the_table(kind: str):
    """Each item can be read, has what rules ask for, and took no other action than the table of permissions declares."""
    services = Services(ANSWERS)
    (item,) = services.source().items(kind)
    graph = graph_from_items([item])
    assert graph.problems == []
    (resource,) = graph
    for path, value in EXPECTED[kind].items():
        assert resource.get(*path) == value, path
    assert actions(services.called) == set(DESCRIBED[kind].actions)
    name = next(name for name, entry in RECORDINGS.items() if kind in entry.held_in)
    assert resource.type == name


def test_every_type_that_is_asked_for_is_in_the_tables():
    """The describers, their permissions and the table of types speak of the same types."""
    asked = {owner for entry in RECORDINGS.values() if entry.origin is Origin.SERVICE for owner in entry.held_in}
    assert asked == set(DESCRIBED), "policies/runtime/described/table.py has each type that config/types.py says is asked of its service"
    assert asked == set(EXPECTED), "EXPECTED in this file says what is read of each"


def _behaviour(**more: Any) -> dict[str, Any]:
    return {"TargetOriginId": "media", "ViewerProtocolPolicy": "https-only", **more}


def _distribution(bucket: str, gate: str | None = None) -> dict[str, Any]:
    """A distribution as ListDistributions has it: lists wrapped, and without what only its configuration says."""
    associated = [{"EventType": "viewer-request", "FunctionARN": f"arn:aws:cloudfront::{OWN}:function/{gate}"}] if gate else []
    origin = {
        "Id": "media",
        "DomainName": f"{bucket}.s3.{PLACE}.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": "E1",
    }
    rest: dict[str, Any] = {
        "Status": "Deployed",
        "LastModifiedTime": NOW,
        "DomainName": "d1.cloudfront.net",
        "Aliases": {"Quantity": 0},
        "CacheBehaviors": {"Quantity": 0},
        "CustomErrorResponses": {"Quantity": 0},
        "Comment": "",
        "PriceClass": "PriceClass_All",
        "Enabled": True,
        "ViewerCertificate": {},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "Staging": False,
    }
    return {
        "Id": "E2",
        "ARN": f"arn:aws:cloudfront::{OWN}:distribution/E2",
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": _behaviour(FunctionAssociations={"Quantity": len(associated), "Items": associated}),
        **rest,
    }


def _listed(*distributions: dict[str, Any]) -> dict[str, Any]:
    rest = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": len(distributions)}
    return {"DistributionList": {**rest, **({"Items": list(distributions)} if distributions else {})}}


_READS: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def _inline() -> list[dict[str, Any]]:
    return [{"PolicyName": "media", "PolicyDocument": json.dumps(_READS)}]  # made anew: botocore puts the document in place of its text


_ATTACHED = [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
ACCOUNT_WIDE: dict[str, Mapping[str, Answer]] = {
    "cloudfront": {"ListDistributions": _listed(_distribution("acme-media", "gate"))},
    "iam": {
        "GetAccountAuthorizationDetails": lambda sent: {
            "Role": {
                "RoleDetailList": [
                    {
                        "Path": "/",
                        "RoleName": "scanner",
                        "RoleId": "AROA1234567890ABCDEFG",
                        "Arn": f"arn:aws:iam::{OWN}:role/scanner",
                        "AssumeRolePolicyDocument": json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*"}]}),
                        "RolePolicyList": _inline(),
                        "AttachedManagedPolicies": _ATTACHED,
                    }
                ]
            },
            "User": {
                "UserDetailList": [
                    {
                        "UserName": "anna",
                        "UserId": "AIDA1234567890ABCDEFG",
                        "Arn": f"arn:aws:iam::{OWN}:user/anna",
                        "GroupList": ["media"],
                    }
                ]
            },
            "Group": {
                "GroupDetailList": [
                    {
                        "GroupName": "media",
                        "GroupId": "AGPA1234567890ABCDEFG",
                        "Arn": f"arn:aws:iam::{OWN}:group/media",
                        "GroupPolicyList": _inline(),
                    }
                ]
            },
            "LocalManagedPolicy": {
                "Policies": [
                    {
                        "PolicyName": "media",
                        "PolicyId": "ANPA1234567890ABCDEFG",
                        "Arn": f"arn:aws:iam::{OWN}:policy/media",
                        "PolicyVersionList": [
                            {"Document": json.dumps(_READS), "VersionId": "v2", "IsDefaultVersion": True},
                            {"Document": "{}", "VersionId": "v1", "IsDefaultVersion": False},
                        ],
                    }
                ]
            },
        }[sent["Filter"][0]]
    },
}
READ_ELSEWHERE: dict[str, dict[tuple[str | int, ...], Any]] = {
    "AWS::CloudFront::Distribution": {
        ("DistributionConfig", "Origins", 0, "Id"): "media",
        ("DistributionConfig", "DefaultCacheBehavior", "FunctionAssociations", 0, "EventType"): "viewer-request",
    },
    "AWS::IAM::Role": {
        ("RoleName",): "scanner",
        ("AssumeRolePolicyDocument", "Statement", 0, "Principal"): "*",
        ("Policies", 0, "PolicyDocument", "Statement", 0, "Action"): "s3:GetObject",
        ("ManagedPolicyArns",): ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    },
    "AWS::IAM::User": {("UserName",): "anna", ("Policies",): [], ("ManagedPolicyArns",): [], ("Groups",): ["media"]},
    "AWS::IAM::Group": {("GroupName",): "media", ("Policies", 0, "PolicyName"): "media", ("ManagedPolicyArns",): []},
    "AWS::IAM::Policy": {("ManagedPolicyName",): "media", ("PolicyDocument", "Statement", 0, "Action"): "s3:GetObject"},
}


def _at(place: str, cloud: Mapping[str, Mapping[str, Answer]]) -> tuple[Services, ConfigNeighbours]:
    """Services in a region whose AWS Config has nothing."""
    services = Services({"config": {"ListDiscoveredResources": {"resourceIdentifiers": []}}, **cloud})
    config = services.client(f"config/{place}")
    return services, ConfigNeighbours(config, account_id=OWN, connect=lambda service: services.client(f"{service}/{place}"))


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_recorded_in_other_regions_is_asked_of_its_service(kind: str):
    """In Zurich AWS Config has neither distributions nor IAM; what hung on them could not be checked, for good."""
    services, source = _at("eu-central-2", ACCOUNT_WIDE)
    (item,) = source.items(kind)
    graph = graph_from_items([item])
    assert graph.problems == []
    (resource,) = graph
    for path, value in READ_ELSEWHERE[kind].items():
        assert resource.get(*path) == value, path
    assert {f"{service}:{name}" for service, name in services.called if service != "config"} == set(ELSEWHERE[kind].actions)
    assert set(ELSEWHERE) == set(READ_ELSEWHERE)


def _refused(_sent: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListDistributions")


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (_listed(), Verdict.PASS, ""),
        (_listed(_distribution("acme-published")), Verdict.PASS, ""),
        (_listed(_distribution("acme-uploads", "gate")), Verdict.FAIL, "is origin 'media' of"),
        (_refused, Verdict.UNKNOWN, "could not check"),
        (EndpointConnectionError(endpoint_url="https://cloudfront.amazonaws.com"), Verdict.UNKNOWN, "could not check"),
    ],
)
def test_a_quarantine_is_judged_beside_the_distributions_in_its_own_region(answer: Answer, verdict: Verdict, said: str):
    """AWS Config has distributions in us-east-1 alone: in every other region the rule could never say that nobody is served."""
    _, source = _at(PLACE, {"cloudfront": {"ListDistributions": answer}})
    (entry,) = [entry for entry in _judged("quarantine-not-served", source) if entry.resource_type == "AWS::S3::Bucket"]
    assert (entry.verdict, said in entry.annotation) == (verdict, True), entry.annotation


@pytest.mark.parametrize(("gate", "verdict"), [("gate", Verdict.PASS), (None, Verdict.FAIL)])
def test_a_distribution_is_judged_where_its_bucket_is(gate: str | None, verdict: Verdict):
    """In us-east-1, where distributions are recorded, nobody knows the tags of a bucket in Ireland."""
    served = {"ListDistributions": _listed(_distribution("acme-uploads", gate)), "ListOriginAccessControls": _controls({"E1": "always"})}
    _, source = _at(PLACE, {"cloudfront": served})
    assert [entry.verdict for entry in _judged("cdn-media-gated", source)] == [verdict]


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (_controls({"E0": "never", "E1": "no-override"}), Verdict.PASS, ""),
        (_controls({"E1": "never"}), Verdict.FAIL, "never signs"),
        (_controls({"E0": "always"}), Verdict.UNKNOWN, "E1 signs: CloudFront lists none of that id"),
        (_refused, Verdict.UNKNOWN, "whether the access control E1 signs: could not list"),
    ],
)
def test_whether_an_access_control_signs_is_asked_of_cloudfront(answer: Answer, verdict: Verdict, said: str):
    """AWS Config records none: one that never signs, which leaves the bucket open to everybody, passed once deployed."""
    served = {"ListDistributions": _listed(_distribution("acme-uploads", "gate")), "ListOriginAccessControls": answer}
    _, source = _at(PLACE, {"cloudfront": served})
    (entry,) = _judged("cdn-media-gated", source)
    assert (entry.verdict, said in entry.annotation) == (verdict, True), entry.annotation


@pytest.mark.parametrize("place", ["us-gov-west-1", "eusc-de-east-1"])
def test_in_a_partition_without_cloudfront_there_are_no_distributions(place: str):
    gone = EndpointConnectionError(endpoint_url=f"https://cloudfront.{place}.amazonaws.com")
    _, source = _at(place, {"cloudfront": {"ListDistributions": gone}})
    assert source.items("AWS::CloudFront::Distribution") == []
    assert [entry.verdict for entry in _judged("quarantine-not-served", source)] == [Verdict.PASS]


@pytest.mark.parametrize("place", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1", "eu-isoe-west-1", "eu-central-2"])
def test_iam_is_everywhere(place: str):
    """No roles because nobody answered would let pass what hangs on them; botocore's older list has no IAM in the sovereign cloud."""
    gone = EndpointConnectionError(endpoint_url="https://iam.example")
    _, source = _at(place, {"iam": {"GetAccountAuthorizationDetails": gone}})
    with pytest.raises(EndpointConnectionError):
        list(ELSEWHERE["AWS::IAM::Role"].ask(source._ask))


@pytest.mark.parametrize(
    ("service", "place", "there"),
    [
        ("appsync", "us-gov-west-1", False),
        ("budgets", "eusc-de-east-1", True),
        ("budgets", "cn-north-1", True),
        ("rekognition", "cn-north-1", False),
        ("rekognition", "us-gov-west-1", True),
        ("s3", "eusc-de-east-1", True),
    ],
)
def test_a_service_is_where_its_places_or_its_rules_for_endpoints_say(service: str, place: str, there: bool):
    gone = EndpointConnectionError(endpoint_url="https://example")

    class Client:
        meta = Services.client("s3").meta

        def can_paginate(self, _operation: str) -> bool:
            return False

        def ask(self) -> None:
            raise gone

    ask = Ask(connect=lambda _service: Client(), region=place, identify=lambda: OWN)
    if there:
        with pytest.raises(EndpointConnectionError):
            ask.pages(service, "ask", "Items")
    else:
        assert ask.pages(service, "ask", "Items") == []


@pytest.mark.parametrize(("service", "operation"), [("budgets", "DescribeBudgets"), ("ce", "GetAnomalyMonitors")])
def test_in_govcloud_costs_are_watched_elsewhere(service: str, operation: str):
    """That none are watched would be a finding which nobody there can mend."""
    kind = {"budgets": "AWS::Budgets::Budget", "ce": "AWS::CE::AnomalyMonitor"}[service]
    gone = EndpointConnectionError(endpoint_url=f"https://{service}.us-gov-west-1.amazonaws.com")
    _, source = _at("us-gov-west-1", {service: {operation: gone}})
    with pytest.raises(IncompleteError, match=f"{service} is not in aws-us-gov, whose costs are watched in the account that pays"):
        source.items(kind)


def test_where_cloudfront_should_answer_silence_is_not_none():
    """China has one of its own."""
    gone = EndpointConnectionError(endpoint_url="https://cloudfront.cn-northwest-1.amazonaws.com.cn")
    _, source = _at("cn-north-1", {"cloudfront": {"ListDistributions": gone}})
    with pytest.raises(IncompleteError, match="list AWS::CloudFront::Distribution"):
        source.items("AWS::CloudFront::Distribution")


def _judged(rule_id: str, source: ConfigNeighbours) -> list[Any]:
    """The evaluations of a rule on a quarantine bucket, with what CloudFront has by ``source`` and nothing else around it."""
    case = Path(__file__).resolve().parents[2] / "policies" / "rules" / "quarantine_not_served" / "cases" / "no_access_block.pass"
    items = json.loads((case / "config.json").read_text(encoding="utf-8"))["configurationItems"]
    (bucket,) = ({**item, "tags": {"data-class": "ugc"}} for item in items if item["resourceId"] == "acme-uploads")

    class Around(MemoryNeighbours):
        def items(self, resource_type: str) -> Any:
            return source.items(resource_type) if resource_type.startswith("AWS::CloudFront::") else super().items(resource_type)

    return list(Evaluator(rule(rule_id), Around([bucket]), Scope((OWN,)), {}, OWN).every())


def test_a_listing_is_fetched_once():
    """Methods and APIs, URLs and functions come from the same listings; an account's quota is shared."""
    services = Services(ANSWERS)
    source = services.source()
    for kind in ("AWS::ApiGateway::RestApi", "AWS::ApiGateway::Method", "AWS::Lambda::Url", "AWS::Lambda::EventInvokeConfig"):
        source.items(kind)
        source.items(kind)
    assert services.called.count(("apigateway", "GetRestApis")) == 1
    assert services.called.count(("lambda", "ListFunctions")) == 1


@pytest.mark.parametrize(("place", "there"), [("eu-north-1", False), ("eu-west-1", True)])
def test_of_a_service_that_a_region_has_not_there_is_nothing(place: str, there: bool):
    """Rekognition isn't everywhere: in Stockholm nobody answers, and what hangs on collections could not be checked for ever."""
    services = Services(
        {"rekognition": {"ListCollections": EndpointConnectionError(endpoint_url=f"https://rekognition.{place}.amazonaws.com")}}
    )
    source = ConfigNeighbours(
        services.client("config"), region=place, account_id=OWN, connect=lambda service: services.client(f"{service}/{place}")
    )
    if there:
        with pytest.raises(IncompleteError, match="list AWS::Rekognition::Collection"):
            source.items("AWS::Rekognition::Collection")
    else:
        assert source.items("AWS::Rekognition::Collection") == []


def test_links_lead_from_route_to_function_and_from_subscription_to_monitor():
    """Ids and ARNs become links where what they name was read."""
    source = Services(ANSWERS).source()
    kinds = (
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Integration",
        "AWS::CE::AnomalySubscription",
        "AWS::CE::AnomalyMonitor",
        "AWS::ApiGateway::Method",
        "AWS::ApiGateway::RestApi",
    )
    graph = graph_from_items([item for kind in kinds for item in source.items(kind)])

    def follow(kind: str, *path: str | int) -> Any:
        return graph.target(next(graph.of_type(kind)).get(*path))

    assert follow("AWS::ApiGatewayV2::Route", "Target").get("IntegrationUri") == arn("lambda", "function:presign")
    assert follow("AWS::CE::AnomalySubscription", "MonitorArnList", 0).get("MonitorName") == "services"
    assert follow("AWS::ApiGateway::Method", "RestApiId").get("Name") == "shop"


def test_an_object_lambda_access_point_without_a_policy_has_none():
    """S3's word for it is an error; any other error is one."""
    none = ClientError({"Error": {"Code": "NoSuchAccessPointPolicy", "Message": "none"}}, "GetAccessPointPolicyForObjectLambda")

    def source(error: Exception) -> ConfigNeighbours:
        return Services({"s3control": {**OBJECT_LAMBDA["s3control"], "GetAccessPointPolicyForObjectLambda": error}}).source()

    assert source(none).items("AWS::S3ObjectLambda::AccessPointPolicy") == []
    with pytest.raises(IncompleteError, match="AccessDenied") as caught:
        source(DENIED).items("AWS::S3ObjectLambda::AccessPointPolicy")
    assert "allow TheOperation" in (caught.value.fix or "")


def test_subscriptions_to_anothers_topic_are_known_without_their_filters():
    """Another account's topic may not tell; one that was taken back between two calls isn't there."""
    theirs = "arn:aws:sns:eu-west-1:999999999999:theirs"
    listed = [
        (theirs, "2", "c@acme.example"),
        (arn("sns", "on-call"), "1", "a@acme.example"),
        (arn("sns", "on-call"), "gone", "d@acme.example"),
    ]
    told = [{"SubscriptionArn": f"{topic}:{part}", "TopicArn": topic, "Protocol": "email", "Endpoint": end} for topic, part, end in listed]
    answers = {"sns": {**ANSWERS["sns"], "ListSubscriptions": {"Subscriptions": told}}}
    found = Services(answers).source().items("AWS::SNS::Subscription")
    assert [item["configuration"]["Endpoint"] for item in found] == ["c@acme.example", "a@acme.example"]
    assert "FilterPolicy" not in found[0]["configuration"]


def _denied(message: str, operation: str = "ListStreamProcessors") -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation)


def test_function_urls_are_none_in_a_region_that_has_none():
    """Lambda denies their list in Zurich, Spain, Tel Aviv and others that have no function URLs: no API there could be checked."""
    functions = {"ListFunctions": {"Functions": [{"FunctionName": "issue", "FunctionArn": arn("lambda", "function:issue")}]}}

    def urls(message: str) -> Any:
        answers: dict[str, Answer] = {**functions, "ListFunctionUrlConfigs": _denied(message, "ListFunctionUrlConfigs")}
        return Services({"lambda": answers}).source().items("AWS::Lambda::Url")

    for spelt in ("authorized", "authorised"):
        assert urls(f"Unable to determine service/operation name to be {spelt}") == []
    with pytest.raises(IncompleteError, match="not authorized to perform"):
        urls("User: arn:aws:iam::123456789012:user/x is not authorized to perform: lambda:ListFunctionUrlConfigs")


def test_stream_processors_are_none_where_rekognition_has_none():
    """It denies their list, without a word, in regions that have it without them, and AWS has closed them to new customers: the rule on face search
    could not be checked there, whatever was allowed. What IAM denies is no answer."""
    kind, faces = "AWS::Rekognition::StreamProcessor", {"ListCollections": {"CollectionIds": []}}
    services = Services({"rekognition": faces})
    assert services.source().items(kind) == []
    assert services.called == [("rekognition", "ListCollections")]
    some: dict[str, Answer] = {"ListCollections": {"CollectionIds": ["staff"]}}
    assert Services({"rekognition": {**some, "ListStreamProcessors": _denied("")}}).source().items(kind) == []
    lacking = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: rekognition:ListStreamProcessors"
    with pytest.raises(IncompleteError, match="not authorized to perform"):
        Services({"rekognition": {**some, "ListStreamProcessors": _denied(lacking)}}).source().items(kind)


def test_without_access_points_nobody_asks_for_those_of_object_lambda():
    """An account that AWS doesn't let use Object Lambda isn't asked about it as long as there is nothing that it could stand before."""
    services = Services({"s3control": {"ListAccessPoints": {"AccessPointList": []}}})
    source = services.source()
    for kind in ("AWS::S3ObjectLambda::AccessPoint", "AWS::S3ObjectLambda::AccessPointPolicy"):
        assert source.items(kind) == []
    assert services.called == [("s3control", "ListAccessPoints")]


@pytest.mark.parametrize(
    ("service", "operation", "key", "answer"),
    [
        ("ce", "GetAnomalyMonitors", "AnomalyMonitors", {"AnomalyMonitors": [], "NextPageToken": "2"}),
        (
            "cloudfront",
            "ListOriginAccessControls",
            "OriginAccessControlList.Items",
            {"OriginAccessControlList": {"Marker": "", "NextMarker": "2", "MaxItems": 100, "IsTruncated": True, "Quantity": 0}},
        ),
    ],
)
def test_pages_that_an_older_boto3_cannot_ask_for_are_not_taken_for_none(
    service: str, operation: str, key: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
):
    """botocore 1.35 has no paginator for these: what stood on the second page wasn't there for the function, whose runtime brings its own boto3."""
    found, name = Services({service: {operation: answer}}).client(service), xform_name(operation)
    monkeypatch.setattr(found, "can_paginate", lambda _: False)
    ask = Ask(connect=lambda _service: found, region=PLACE, identify=lambda: OWN)
    with pytest.raises(IncompleteError, match=f"{service} has further pages of {name}"):
        ask.pages(service, name, key)


def test_more_than_can_be_read_is_refused(monkeypatch: pytest.MonkeyPatch):
    """A listing without end isn't cut in silence."""
    monkeypatch.setattr(ask_module, "MAX_RESOURCES", 0)
    with pytest.raises(IncompleteError, match="lists more than 0 entries"):
        Services(ANSWERS).source().items("AWS::SNS::Subscription")


DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "TheOperation")


def recorded(kind: str, where: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {"resourceType": kind, "resourceId": "x", "arn": where, "configurationItemStatus": "OK", "configuration": dict(configuration)}


ADDED_TO: dict[str, tuple[dict[str, Any], Mapping[str, Mapping[str, Answer]], dict[tuple[str | int, ...], Any]]] = {
    "AWS::CloudFront::Distribution": (
        recorded(
            "AWS::CloudFront::Distribution",
            f"arn:aws:cloudfront::{OWN}:distribution/E2",
            {
                "distributionConfig": {
                    "origins": {
                        "quantity": 2,
                        "items": [
                            {"id": "a", "domainName": "acme-stuff.s3.eu-west-1.amazonaws.com"},
                            {"id": "b", "domainName": "api.acme.example"},
                        ],
                    },
                    "defaultCacheBehavior": {"targetOriginId": "a"},
                    "cacheBehaviors": {"quantity": 0},
                }
            },
        ),
        {"s3": {"GetBucketTagging": {"TagSet": [{"Key": "data-class", "Value": "ugc"}]}}},
        {("OriginTags", "acme-stuff", 0, "Value"): "ugc"},
    ),
    "AWS::CloudTrail::Trail": (
        recorded("AWS::CloudTrail::Trail", arn("cloudtrail", "trail/all"), {"name": "all", "hasCustomEventSelectors": True}),
        {
            "cloudtrail": {
                "GetEventSelectors": {"TrailARN": "t", "EventSelectors": [{"ReadWriteType": "All", "DataResources": []}]},
                "GetTrailStatus": {"IsLogging": False},
            }
        },
        {("EventSelectors", 0, "ReadWriteType"): "All", ("IsLogging",): False, ("AdvancedEventSelectors",): None},
    ),
    "AWS::DynamoDB::Table": (
        recorded("AWS::DynamoDB::Table", arn("dynamodb", "table/faces"), {"tableName": "faces"}),
        {"dynamodb": {"DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}}}},
        {("TimeToLiveSpecification", "Enabled"): True},
    ),
    "AWS::KMS::Key": (
        recorded("AWS::KMS::Key", arn("kms", "key/1"), {"keyId": "1", "keyUsage": "SIGN_VERIFY"}),
        {
            "kms": {
                "ListGrants": {
                    "Grants": [
                        {"GrantId": "g", "GranteePrincipal": "arn:aws:iam::444455556666:role/x", "Operations": ["Sign", "Verify"]},
                        {"GrantId": "s", "GranteePrincipal": "signer.amazonaws.com", "Operations": ["Sign"]},
                    ]
                }
            }
        },
        {
            ("Grants", 0, "Statement", 0, "Action"): ["kms:Sign", "kms:Verify"],
            ("Grants", 0, "Statement", 0, "Principal"): {"AWS": "arn:aws:iam::444455556666:role/x"},
            ("Grants", 1, "Statement", 0, "Principal"): {"Service": "signer.amazonaws.com"},
        },
    ),
    "AWS::Lambda::Function": (
        recorded("AWS::Lambda::Function", arn("lambda", "function:scan"), {"functionName": "scan"}),
        FUNCTIONS,  # type: ignore[dict-item]
        {("Environment", "Variables", "ENDPOINT"): "detector"},
    ),
    "AWS::S3::AccessPoint": (
        recorded("AWS::S3::AccessPoint", arn("s3", "accesspoint/partners"), {"Name": "partners", "Bucket": "acme-uploads"}),
        {"s3control": {"GetAccessPointPolicy": {"Policy": '{"Statement": []}'}}},
        {("Policy", "Statement"): []},
    ),
    "AWS::S3::MultiRegionAccessPoint": (
        recorded(
            "AWS::S3::MultiRegionAccessPoint", "arn:aws:s3::1:accesspoint/m.mrap", {"Name": "all", "Regions": [{"Bucket": "acme-up"}]}
        ),
        {
            "s3control": {
                "GetMultiRegionAccessPointPolicy": {
                    "Policy": {"Established": {"Policy": "{}"}, "Proposed": {"Policy": '{"Statement": [{"Effect": "Allow"}]}'}}
                }
            }
        },
        {("Policy", "Statement", 0, "Effect"): "Allow"},
    ),
    "AWS::S3::Bucket": (
        {
            **recorded("AWS::S3::Bucket", "arn:aws:s3:::acme-uploads", {"name": "acme-uploads"}),
            "supplementaryConfiguration": {"BucketPolicy": {"policyText": None}},
        },
        {
            "s3": {
                "ListBucketMetricsConfigurations": {
                    "IsTruncated": False,
                    "MetricsConfigurationList": [
                        {"Id": "all"},
                        {"Id": "new", "Filter": {"And": {"Prefix": "new/", "Tags": [{"Key": "a", "Value": "b"}]}}},
                    ],
                }
            }
        },
        {("MetricsConfigurations",): [{"Id": "all"}, {"Id": "new", "Prefix": "new/", "TagFilters": [{"Key": "a", "Value": "b"}]}]},
    ),
}


def reader(kind: str) -> str:
    """A rule that reads what is added to a type."""
    return next(iter(ADDITIONS[kind].rules or ("media-access-logged",)))


@pytest.mark.parametrize("kind", ADDED_TO)
def test_facts_are_added_to_an_item_with_the_permissions_of_the_table(kind: str):
    """What Config leaves out stands beside what it records, by the actions that the table declares."""
    item, answers, expected = ADDED_TO[kind]
    services = Services(answers)
    complete = services.source().complete(item, reader(kind), subject=True)
    *_, resource = graph_from_items([complete])  # a policy that is a resource of its own comes last
    for path, value in expected.items():
        assert resource.get(*path) == value, path
    assert actions(services.called) == set(ADDITIONS[kind].actions)


@pytest.mark.parametrize("kind", ADDED_TO)
def test_a_fact_that_is_denied_is_unknown_and_names_the_denial(kind: str):
    """Nothing else of the item is lost by it."""
    item, answers, expected = ADDED_TO[kind]
    denied = {service: dict.fromkeys(operations, DENIED) for service, operations in answers.items()}
    complete = Services(denied).source().complete(item, reader(kind), subject=True)  # type: ignore[arg-type]
    *_, resource = graph_from_items([complete])
    value = resource.get(next(iter(expected))[0])
    assert isinstance(value, Unknown)
    assert "AccessDenied" in value.reason


def test_every_type_with_added_facts_is_tested():
    """One that is missing here would be taken on trust."""
    assert set(ADDED_TO) == set(ADDITIONS)


def test_a_function_and_an_access_point_that_have_none_have_none():
    """A function without variables, and an access point without a policy, aren't unknown."""
    function = recorded("AWS::Lambda::Function", arn("lambda", "function:plain"), {"functionName": "plain"})
    (plain,) = graph_from_items([Services(ANSWERS).source().complete(function, "x", subject=False)])
    assert plain.get("Environment") is None
    none = ClientError({"Error": {"Code": "NoSuchAccessPointPolicy", "Message": "none"}}, "GetAccessPointPolicy")
    point = ADDED_TO["AWS::S3::AccessPoint"][0]
    (found,) = graph_from_items([Services({"s3control": {"GetAccessPointPolicy": none}}).source().complete(point, "x", subject=True)])
    assert found.get("Policy") is None
    unlisted = recorded("AWS::Lambda::Function", arn("lambda", "function:gone"), {"functionName": "gone"})
    (gone,) = graph_from_items([Services(ANSWERS).source().complete(unlisted, "x", subject=False)])
    assert isinstance(gone.get("Environment"), Unknown)


@pytest.mark.parametrize(
    ("rule_id", "subject"),
    [("quarantine-not-served", True), ("upload-anomaly-alarm", False)],
)
def test_metrics_are_asked_of_no_more_buckets_than_need_be(rule_id: str, subject: bool):
    """One call a bucket is too much for rules that don't read the answer, and for buckets that aren't judged."""
    item = ADDED_TO["AWS::S3::Bucket"][0]
    assert Services({}).source().complete(item, rule_id, subject=subject) is item


@pytest.mark.parametrize(
    ("grants", "verdict"),
    [
        ([{"GranteePrincipal": "arn:aws:iam::444455556666:role/x", "Operations": ["Sign"]}], Verdict.FAIL),
        ([{"GranteePrincipal": "arn:aws:iam::444455556666:role/x", "Operations": ["Verify", "CreateGrant"]}], Verdict.PASS),
        ([{"GranteePrincipal": f"arn:aws:iam::{OWN}:role/signer", "Operations": ["Sign"]}], Verdict.PASS),
        ([], Verdict.PASS),
        (None, Verdict.UNKNOWN),
    ],
)
def test_a_grant_on_a_deployed_key_lets_sign_as_one_in_the_code_does(grants: list[dict[str, Any]] | None, verdict: Verdict):
    """AWS Config records no grants: an outsider who had one passed once deployed, and failed before the merge."""
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWN}:root"}, "Action": "kms:*", "Resource": "*"}]}
    key = {**ADDED_TO["AWS::KMS::Key"][0], "supplementaryConfiguration": {"Policy": json.dumps(policy)}}
    services = Services({"kms": {"ListGrants": {"Grants": grants} if grants is not None else DENIED}})
    (found,) = graph_from_items([services.source().complete(key, "signing-key-fit", subject=True)])
    assert rule("signing-key-fit").evaluate(found, Context(Graph([found]), Scope((OWN,)))).verdict is verdict
    other = {**key, "configuration": {**key["configuration"], "keyUsage": "ENCRYPT_DECRYPT"}}
    assert Services({}).source().complete(other, "signing-key-fit", subject=True) is other  # it signs nothing


def _tags(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of one bucket there are none, another is another account's."""
    codes = {"acme-plain": "NoSuchTagSet", "theirs": "AccessDenied"}
    if sent["Bucket"] in codes:
        raise ClientError({"Error": {"Code": codes[sent["Bucket"]], "Message": "no"}}, "GetBucketTagging")
    return {"TagSet": [{"Key": "data-class", "Value": "ugc"}]}


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (["acme-stuff"], Verdict.FAIL),
        (["acme-plain"], Verdict.NOT_APPLICABLE),
        (["acme-plain", "theirs"], Verdict.UNKNOWN),
        (["theirs"], Verdict.UNKNOWN),
        (["theirs", "acme-stuff"], Verdict.FAIL),
    ],
)
def test_the_bucket_of_another_region_is_known_by_its_tags(names: list[str], verdict: Verdict):
    """In us-east-1, which has the distributions, no bucket of Ireland could be told from one with media; of no name that speaks, it passed."""
    origins = [{"id": name, "domainName": f"{name}.s3.eu-west-1.amazonaws.com", "originAccessControlId": "E1"} for name in names]
    default, *others = ({"targetOriginId": name, "pathPattern": name} for name in names)
    config = {
        "origins": {"quantity": len(names), "items": origins},
        "defaultCacheBehavior": default,
        "cacheBehaviors": {"quantity": len(others), "items": others},
    }
    item = recorded("AWS::CloudFront::Distribution", f"arn:aws:cloudfront::{OWN}:distribution/E2", {"distributionConfig": config})
    complete = Services({"s3": {"GetBucketTagging": _tags}}).source().complete(item, "cdn-media-gated", subject=True)
    scope = Scope((OWN,), media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}),))
    (found,) = graph_from_items([complete])
    assert rule("cdn-media-gated").evaluate(found, Context(Graph([found]), scope)).verdict is verdict


def test_what_is_gone_or_not_recorded_is_not_asked_about():
    """There is nothing to add to."""
    item = ADDED_TO["AWS::S3::AccessPoint"][0]
    for status in ("ResourceDeleted", "ResourceNotRecorded"):
        gone = {**item, "configurationItemStatus": status}
        assert Services({}).source().complete(gone, "x", subject=True) is gone


def test_metrics_configurations_are_read_to_the_end():
    """S3 pages them without a paginator."""
    pages = {
        None: {"IsTruncated": True, "NextContinuationToken": "n", "MetricsConfigurationList": [{"Id": "a"}]},
        "n": {"IsTruncated": False, "MetricsConfigurationList": [{"Id": "b"}]},
    }
    answers = {"s3": {"ListBucketMetricsConfigurations": lambda sent: pages[sent.get("ContinuationToken")]}}
    item = ADDED_TO["AWS::S3::Bucket"][0]
    (bucket,) = graph_from_items([Services(answers).source().complete(item, "upload-anomaly-alarm", subject=True)])
    assert [entry["Id"] for entry in bucket.get("MetricsConfigurations")] == ["a", "b"]


def test_permissions_are_those_of_the_rules_and_no_more():
    """A role for one rule can't read what only another needs; rules about source code need none of their own."""
    some = permissions([rule("signing-key-fit")], Scope())
    assert some == REPORTING | INVENTORY | {"kms:ListGrants", "iam:GetAccountAuthorizationDetails"}
    assert "budgets:ViewBudget" in permissions([rule("inference-cost-watched")], Scope())
    assert "budgets:ViewBudget" not in permissions([rule("media-bucket-events-scanned")], Scope())
    metrics = {entry.id for entry in all_rules() if "s3:GetMetricsConfiguration" in permissions([entry], Scope())}
    assert metrics == {"upload-anomaly-alarm"}
    assert permissions([entry for entry in all_rules() if entry.kind is Kind.CODE], Scope()) == REPORTING
    everything = permissions(all_rules(), Scope())
    assert all(
        action.split(":")[1].startswith(("Batch", "Describe", "Get", "GET", "List", "Put", "Select", "View")) for action in everything
    )
    assert [action for action in everything if action.split(":")[1].startswith("Put")] == ["config:PutEvaluations"]


@pytest.mark.parametrize(
    ("place", "partition"),
    [("eu-west-1", "aws"), ("cn-northwest-1", "aws-cn"), ("eusc-de-east-1", "aws-eusc"), ("us-gov-east-1", "aws-us-gov")],
)
def test_what_a_service_gives_no_arn_of_has_one_of_its_partition(place: str, partition: str):
    """Policies name it so."""
    ask = Ask(connect=lambda service: None, region=place, identify=lambda: "123456789012")
    assert ask.arn("rekognition", "collection/faces") == f"arn:{partition}:rekognition:{place}:123456789012:collection/faces"


def test_a_recorder_of_another_service_records_nothing_for_rules():
    """A service of AWS may keep a recorder beside the account's own: what it takes in isn't in the inventory, and it isn't ours to mend."""
    name, principal = "AWSConfigurationRecorderForObservability", "observabilityadmin.amazonaws.com"
    group = {"allSupported": False, "resourceTypes": ["AWS::Events::Rule"]}
    linked = {"name": name, "servicePrincipal": principal, "recordingGroup": group}
    status = {"name": name, "servicePrincipal": principal, "recording": True, "lastStatus": "Success"}
    services = Services(
        {
            "config": {
                "ListDiscoveredResources": {"resourceIdentifiers": []},
                "DescribeConfigurationRecorders": {"ConfigurationRecorders": [linked]},
                "DescribeConfigurationRecorderStatus": {"ConfigurationRecordersStatus": [status]},
            }
        }
    )
    source = services.source()
    with pytest.raises(IncompleteError, match="doesn't record AWS::Events::Rule"):
        source.items("AWS::Events::Rule")
    assert source.items("AWS::Config::ConfigurationRecorder") == []


def test_filters_that_are_encrypted_are_not_taken_for_none():
    """Lambda lists them as null to whoever lists mappings; who reads the queue is a question then."""
    (mapping,) = ANSWERS["lambda"]["ListEventSourceMappings"]["EventSourceMappings"]
    shown = {**{key: value for key, value in mapping.items() if key != "FilterCriteria"}, "State": "Enabled"}
    for hidden, verdict in (({}, True), ({"KMSKeyArn": arn("kms", "key/1")}, "a pattern could not be read")):
        answers = {"lambda": {**ANSWERS["lambda"], "ListEventSourceMappings": {"EventSourceMappings": [{**shown, **hidden}]}}}
        graph = graph_from_items(Services(answers).source().items("AWS::Lambda::EventSourceMapping"))
        (told,) = (reads(found, graph) for found in graph)
        assert (told.reason.rpartition(": ")[2] if isinstance(told, Unknown) else told) == verdict
