"""A REST API that asks Rekognition itself is judged as code that does so: which operation, with which attributes, and by whom."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph
from averment.policies.interface import Context, Outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation import read_template

METHOD = """\
    Resources:
      Faces:
        Type: AWS::ApiGateway::Method
        Properties:
          HttpMethod: POST
          AuthorizationType: AWS_IAM
          RestApiId: api
          ResourceId: faces
          Integration:
            Type: {kind}
            IntegrationHttpMethod: POST
            Uri: !Sub arn:aws:apigateway:${{AWS::Region}}:{uri}
            RequestParameters: {{integration.request.header.X-Amz-Target: "{target}"}}
            RequestTemplates: {{application/json: '{template}'}}
"""


def read(folder: Path, text: str) -> Graph:
    path = folder / "template.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_template(path)


def method(folder: Path, *, kind: str = "AWS", uri: str = "rekognition:path//", target: str = "'X'", template: str = "{}") -> Graph:
    return read(folder, METHOD.format(kind=kind, uri=uri, target=target, template=template))


def outcomes(graph: Graph, name: str) -> list[Outcome]:
    judged = rule(name)
    return [judged.evaluate(resource, Context(graph, Scope(), {})) for resource in graph.of_type(*judged.types)]


@pytest.mark.parametrize(
    ("uri", "target", "verdicts"),
    [
        ("rekognition:path//", "'RekognitionService.CompareFaces'", [Verdict.FAIL]),
        ("rekognition:action/SearchFacesByImage", "", [Verdict.FAIL]),
        ("rekognition:path//", "method.request.header.Target", [Verdict.UNKNOWN]),
        ("rekognition:path//", "'RekognitionService.DetectLabels'", []),
        ("rekognition:action/DetectText", "", []),
        ("sqs:path/CompareFaces", "'RekognitionService.CompareFaces'", []),
        ("lambda:path/2015-03-31/functions/x/invocations", "", []),
    ],
)
def test_an_api_that_compares_faces_by_itself_knows_nothing_of_liveness(tmp_path: Path, uri: str, target: str, verdicts: list[Verdict]):
    """The URI or the header names the operation; a caller who may choose it leaves it unknown; other services are no matter."""
    found = outcomes(method(tmp_path, uri=uri, target=target), "face-call-after-liveness")
    assert [outcome.verdict for outcome in found] == verdicts
    for outcome in found:
        assert (outcome.where.line if outcome.where else None) == 9
    if verdicts == [Verdict.FAIL]:
        assert found[0].message.startswith("the method Faces calls ")
        assert "stands between the API and Rekognition" in (found[0].fix or "")


def test_an_integration_that_is_none_of_the_service_is_left_alone(tmp_path: Path):
    """A mock says only what it was told to say."""
    graph = method(tmp_path, kind="MOCK", target="'RekognitionService.CompareFaces'")
    assert outcomes(graph, "face-call-after-liveness") == []


@pytest.mark.parametrize(
    ("template", "verdict"),
    [
        ('{"Image": $input.json("$.image"), "Attributes": ["ALL"]}', Verdict.FAIL),
        ('{"Image": $input.json("$.image"), "Attributes": ["DEFAULT"]}', Verdict.PASS),
        ('{"Image": $input.json("$.image"), "Attributes": [$input.json("$.wanted")]}', Verdict.UNKNOWN),
        ('{"Image": $input.json("$.image")}', Verdict.PASS),
        ('{"Image": 1, "More": $input.json("$")}', Verdict.UNKNOWN),
        ("$input.body", Verdict.UNKNOWN),
    ],
)
def test_attributes_of_faces_are_read_from_the_mapping_template(tmp_path: Path, template: str, verdict: Verdict):
    """What is written out is judged; where the caller's request is passed on, the caller decides."""
    graph = method(tmp_path, target="'RekognitionService.DetectFaces'", template=template.replace("'", "''"))
    assert [outcome.verdict for outcome in outcomes(graph, "face-attributes-limited")] == [verdict]


@pytest.mark.parametrize(
    ("template", "verdict"),
    [
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": 99}', Verdict.PASS),
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": "0.8"}', Verdict.FAIL),
        ('{"SourceImage": $input.json("$.a"), "SimilarityThreshold": $input.json("$.least")}', Verdict.UNKNOWN),
        ('{"SourceImage": $input.json("$.a")}', Verdict.UNKNOWN),
        ("$input.body", Verdict.UNKNOWN),
    ],
)
def test_the_similarity_of_faces_is_read_from_the_mapping_template(tmp_path: Path, template: str, verdict: Verdict):
    """What is written out is judged, the default left open; where the caller's request is passed on, the caller decides."""
    graph = method(tmp_path, target="'RekognitionService.CompareFaces'", template=template.replace("'", "''"))
    (found,) = outcomes(graph, "face-match-threshold")
    assert found.verdict is verdict
    assert found.fix == ('"SimilarityThreshold": 99' if verdict is Verdict.FAIL else None)


def test_operations_of_a_description_are_judged_each_at_its_place(tmp_path: Path):
    """An OpenAPI description within the template: two ways in, of which one leads to Rekognition."""
    graph = read(
        tmp_path,
        """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Api:
            Type: AWS::Serverless::Api
            Properties:
              StageName: live
              DefinitionBody:
                swagger: "2.0"
                paths:
                  /compare:
                    post:
                      x-amazon-apigateway-integration:
                        type: aws
                        uri: !Sub arn:aws:apigateway:${AWS::Region}:rekognition:action/CompareFaces
                  /health:
                    get:
                      x-amazon-apigateway-integration: {type: mock}
        """,
    )
    (outcome,) = outcomes(graph, "face-call-after-liveness")
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message.startswith("POST /compare of Api calls CompareFaces")
    assert outcome.where is not None
    assert outcome.where.line == 11
