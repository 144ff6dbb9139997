"""The rules on identity and inference: what their parameters change, and what their cases don't show."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.graph.model import Dialect, Graph, Reference, Resource
from averment.policies.interface import Context, Outcome
from averment.policies.rules.grants import about_identity
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template

SCOPE = Scope(accounts=("123456789012",))


def judged(tmp_path: Path, rule_id: str, resources: str, parameters: Mapping[str, Any] | None = None) -> Outcome:
    """The worst verdict of a rule on the ``resources`` of a template."""
    path = tmp_path / "template.yaml"
    path.write_text(
        f"AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n{resources}", encoding="utf-8"
    )
    graph = read_template(path)
    assert not graph.problems
    subject = rule(rule_id)
    context = Context(graph, SCOPE, parameters or {})
    return worst_outcome(subject.evaluate(resource, context) for resource in graph.of_type(*subject.types))


COLLECTION = """\
  Staff:
    Type: AWS::Rekognition::Collection
    Properties: {CollectionId: staff-entrance}
  Search:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: rekognition:SearchFacesByImage
            Resource: !GetAtt Staff.Arn
"""


@pytest.mark.parametrize(
    ("declared", "verdict"), [(["staff-*"], Verdict.PASS), (["visitors"], Verdict.FAIL), ([], Verdict.FAIL), (None, Verdict.FAIL)]
)
def test_declared_collections_may_be_searched(tmp_path: Path, declared: list[str] | None, verdict: Verdict):
    """The parameter face_collections lets a collection and the policies on it pass; nothing else does."""
    parameters = {"face_collections": declared} if declared is not None else {}
    assert judged(tmp_path, "face-search-limited", COLLECTION, parameters).verdict is verdict


def test_a_permission_on_any_collection_is_more_than_the_declared_ones(tmp_path: Path):
    """Declaring one collection doesn't make a search in all of them right."""
    wide = COLLECTION.replace("!GetAtt Staff.Arn", "'*'")
    assert judged(tmp_path, "face-search-limited", wide, {"face_collections": ["staff-*"]}).verdict is Verdict.FAIL


GUESTS = """\
  Pool:
    Type: AWS::Cognito::IdentityPool
    Properties: {AllowUnauthenticatedIdentities: %s}
  Guest:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Federated: cognito-identity.amazonaws.com}, Action: 'sts:AssumeRoleWithWebIdentity'}
      Policies:
        - PolicyName: label
          PolicyDocument: {Statement: [{Effect: Allow, Action: 'rekognition:DetectLabels', Resource: '*'}]}
  Roles:
    Type: AWS::Cognito::IdentityPoolRoleAttachment
    Properties:
      IdentityPoolId: !Ref Pool
      Roles: {unauthenticated: !GetAtt Guest.Arn}
"""


@pytest.mark.parametrize(("open_to_guests", "verdict"), [("true", Verdict.FAIL), ("false", Verdict.PASS)])
def test_guests_are_known_by_the_pools_role_attachment(tmp_path: Path, open_to_guests: str, verdict: Verdict):
    """A trust policy need not say that a role is for guests; a pool that lets none in gives it to nobody."""
    outcome = judged(tmp_path, "inference-least-privilege", GUESTS % open_to_guests)
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "Roles gives it to unauthenticated identities" in outcome.message


@pytest.mark.parametrize(
    ("open_to_guests", "pool", "verdict"),
    [("true", "!Ref Pool", Verdict.FAIL), ("false", "!Ref Pool", Verdict.PASS), ("false", "elsewhere", Verdict.FAIL)],
)
def test_a_trust_policy_for_guests_of_a_pool_that_takes_none_is_for_nobody(
    tmp_path: Path, open_to_guests: str, pool: str, verdict: Verdict
):
    """Amplify writes the role for guests whether the pool lets them in or not; where it doesn't, the role was reported as theirs."""
    amr = "'ForAnyValue:StringLike': {'cognito-identity.amazonaws.com:amr': unauthenticated}"
    condition = f"Condition: {{StringEquals: {{'cognito-identity.amazonaws.com:aud': {pool}}}, {amr}}}, Action: 'sts:"
    text = (GUESTS % open_to_guests).replace("Action: 'sts:", condition).partition("  Roles:")[0]
    assert judged(tmp_path, "inference-least-privilege", text).verdict is verdict


@pytest.mark.parametrize(
    ("open_to_guests", "condition", "verdict"),
    [
        ("true", "", Verdict.UNKNOWN),
        ("false", "", Verdict.PASS),
        ("true", "Condition: {StringEquals: {'cognito-identity.amazonaws.com:amr': authenticated}}, ", Verdict.PASS),
    ],
)
def test_a_role_for_guests_that_is_not_known_may_be_any_that_a_pool_can_take(
    tmp_path: Path, open_to_guests: str, condition: str, verdict: Verdict
):
    """Which role the pool gives to guests stood in a parameter, and the one that lets them in passed."""
    text = (
        (GUESTS % open_to_guests)
        .replace("!GetAtt Guest.Arn", "!ImportValue guest-role")
        .replace("Action: 'sts:", f"{condition}Action: 'sts:")
    )
    outcome = judged(tmp_path, "inference-least-privilege", text)
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "which role Roles gives to unauthenticated identities" in outcome.message


POOLS = "{Statement: [{Effect: Allow, Principal: {Federated: cognito-identity.amazonaws.com}, Action: 'sts:AssumeRoleWithWebIdentity'}]}"


@pytest.mark.parametrize(
    ("trust", "verdict"),
    [
        ("!ImportValue guests-trust", Verdict.FAIL),
        (
            "{Statement: [{Effect: Allow, Principal: {Federated: cognito-identity.amazonaws.com}, Action: 'sts:AssumeRoleWithWebIdentity'}]}",
            Verdict.FAIL,
        ),
        (
            POOLS.replace("Action:", "Condition: {StringEquals: {'cognito-identity.amazonaws.com:amr': authenticated}}, Action:"),
            Verdict.PASS,
        ),
        ("{Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]}", Verdict.PASS),
    ],
)
@pytest.mark.parametrize(
    ("rule_id", "action"), [("s3-put-object-gated", "s3:PutObject"), ("inference-least-privilege", "rekognition:DetectLabels")]
)
def test_a_role_that_a_pool_gives_to_guests_is_theirs_unless_its_trust_keeps_them_out(
    tmp_path: Path, rule_id: str, action: str, trust: str, verdict: Verdict
):
    """Where the trust policy isn't resolved, the pool's role attachment tells; where it is, and lets no guest in, none can take the role."""
    text = f"""\
  Uploads: {{Type: AWS::S3::Bucket, Properties: {{BucketName: acme-uploads}}}}
  Guest:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {trust}
      Policies:
        - PolicyName: a
          PolicyDocument: {{Statement: [{{Effect: Allow, Action: '{action}', Resource: {"'*'" if "rekognition" in action else "!Sub '${Uploads.Arn}/*'"}}}]}}
  Roles:
    Type: AWS::Cognito::IdentityPoolRoleAttachment
    Properties: {{IdentityPoolId: !ImportValue pool, Roles: {{unauthenticated: !GetAtt Guest.Arn}}}}
"""
    assert judged(tmp_path, rule_id, text).verdict is verdict


KEYS = """\
  Sealing:
    Type: AWS::IAM::ManagedPolicy
    Properties: {PolicyDocument: {Statement: [{Effect: Allow, Action: [%s], Resource: '*'}]}}
"""


@pytest.mark.parametrize(
    ("actions", "verdict"), [("'kms:*'", Verdict.NOT_APPLICABLE), ("'kms:*', 'kms:Sign'", Verdict.FAIL), ("'kms:S*'", Verdict.FAIL)]
)
def test_all_of_kms_is_for_encryption_unless_signing_is_written_out(tmp_path: Path, actions: str, verdict: Verdict):
    """Without a key to sign with, kms:* isn't about signing; kms:Sign beside it is."""
    assert judged(tmp_path, "inference-least-privilege", KEYS % actions).verdict is verdict


def test_keys_that_could_not_be_fetched_prove_no_absence_of_signing(tmp_path: Path):
    """At run time a missing permission to list keys must not make kms:* harmless."""
    path = tmp_path / "template.yaml"
    path.write_text("Resources:\n" + KEYS % "'kms:*'", encoding="utf-8")
    graph = read_template(path)
    (policy,) = graph
    outcome = rule("inference-least-privilege").evaluate(policy, Context(graph, SCOPE, {}, {"AWS::KMS::Key": "AccessDenied"}))
    assert outcome.verdict is Verdict.UNKNOWN
    assert "AccessDenied" in outcome.message


ENDPOINT = """\
  Labels:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointName: product-labels, EndpointConfigName: labels-v1}
"""


@pytest.mark.parametrize(
    ("patterns", "verdict"), [(["*detector*"], Verdict.NOT_APPLICABLE), (["product-*"], Verdict.FAIL), (None, Verdict.FAIL)]
)
def test_the_detector_is_known_by_its_endpoints_names(tmp_path: Path, patterns: list[str] | None, verdict: Verdict):
    """The parameter detector_endpoints leaves other models' endpoints alone; without it every one is asked, and the message says so."""
    outcome = judged(tmp_path, "detector-endpoint-scaled", ENDPOINT, {"detector_endpoints": patterns} if patterns else {})
    assert outcome.verdict is verdict
    assert ("detector_endpoints isn't set" in outcome.message) is (patterns is None)


MACHINES = """\
  Pool:
    Type: AWS::Cognito::UserPool
    Properties: {UserPoolName: %s}
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref Pool, AllowedOAuthFlows: [%s]}
"""
FACES = """\
  Checkout:
    Type: AWS::IAM::ManagedPolicy
    Properties: {PolicyDocument: {Statement: [{Effect: Allow, Action: [%s], Resource: '*'}]}}
"""


@pytest.mark.parametrize(("flow", "verdict"), [("client_credentials", Verdict.NOT_APPLICABLE), ("code", Verdict.FAIL)])
def test_a_pool_for_machines_needs_no_second_factor(tmp_path: Path, flow: str, verdict: Verdict):
    """Client credentials are no sign-in of people."""
    faces = FACES % "'rekognition:CompareFaces'"
    assert judged(tmp_path, "step-up-factor", MACHINES % ("orders", flow) + faces).verdict is verdict


@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        ("'rekognition:SearchFacesByImage'", Verdict.FAIL),
        ("'rekognition:DetectLabels'", Verdict.NOT_APPLICABLE),
        ("'*'", Verdict.NOT_APPLICABLE),
        ("'rekognition:*'", Verdict.UNKNOWN),
        ("'rekognition:DetectLabels', !ImportValue more", Verdict.UNKNOWN),
    ],
)
def test_a_pool_is_asked_where_faces_are_matched_beside_it(tmp_path: Path, actions: str, verdict: Verdict):
    """A pool without a face in sight is left alone; where a face may be in sight, that is said, and it isn't left out in silence."""
    assert judged(tmp_path, "step-up-factor", MACHINES % ("buyers", "code") + FACES % actions).verdict is verdict


def test_a_second_factor_for_all_says_whom_it_asks_first(tmp_path: Path):
    """People who have none are stuck at the next sign-in where the application knows no challenge but the password."""
    found = judged(tmp_path, "step-up-factor", MACHINES % ("buyers", "code") + FACES % "[rekognition:CompareFaces]")
    assert found.verdict is Verdict.FAIL
    assert "MFA_SETUP before this is on" in (found.fix or "")


@pytest.mark.parametrize("denied", ["AWS::IAM::Role", "AWS::IAM::ManagedPolicy"])
@pytest.mark.parametrize(("mode", "verdict"), [("'OFF'", Verdict.UNKNOWN), ("'ON'", Verdict.PASS)])
def test_policies_that_could_not_be_fetched_prove_no_absence_of_faces(tmp_path: Path, denied: str, mode: str, verdict: Verdict):
    """At run time a missing permission to list the neighbours must not take a pool out of the rule."""
    path = tmp_path / "template.yaml"
    path.write_text(f"Resources: {{Pool: {{Type: AWS::Cognito::UserPool, Properties: {{MfaConfiguration: {mode}}}}}}}\n", encoding="utf-8")
    graph = read_template(path)
    (pool,) = graph.of_type("AWS::Cognito::UserPool")
    subject = rule("step-up-factor")
    assert denied in subject.neighbours
    outcome = subject.evaluate(pool, Context(graph, SCOPE, {}, {denied: "AccessDenied"}))
    assert outcome.verdict is verdict
    assert verdict is Verdict.PASS or "AccessDenied" in outcome.message


def test_the_pools_that_know_people_by_their_face_can_be_named(tmp_path: Path):
    """The parameter face_user_pools names the pools that the rule is about: with or without a face in sight, and no others."""
    parameters = {"face_user_pools": ["buyers*"]}
    faces = FACES % "'rekognition:CompareFaces'"
    assert judged(tmp_path, "step-up-factor", MACHINES % ("staff", "code") + faces, parameters).verdict is Verdict.NOT_APPLICABLE
    named = judged(tmp_path, "step-up-factor", MACHINES % ("buyers-eu", "code"), parameters)
    assert named.verdict is Verdict.FAIL
    assert "face_user_pools names it" in named.message


TABLE = """\
  Sessions:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: %s
      KeySchema: [{AttributeName: id, KeyType: HASH}]
%s"""
OFF = "      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: false}\n"
ON = OFF.replace("false", "true")


@pytest.mark.parametrize(
    ("name", "setting", "verdict"),
    [
        ("liveness-sessions", "", Verdict.FAIL),
        ("FaceSessions", OFF, Verdict.FAIL),
        ("selfie_index", ON, Verdict.PASS),
        ("surfaces", "", Verdict.NOT_APPLICABLE),
        ("typeface-orders", "", Verdict.NOT_APPLICABLE),
    ],
)
def test_tables_with_biometric_data_expire_it(tmp_path: Path, name: str, setting: str, verdict: Verdict):
    """Known by a word of the name, not by letters inside another word; time to live has to be on."""
    assert judged(tmp_path, "biometric-retention-limited", TABLE % (name, setting)).verdict is verdict


def test_names_of_ones_own_say_where_biometric_data_is(tmp_path: Path):
    """The parameter biometric_names takes the place of the words."""
    parameters = {"biometric_names": ["kyc-*"]}
    assert judged(tmp_path, "biometric-retention-limited", TABLE % ("kyc-checks", ""), parameters).verdict is Verdict.FAIL
    assert judged(tmp_path, "biometric-retention-limited", TABLE % ("selfies", ""), parameters).verdict is Verdict.NOT_APPLICABLE


def test_a_budget_elsewhere_can_be_declared(tmp_path: Path):
    """The parameter inference_cost_watched_elsewhere says that an organisation's budget watches; only true does."""
    elsewhere = {"inference_cost_watched_elsewhere": True}
    assert judged(tmp_path, "inference-cost-watched", ENDPOINT, elsewhere).verdict is Verdict.NOT_APPLICABLE
    assert judged(tmp_path, "inference-cost-watched", ENDPOINT, {"inference_cost_watched_elsewhere": "no"}).verdict is Verdict.FAIL


TOPIC = """\
  Costs: {Type: 'AWS::SNS::Topic'}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: %s
      MetricName: %s
      AlarmActions: [!Ref Costs]
"""
TOLD = "  Told: {Type: 'AWS::SNS::Subscription', Properties: {TopicArn: !Ref Costs, Protocol: email, Endpoint: costs@acme.example}}\n"


@pytest.mark.parametrize(
    ("alarm", "verdict"),
    [
        (TOPIC % ("AWS/Bedrock", "InputTokenCount") + TOLD, Verdict.PASS),
        (TOPIC % ("AWS/Bedrock", "InputTokenCount"), Verdict.UNKNOWN),
        (TOPIC % ("AWS/Billing", "EstimatedCharges") + TOLD, Verdict.NOT_APPLICABLE),
        (ENDPOINT + TOPIC % ("AWS/Billing", "EstimatedCharges") + TOLD, Verdict.PASS),
        (ENDPOINT + TOPIC % ("AWS/SageMaker", "ModelLatency") + TOLD, Verdict.FAIL),
    ],
)
def test_an_alarm_watches_spend_if_its_metric_does_and_somebody_subscribes(tmp_path: Path, alarm: str, verdict: Verdict):
    """A topic alone tells nobody for sure, latency isn't spend, and the whole bill is about inference only where there is some."""
    assert judged(tmp_path, "inference-cost-watched", alarm).verdict is verdict


ANOMALIES = """\
  Services:
    Type: AWS::CE::AnomalyMonitor
    Properties: {MonitorName: services, MonitorType: DIMENSIONAL, MonitorDimension: SERVICE}
  Told:
    Type: AWS::CE::AnomalySubscription
    Properties:
      SubscriptionName: services
      Frequency: DAILY
      MonitorArnList: [%s]
      Subscribers: [{Type: EMAIL, Address: costs@acme.example}]
"""


@pytest.mark.parametrize(
    ("monitor", "verdict"), [("!Ref Services", Verdict.PASS), ("'arn:aws:ce::123456789012:anomalymonitor/0a1b'", Verdict.UNKNOWN)]
)
def test_a_monitor_is_heard_of_through_its_subscription(tmp_path: Path, monitor: str, verdict: Verdict):
    """An ARN may be this monitor's or another's: that doesn't pass."""
    assert judged(tmp_path, "inference-cost-watched", ENDPOINT + ANOMALIES % monitor).verdict is verdict


SPENT = """\
  Budget:
    Type: AWS::Budgets::Budget
    Properties:
      Budget: {BudgetName: inference, BudgetType: COST, TimeUnit: MONTHLY, CostFilters: {Service: [%s]}}
      NotificationsWithSubscribers: [{Notification: {Threshold: 80}, Subscribers: [{SubscriptionType: EMAIL, Address: costs@acme.example}]}]
"""


@pytest.mark.parametrize(
    ("service", "verdict"),
    [
        ("Amazon SageMaker", Verdict.PASS),
        ("!ImportValue Service", Verdict.PASS),
        ("Amazon Simple Storage Service", Verdict.FAIL),
    ],
)
def test_a_budget_watches_what_its_filters_say_whatever_it_is_called(tmp_path: Path, service: str, verdict: Verdict):
    """The name tells only where the filters don't."""
    assert judged(tmp_path, "inference-cost-watched", ENDPOINT + SPENT % service).verdict is verdict


UPLOADS = "  Uploads: {Type: 'AWS::S3::Bucket', Properties: {BucketName: acme-uploads}}\n"
RUNBOOK = """\
  Runbook:
    Type: AWS::SSM::Document
    Properties:
      Name: %s
      DocumentType: Automation
      Content:
        schemaVersion: '0.3'
        mainSteps:
          - {name: act, action: '%s', inputs: {}}
"""


def test_a_missing_runbook_is_told_only_where_one_is_expected(tmp_path: Path):
    """Runbooks often stand elsewhere; the parameter isolation_runbook_expected asks for one beside the upload buckets."""
    expected = {"isolation_runbook_expected": True}
    assert judged(tmp_path, "isolation-runbook-present", UPLOADS).verdict is Verdict.NOT_APPLICABLE
    assert judged(tmp_path, "isolation-runbook-present", UPLOADS, expected).verdict is Verdict.FAIL
    other = UPLOADS + RUNBOOK % ("restart-web", "aws:runCommand")
    assert judged(tmp_path, "isolation-runbook-present", other, expected).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "action", "verdict"),
    [
        ("isolate-bucket", "aws:invokeLambdaFunction", Verdict.UNKNOWN),
        ("isolate-bucket", "aws:sleep", Verdict.FAIL),
        ("isolate-instance", "aws:sleep", Verdict.NOT_APPLICABLE),
        ("IsolateEC2Instance", "s3", Verdict.NOT_APPLICABLE),
        ("IsolateMediaBucket", "aws:sleep", Verdict.FAIL),
        ("resize-container-bucket", "aws:sleep", Verdict.NOT_APPLICABLE),
    ],
)
def test_a_runbook_that_is_called_isolation_isolates_a_bucket(tmp_path: Path, name: str, action: str, verdict: Verdict):
    """By a step of its own; what a function does isn't seen, and other runbooks aren't asked."""
    assert judged(tmp_path, "isolation-runbook-present", RUNBOOK % (name, action)).verdict is verdict


TWO = """\
  Released:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointConfigName: v1}
  Candidate:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointConfigName: v2}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: sagemaker
      ResourceId: !Sub 'endpoint/${Released.EndpointName}/variant/main'
      MinCapacity: 1
      MaxCapacity: 3
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties: {PolicyName: p, PolicyType: TargetTrackingScaling, ScalingTargetId: !Ref Target}
"""


def test_another_endpoints_scaling_is_not_this_ones(tmp_path: Path):
    """A target that is linked to one endpoint leaves the other unscaled, for certain."""
    outcome = judged(tmp_path, "detector-endpoint-scaled", TWO)
    assert outcome.verdict is Verdict.FAIL
    assert "no variant" in outcome.message
    assert "; also" not in outcome.message


def many(count: int) -> Graph:
    """Roles with a policy of each kind, and a function that holds each: what a large template looks like."""
    parts: list[tuple[str, str, dict[str, Any]]] = []
    allowed = {"Statement": [{"Effect": "Allow", "Action": ["rekognition:IndexFaces", "lambda:InvokeFunction"], "Resource": "*"}]}
    for number in range(count):
        parts.append((f"R{number}", "AWS::IAM::Role", {"ManagedPolicyArns": [Reference(f"P{number}")]}))
        parts.append((f"P{number}", "AWS::IAM::ManagedPolicy", {"PolicyDocument": allowed}))
        parts.append((f"Q{number}", "AWS::IAM::Policy", {"Roles": [Reference(f"R{number}")], "PolicyDocument": allowed}))
        parts.append((f"F{number}", "AWS::Lambda::Function", {"Role": Reference(f"R{number}", "Arn")}))
    return Graph(Resource(name, kind, values, SourceRef("x", 1), Dialect.CLOUDFORMATION) for name, kind, values in parts)


@pytest.mark.parametrize("rule_id", ["identity-lambda-calls-detector", "biometric-retention-limited", "face-match-needs-liveness"])
def test_time_grows_with_the_template_and_not_with_its_cube(rule_id: str):
    """Three hundred roles took half a minute when each policy was sought among all others; they take a blink."""
    graph, subject = many(300), rule(rule_id)
    started = time.process_time()
    outcomes = [subject.evaluate(one, Context(graph, SCOPE)) for one in graph.of_type(*subject.types)]
    assert time.process_time() - started < 5
    assert len(outcomes) >= 300


def test_a_policy_that_is_added_later_counts():
    """What is kept of a graph is worked out anew once the graph has grown."""
    graph, subject = many(1), rule("biometric-retention-limited")
    policy = graph.get("Q0")
    assert policy is not None
    assert subject.evaluate(policy, Context(graph, SCOPE)).verdict is Verdict.FAIL
    delete = {"Statement": [{"Effect": "Allow", "Action": "rekognition:DeleteFaces", "Resource": "*"}]}
    graph.add(Resource("D", "AWS::IAM::ManagedPolicy", {"PolicyDocument": delete}, SourceRef("x", 1), Dialect.CLOUDFORMATION))
    assert subject.evaluate(policy, Context(graph, SCOPE)).verdict is Verdict.PASS


SAM = """\
  Compare:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: app, Policies: [{RekognitionFacesPolicy: {}}]}
  Scan:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: app
      Policies:
        - Statement: [{Effect: Allow, Action: '%s', Resource: 'arn:aws:sagemaker:eu-west-1:123456789012:endpoint/detector'}]
  Onboarding:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: onboarding.asl.json
      DefinitionSubstitutions: {Compare: !GetAtt Compare.Arn%s}
"""


@pytest.mark.parametrize(
    ("action", "steps", "verdict"),
    [
        ("sagemaker:InvokeEndpoint", ", Scan: !GetAtt Scan.Arn", Verdict.PASS),
        ("sagemaker:DescribeEndpoint", ", Scan: !GetAtt Scan.Arn", Verdict.UNKNOWN),
        ("sagemaker:InvokeEndpoint", "", Verdict.UNKNOWN),
    ],
)
def test_a_state_machine_of_sam_is_a_call_path(tmp_path: Path, action: str, steps: str, verdict: Verdict):
    """Its functions are named in the substitutions; this rule reads nothing else of its file, so that what isn't named proves nothing."""
    (tmp_path / "onboarding.asl.json").write_text('{"StartAt": "Compare", "States": {}}', encoding="utf-8")
    assert judged(tmp_path, "identity-lambda-calls-detector", SAM % (action, steps)).verdict is verdict


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("CompareFacesFunction", True),
        ("kyc-selfie", True),
        ("FaceLivenessStartSession", False),
        ("get-face-liveness-results", False),
        ("DetectFacesRole", False),
        ("NetworkInterfaceRole", False),
        ("facebook-login", False),
    ],
)
def test_names_are_about_identity_or_not(text: str, about: bool):
    """A function that opens liveness sessions or finds faces isn't taken for one that says whose face it is."""
    assert about_identity(text) is about


@pytest.mark.parametrize(
    ("function", "role", "verdict"),
    [
        ("verify-identity", "verify-identity", Verdict.UNKNOWN),
        ("object-detect", "face-match", Verdict.FAIL),
    ],
)
def test_two_names_are_not_read_as_one(function: str, role: str, verdict: Verdict):
    """What is called the same in its file and in AWS (deployed, everything is) read "verify-identity verify-identity": an identity is verified."""
    statement = {"Effect": "Allow", "Action": "rekognition:*", "Resource": "*"}
    source = SourceRef("main.tf", 1)
    graph = Graph(
        [
            Resource(
                "aws_iam_role.r",
                "AWS::IAM::Role",
                {"RoleName": "r", "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}]},
                source,
                Dialect.TERRAFORM,
                "aws_iam_role",
            ),
            Resource(
                f"aws_lambda_function.{function}",
                "AWS::Lambda::Function",
                {"FunctionName": role, "Role": Reference("aws_iam_role.r", "Arn")},
                source,
                Dialect.TERRAFORM,
                "aws_lambda_function",
            ),
        ]
    )
    subject = rule("identity-lambda-calls-detector")
    (found,) = [subject.evaluate(one, Context(graph, SCOPE)) for one in graph.of_type("AWS::Lambda::Function")]
    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("denied", "verdict"),
    [
        ("Action: rekognition:GetFaceLivenessSessionResults, Resource: '*'", Verdict.FAIL),
        ("Action: 'rekognition:*', Resource: '*'", Verdict.NOT_APPLICABLE),
        ("Action: rekognition:CompareFaces, Resource: '*'", Verdict.NOT_APPLICABLE),
        ("Action: rekognition:DetectLabels, Resource: '*'", Verdict.PASS),
        (
            "Action: rekognition:GetFaceLivenessSessionResults, Resource: '*', Condition: {Bool: {'aws:ViaAWSService': 'true'}}",
            Verdict.PASS,
        ),
    ],
    ids=["liveness", "all", "the match", "neither", "at times"],
)
def test_liveness_that_is_denied_beside_the_match_is_not_allowed(tmp_path: Path, denied: str, verdict: Verdict):
    """A role that may compare faces and has liveness taken back passed by what it was given; a match that is taken back needs none."""
    role = f"""\
  Checkout:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: sts:AssumeRole}}]}}
      Policies:
        - PolicyName: faces
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [rekognition:GetFaceLivenessSessionResults, rekognition:CompareFaces]
                Resource: '*'
        - PolicyName: boundaries
          PolicyDocument: {{Statement: [{{Effect: Deny, {denied}}}]}}
"""
    assert judged(tmp_path, "face-match-needs-liveness", role).verdict is verdict


def test_a_private_sam_api_is_closed(tmp_path: Path):
    """SAM says by ``Type`` that an API is private, where CloudFormation says ``Types``."""
    resources = """\
  Uploads: {Type: "AWS::S3::Bucket", Properties: {BucketName: acme-uploads}}
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: prod, EndpointConfiguration: {Type: %s}}
  Presign:
    Type: AWS::Serverless::Function
    Properties:
      Policies: [{S3WritePolicy: {BucketName: !Ref Uploads}}]
      Events: {Post: {Type: Api, Properties: {Path: /uploads, Method: post, RestApiId: !Ref Api}}}
"""
    assert judged(tmp_path, "upload-api-authorised", resources % "PRIVATE").verdict is Verdict.PASS
    assert judged(tmp_path, "upload-api-authorised", resources % "REGIONAL").verdict is Verdict.FAIL


INVOKE = """\
  Caller:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {{Effect: Allow, Principal: {trusted}, Action: {assumes}, Condition: {tied}}}
      Policies:
        - PolicyName: p
          PolicyDocument:
            Statement: [{{Effect: Allow, Action: sagemaker:InvokeEndpoint, Resource: "{resource}", Condition: {condition}}}]
"""
ONE = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/detector"
WITHIN = "{Service: lambda.amazonaws.com}"


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("{StringEquals: {'aws:ResourceTag/use': detector}}", Verdict.PASS),
        ("{StringLike: {'aws:ResourceTag/use': 'detector-*'}}", Verdict.PASS),
        ("{'Null': {'aws:ResourceTag/use': 'false'}}", Verdict.PASS),
        ("{StringLike: {'aws:ResourceTag/use': '*'}}", Verdict.FAIL),
        ("{StringEqualsIfExists: {'aws:ResourceTag/use': detector}}", Verdict.FAIL),
        ("{'Null': {'aws:ResourceTag/use': 'true'}}", Verdict.FAIL),
        ("{'ForAllValues:StringEquals': {'aws:ResourceTag/use': detector}}", Verdict.FAIL),
    ],
)
def test_a_condition_narrows_if_it_turns_away_what_lacks_the_tag(tmp_path: Path, condition: str, verdict: Verdict):
    """``IfExists`` and ``Null`` let in every endpoint that nobody tagged, a star every one that somebody did."""
    text = INVOKE.format(trusted=WITHIN, assumes="sts:AssumeRole", tied="{}", resource="*", condition=condition)
    assert judged(tmp_path, "inference-least-privilege", text).verdict is verdict


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        (ONE, Verdict.PASS),
        (ONE.replace("detector", "*"), Verdict.FAIL),
        (ONE.replace("detector", "?*"), Verdict.FAIL),
        ("arn:aws:sage*:*:*:endpoint/*", Verdict.FAIL),
        (ONE.replace("detector", "detector-?"), Verdict.PASS),
    ],
)
def test_every_endpoint_has_more_than_one_spelling(tmp_path: Path, resource: str, verdict: Verdict):
    """A name of one sign or more is every name."""
    text = INVOKE.format(trusted=WITHIN, assumes="sts:AssumeRole", tied="{}", resource=resource, condition="{}")
    assert judged(tmp_path, "inference-least-privilege", text).verdict is verdict


@pytest.mark.parametrize(
    ("trusted", "assumes", "tied", "verdict"),
    [
        ("'*'", "sts:AssumeRole", "{}", Verdict.FAIL),
        ("'*'", "sts:AssumeRole", "{StringEquals: {'aws:PrincipalAccount': '123456789012'}}", Verdict.PASS),
        ("'*'", "sts:AssumeRole", "{StringEquals: {'aws:PrincipalAccount': '999988887777'}}", Verdict.FAIL),
        ("{AWS: 'arn:aws:iam::999988887777:root'}", "sts:AssumeRole", "{}", Verdict.FAIL),
        ("{AWS: 'arn:aws:iam::999988887777:root'}", "sts:TagSession", "{}", Verdict.PASS),
    ],
)
def test_who_may_assume_a_role_is_read_with_its_conditions(tmp_path: Path, trusted: str, assumes: str, tied: str, verdict: Verdict):
    """Anyone of one's own account is nobody from outside; a right to tag sessions lets nobody in."""
    text = INVOKE.format(trusted=trusted, assumes=assumes, tied=tied, resource=ONE, condition="{}")
    assert judged(tmp_path, "inference-least-privilege", text).verdict is verdict


def test_a_function_of_the_programs_own_that_is_called_search_faces_searches_no_collection(tmp_path: Path):
    """It compares a photo with each of an album: "SearchFaces is called" was said of it, and that failed."""
    (tmp_path / "h.py").write_text(
        "import boto3\nrek = boto3.client('rekognition')\ndef search_faces(photo, album):\n"
        "    return [one for one in album if rek.compare_faces(SourceImage=photo, TargetImage=one)['FaceMatches']]\n"
        "def handler(event, context):\n    return search_faces(event['photo'], event['album'])\n",
        encoding="utf-8",
    )
    allowed = "[{Statement: [{Effect: Allow, Action: 'rekognition:*', Resource: '*'}]}]"
    function = (
        f"{{Type: AWS::Serverless::Function, Properties: {{CodeUri: ., Handler: h.handler, Runtime: python3.12, Policies: {allowed}}}}}"
    )
    assert judged(tmp_path, "face-search-limited", f"  Match: {function}\n").verdict is Verdict.UNKNOWN
