"""Which buckets hold media by what the source of a function does: found through its template, and told from ordinary code."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.core.observer import Observer
from averment.core.scope import MediaRole, Scope
from averment.policies.graph.model import Graph
from averment.policies.rules.media import BUCKET, media_role
from averment.policies.surfaces.cloudformation.stacks import Stacks
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.registry import load_graphs

PILLOW = "import boto3\nfrom PIL import Image\n"
SHARP = 'import sharp from "sharp";\nexport const handler = async () => {};\n'


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def roles(graph: Graph) -> dict[str, MediaRole | None]:
    found = {bucket.address: media_role(bucket, Scope(), graph) for bucket in graph.of_type(BUCKET)}
    return {address: entry[0] if entry else None for address, entry in found.items()}


def told(code: str = "fn/", handler: str = "app.handler", more: str = "") -> str:
    """A template in which a function is told of the new objects of ``Inbox``."""
    return f"""\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Inbox: {{Type: AWS::S3::Bucket}}
          Work:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: {code}
              Handler: {handler}
              Events:
                New: {{Type: S3, Properties: {{Bucket: !Ref Inbox, Events: "s3:ObjectCreated:*"}}}}
        {more}
    """


@pytest.mark.parametrize(
    ("handler", "files"),
    [
        ("app.handler", {"fn__app_dot_py": PILLOW}),
        ("pkg.app.handler", {"fn__pkg__app_dot_py": "import cv2\n"}),
        ("pkg/app.handler", {"fn__pkg__app_dot_py": "from pydub import AudioSegment\n"}),
        ("app.handler", {"fn__app_dot_py": "from thumbs import make\n", "fn__thumbs_dot_py": PILLOW}),
        ("app.handler", {"fn__app_dot_py": "from . import thumbs\n", "fn__thumbs_dot_py": PILLOW}),
        ("app.handler", {"fn__app_dot_ts": SHARP}),
        ("app.handler", {"fn__src__app_dot_js": "const lib = require('./lib/make');\n", "fn__src__lib__make_dot_js": "require('jimp');\n"}),
        ("app.handler", {"fn__app_dot_js": "const { RekognitionClient } = require('@aws-sdk/client-rekognition');\n"}),
        ("app.handler", {"fn__app_dot_py": "client = boto3.client('rekognition')\n"}),
        ("app.handler", {"fn__app_dot_py": "subprocess.run(['/opt/bin/ffmpeg', '-i', source])\n"}),
        ("Photos::Photos.Handlers.Resize::Run", {"fn__Handlers__Resize_dot_cs": "using SixLabors.ImageSharp;\n"}),
        ("Photos::Photos.Resize::Run", {"fn__Resize_dot_cs": "\ufeffusing SkiaSharp;\n"}),
        ("app.handler", {"fn__app_dot_py": "\ufefffrom thumbs import make\n", "fn__thumbs_dot_py": "\ufeff" + PILLOW}),
        ("com.acme.Resize::handleRequest", {"fn__main__com__acme__Resize_dot_java": "import javax.imageio.ImageIO;\n"}),
    ],
)
def test_code_that_works_on_media_tells_of_the_bucket_that_calls_it(tmp_path: Path, handler: str, files: dict[str, str]):
    """Nothing is called after media, yet the function that every new object goes to opens pictures, video or sound."""
    written(tmp_path, **files, template_dot_yaml=told(handler=handler))
    assert roles(read_template(tmp_path / "template.yaml")) == {"Inbox": MediaRole.PUBLISHED}


@pytest.mark.parametrize(
    ("code", "handler", "files"),
    [
        ("fn/", "app.handler", {"fn__app_dot_py": "import csv\n# from PIL import Image\n"}),
        ("fn/", "app.handler", {"fn__other_dot_py": PILLOW, "fn__app_dot_py": "import json\n"}),
        ("fn/", "app.handler", {"fn__app_dot_js": "const pictures = 'sharp';\n"}),
        ("fn/", "gone.handler", {"fn__app_dot_py": PILLOW}),
        ("s3://artifacts/fn.zip", "app.handler", {"fn__app_dot_py": PILLOW}),
        ("../outside/", "app.handler", {"app_dot_py": "import json\n"}),
    ],
)
def test_code_that_does_not_tells_of_nothing(tmp_path: Path, code: str, handler: str, files: dict[str, str]):
    """Comments, files beside the handler that it doesn't import, code that isn't here and code above the checked folder are no evidence."""
    folder = tmp_path / "service"
    written(tmp_path, outside__app_dot_py=PILLOW)
    written(folder, **files, template_dot_yaml=told(code, handler))
    assert roles(read_template(folder / "template.yaml", Stacks(folder))) == {"Inbox": None}


def test_a_name_that_speaks_of_something_else_stays_what_it_is(tmp_path: Path):
    """A log bucket is one, whoever is told of its objects."""
    written(tmp_path, fn__app_dot_py=PILLOW, template_dot_yaml=told().replace("Inbox", "AccessLogs"))
    assert roles(read_template(tmp_path / "template.yaml")) == {"AccessLogs": None}


WORKER = """\
    Resources:
      Store: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-store}}
      Config: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-config}}
      Other: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-other}}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: lambda.amazonaws.com}}]}
          Policies:
            - PolicyName: objects
              PolicyDocument: {Statement: [{Effect: Allow, Action: "%(action)s", Resource: [%(reach)s]}]}
      Work:
        Type: AWS::Lambda::Function
        Properties:
          Role: !GetAtt Role.Arn
          Handler: app.handler
          Code: fn
          Environment: {Variables: {STORE: !Ref Store, OTHER: acme-other}}
      %(more)s
"""
ONE = '"arn:aws:s3:::acme-store/*", "arn:aws:s3:::acme-config/*"'
SECOND = "Second: {Type: AWS::Lambda::Function, Properties: {Role: !GetAtt Role.Arn, Handler: b.handler, Code: fn}}"
PILLOW_STORE = PILLOW + "bucket = os.environ['STORE']\n"


@pytest.mark.parametrize(
    ("source", "action", "reach", "more", "expected"),
    [
        (PILLOW, "s3:PutObject", ONE, "", {"Store"}),
        (PILLOW, "s3:PutObject", ONE, SECOND, set()),
        (PILLOW_STORE, "s3:PutObject", ONE, SECOND, {"Store"}),
        (PILLOW_STORE, "s3:*", '"*"', SECOND, {"Store"}),
        (PILLOW, "s3:*", '"*"', "", set()),
        (PILLOW_STORE, "s3:ListBucket", '"*"', "", set()),
        ("client = boto3.client('rekognition')\n", "s3:PutObject", ONE, "", set()),
        ("client = boto3.client('rekognition')\n", "s3:GetObject", ONE, "", {"Store"}),
    ],
)
def test_rights_tell_where_they_are_the_functions_own(tmp_path: Path, source: str, action: str, reach: str, more: str, expected: set[str]):
    """A role of its own, or an environment variable that the source reads, ties the bucket to the code; what is put beside a look need not be media."""
    written(tmp_path, fn__app_dot_py=source, template_dot_yaml=WORKER % {"action": action, "reach": reach, "more": more})
    graph = read_template(tmp_path / "template.yaml")
    assert {name for name, role in roles(graph).items() if role is not None} == expected


def test_what_is_made_of_media_is_not_taken_for_it(tmp_path: Path):
    """A function that is told of recordings listens to those; where it puts what it heard is another bucket."""
    template = told().replace("Inbox: {Type: AWS::S3::Bucket}", "Inbox: {Type: AWS::S3::Bucket}\n          Outbox: {Type: AWS::S3::Bucket}")
    template = template.replace(
        "              Events:", "              Policies: [{S3CrudPolicy: {BucketName: !Ref Outbox}}]\n              Events:"
    )
    for source, outbox in (("client = boto3.client('transcribe')\n", None), (PILLOW, MediaRole.PUBLISHED)):
        written(tmp_path, fn__app_dot_py=source, template_dot_yaml=template)
        assert roles(read_template(tmp_path / "template.yaml")) == {"Inbox": MediaRole.PUBLISHED, "Outbox": outbox}


def test_what_a_model_makes_is_generated_media(tmp_path: Path):
    """A function that asks an image model puts into its bucket what is synthetic by definition."""
    source = 'MODEL = "stability.sd3-large-v1:0"\nbucket = os.environ["STORE"]\n'
    text = WORKER % {"action": "s3:PutObject", "reach": ONE, "more": ""}
    written(tmp_path, fn__app_dot_py=source, template_dot_yaml=text)
    assert roles(read_template(tmp_path / "template.yaml"))["Store"] is MediaRole.GENERATED


@pytest.mark.parametrize("text", ["from" + " " * 500_000, "from " + "." * 500_000, "import " + "a." * 250_000, "client(" + " " * 500_000])
def test_source_that_is_made_to_be_slow_is_looked_at_like_any_other(tmp_path: Path, text: str):
    """Half a megabyte of what an import could begin with: no pattern tries it in every way, so that this ends."""
    written(tmp_path, fn__app_dot_py=text, template_dot_yaml=told())
    assert roles(read_template(tmp_path / "template.yaml")) == {"Inbox": None}


def test_source_within_the_template_and_behind_an_asset_is_looked_at(tmp_path: Path):
    """Inline code, and the folder that the CDK or Amplify notes for a function."""
    inline = told().replace("CodeUri: fn/", "InlineCode: |\n                import boto3\n                from PIL import Image")
    written(tmp_path, template_dot_yaml=inline)
    assert roles(read_template(tmp_path / "template.yaml")) == {"Inbox": MediaRole.PUBLISHED}
    bare = """\
        Resources:
          Work:
            Type: AWS::Lambda::Function
            Metadata: {"aws:asset:path": "asset.1", "aws:asset:property": Code}
            Properties: {Handler: index.handler, Role: "arn:aws:iam::123456789012:role/r", Code: {S3Bucket: assets, S3Key: a.zip}}
          Inbox:
            Type: AWS::S3::Bucket
            Properties: {NotificationConfiguration: {LambdaConfigurations: [{Event: "s3:ObjectCreated:*", Function: !GetAtt Work.Arn}]}}
    """
    written(tmp_path, asset_dot_1__index_dot_js="var s = require('sharp');\n", template_dot_yaml=bare)
    assert roles(read_template(tmp_path / "template.yaml")) == {"Inbox": MediaRole.PUBLISHED}


def test_a_kept_answer_hangs_on_the_source_as_well(tmp_path: Path):
    """The observer notes the source, so that a cached verdict goes when the code changes."""
    written(tmp_path, fn__app_dot_py=PILLOW, template_dot_yaml=told())
    observer = Observer()
    read_template(tmp_path / "template.yaml", Stacks(tmp_path, observer))
    assert str(tmp_path / "fn" / "app.py") in {question.subject for question in observer.seen if question.kind == "content"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("!Ref DocumentUploadBucketName", MediaRole.UPLOAD),
        ('!Sub "${UploadPrefix}-${AWS::AccountId}"', MediaRole.UPLOAD),
        ('!Sub "${UploadPrefix}-billing"', None),
        ("!Ref BucketName", None),
        ("!Ref DeploymentUploadArtifacts", None),
    ],
)
def test_a_parameter_that_names_a_bucket_is_asked(tmp_path: Path, name: str, expected: MediaRole | None):
    """Nothing of the name is known before deployment, but the parameter says what it is for."""
    parameters = "".join(
        f"  {key}: {{Type: String}}\n" for key in ("DocumentUploadBucketName", "UploadPrefix", "BucketName", "DeploymentUploadArtifacts")
    )
    text = f"Parameters:\n{parameters}Resources:\n  Store:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: {name}}}\n"
    (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
    assert roles(read_template(tmp_path / "template.yaml")) == {"Store": expected}


def test_what_sam_builds_is_not_checked_beside_its_source(tmp_path: Path):
    """``.aws-sam`` holds copies of the templates, which would be found twice."""
    written(tmp_path, fn__app_dot_py=PILLOW, template_dot_yaml=told())
    (tmp_path / ".aws-sam" / "build").mkdir(parents=True)
    (tmp_path / ".aws-sam" / "build" / "template.yaml").write_bytes((tmp_path / "template.yaml").read_bytes())
    assert len(list(load_graphs(tmp_path))) == 1


@pytest.mark.parametrize(("source", "told"), [("serverless.yml", False), ("serverless.ts", True)])
def test_what_the_serverless_framework_packaged_is_checked_where_nothing_else_says_it(tmp_path: Path, source: str, told: bool):
    """``.serverless`` has the state of the last deployment: flaws that are mended beside it stood there still. Of a program it is all there is."""
    (tmp_path / source).write_text("service: shop\nprovider: {name: aws}\nfunctions: {f: {handler: f.f}}\n", encoding="utf-8")
    (tmp_path / ".serverless").mkdir()
    template = "Resources:\n  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}\n"
    (tmp_path / ".serverless" / "template.yaml").write_text(template, encoding="utf-8")
    graphs = list(load_graphs(tmp_path))
    assert any(graph.get("Uploads") is not None for graph in graphs) is told
    assert [problem.reason for graph in graphs for problem in graph.problems] == []
