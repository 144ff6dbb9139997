"""All of Rekognition says nothing about faces; what the source of a function calls does, where a template leads to it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.core.scope import Scope
from averment.core.words import Verdict
from averment.policies.interface import Context
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template

TEMPLATE = """\
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Work:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: fn/
          Handler: app.handler
          Policies: [%s]
      Other:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: fn/
          Handler: other.handler
          Policies: [AWSLambdaBasicExecutionRole]
"""
COMPARES = "client = boto3.client('rekognition')\nclient.compare_faces(SourceImage=a, TargetImage=b)\n"
SEARCHES = "rekognition.search_faces_by_image(CollectionId=c, Image=i)\n"
LIVE = COMPARES + "client.get_face_liveness_session_results(SessionId=s)\n"
LABELS = "client = boto3.client('rekognition')\nclient.detect_labels(Image=i)\n"
LIBRARY = "face_recognition.compare_faces(known, unknown)\n"


def verdicts(folder: Path, source: str, policy: str = "AmazonRekognitionFullAccess", other: str = "") -> list[Verdict]:
    (folder / "fn").mkdir()
    (folder / "fn" / "app.py").write_text(source, encoding="utf-8")
    (folder / "fn" / "other.py").write_text(other, encoding="utf-8")
    (folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE % policy), encoding="utf-8")
    graph = read_template(folder / "template.yaml")
    judged = [rule(name) for name in ("face-match-needs-liveness", "face-search-limited", "identity-lambda-calls-detector")]
    context = Context(graph, Scope(), {})
    return [worst_outcome(one.evaluate(entry, context) for entry in graph.of_type(*one.types)).verdict for one in judged]


UNKNOWN, FAIL = Verdict.UNKNOWN, Verdict.FAIL


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (COMPARES, [FAIL, UNKNOWN, FAIL]),
        (SEARCHES, [FAIL, FAIL, FAIL]),
        (LIVE, [UNKNOWN, UNKNOWN, FAIL]),
        (LABELS, [UNKNOWN, UNKNOWN, UNKNOWN]),
        (LIBRARY, [UNKNOWN, UNKNOWN, UNKNOWN]),
        (COMPARES + "await to_thread(client.get_face_liveness_session_results, SessionId=s)\n", [UNKNOWN, UNKNOWN, FAIL]),
        (COMPARES + "# client.get_face_liveness_session_results(SessionId=s)\n", [FAIL, UNKNOWN, FAIL]),
        (LABELS + "# client.compare_faces(SourceImage=a, TargetImage=b)\n", [UNKNOWN, UNKNOWN, UNKNOWN]),
        ("", [UNKNOWN, UNKNOWN, UNKNOWN]),
    ],
)
def test_what_the_source_calls_settles_what_the_permission_leaves_open(tmp_path: Path, source: str, expected: list[Verdict]):
    """Matching, searching, and asking no detector are failures once they are seen in the source; not seeing them proves nothing."""
    assert verdicts(tmp_path, source) == expected


def test_a_permission_that_names_what_is_allowed_needs_no_source(tmp_path: Path):
    """What the source calls beyond its permission is denied anyhow."""
    policy = '{Statement: [{Effect: Allow, Action: "rekognition:DetectLabels", Resource: "*"}]}'
    assert verdicts(tmp_path, COMPARES, policy) == [Verdict.NOT_APPLICABLE] * 3


def test_the_source_of_another_function_says_nothing_of_this_one(tmp_path: Path):
    """Each function has its own role: what one calls isn't done as the other."""
    assert verdicts(tmp_path, LABELS, other=COMPARES) == [UNKNOWN, UNKNOWN, UNKNOWN]


INLINE = """\
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties:
      Handler: index.handler
      Code:
        ZipFile: |
          import boto3
          rek = boto3.client("rekognition")
          def handler(event, context):
              return rek.%s
"""


@pytest.mark.parametrize(("call", "told"), [("compare_faces(**event)", True), ("detect_labels(**event)", False)])
def test_code_that_stands_in_a_template_is_named_where_it_asks_about_faces(tmp_path: Path, call: str, told: bool):
    """Call paths are followed in files; a few lines within a template aren't, and that is said."""
    (tmp_path / "template.yaml").write_text(INLINE % call, encoding="utf-8")
    said = [problem for problem in read_template(tmp_path / "template.yaml").problems if "stands in the template" in problem.reason]
    assert [(problem.blocking, problem.where.line) for problem in said] == ([(False, 6)] if told else [])
