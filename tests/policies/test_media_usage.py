"""Which buckets hold media where their names don't tell: by labels, by who works on their objects, and not by the project's name."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Verdict
from averment.policies.graph.model import Graph, Resource
from averment.policies.iam.document import Statement
from averment.policies.iam.truth import Truth
from averment.policies.interface import Context, Outcome
from averment.policies.rules import media_usage
from averment.policies.rules.judge import worst_outcome
from averment.policies.rules.media import BUCKET, media_role
from averment.policies.rules.media_usage import project_words, without_project
from averment.policies.rules.registry import rule
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.surface import TerraformSurface


def read(tmp_path: Path, text: str) -> Graph:
    (tmp_path / "main.tf").write_text(textwrap.dedent(text), encoding="utf-8")
    (graph,) = TerraformSurface().graphs(tmp_path)
    return graph


def roles(graph: Graph, scope: Scope | None = None) -> dict[str, MediaRole | None]:
    found = {bucket.address: media_role(bucket, scope or Scope(), graph) for bucket in graph.of_type(BUCKET)}
    return {address.rsplit(".", 1)[-1]: entry[0] if entry else None for address, entry in found.items()}


def outcome(graph: Graph, name: str) -> Outcome:
    subject = rule(name)
    return worst_outcome(subject.evaluate(resource, Context(graph, Scope())) for resource in graph.of_type(*subject.types))


def verdict(graph: Graph, name: str) -> Verdict:
    return outcome(graph, name).verdict


def bucket(label: str, name: str = "var.name") -> str:
    return f'resource "aws_s3_bucket" "{label}" {{\n  bucket = {name}\n}}\n'


def role(label: str, service: str, *statements: str) -> str:
    """A role that ``service`` assumes (or an identity provider, if it has a colon), with one inline policy."""
    kind, _, who = service.rpartition(":")
    trust = f'{{Action = "sts:AssumeRole", Effect = "Allow", Principal = {{{kind or "Service"} = "{who}"}}}}'
    return (
        f'resource "aws_iam_role" "{label}" {{\n  assume_role_policy = jsonencode({{Statement = [{trust}]}})\n}}\n'
        f'resource "aws_iam_role_policy" "{label}" {{\n  role = aws_iam_role.{label}.id\n'
        f"  policy = jsonencode({{Statement = [{', '.join(statements)}]}})\n}}\n"
    )


def allow(action: str, resource: str = '"*"') -> str:
    return f'{{Effect = "Allow", Action = "{action}", Resource = {resource}}}'


def objects(label: str) -> str:
    return f'"${{aws_s3_bucket.{label}.arn}}/*"'


VARIABLE = 'variable "name" {}\n'


@pytest.mark.parametrize(
    ("label", "name", "expected"),
    [
        ("avatars", '"acme-prod-1"', MediaRole.PUBLISHED),
        ("selfies", "var.name", MediaRole.UPLOAD),
        ("kyc_documents", "var.name", MediaRole.UPLOAD),
        ("avatars", '"acme-access-logs"', None),
        ("avatars", '"acme-frontend"', None),
        ("media_logs", "var.name", None),
        ("store", '"acme-uploads-clamav-definitions"', None),
        ("store", '"acme-antivirus-db-media"', None),
        ("store", '"acme-uploads-avscan"', MediaRole.UPLOAD),
        ("storage", '"acme-prod-1"', None),
    ],
)
def test_the_label_is_asked_where_the_name_does_not_tell(tmp_path: Path, label: str, name: str, expected: MediaRole | None):
    """People name the resource after what it holds and the bucket after their company; a name that speaks of something else decides."""
    assert roles(read(tmp_path, VARIABLE + bucket(label, name))) == {label: expected}


@pytest.mark.parametrize(
    ("label", "variable", "expected"),
    [
        ("store", "document_upload_bucket", MediaRole.UPLOAD),
        ("store", "photos", MediaRole.PUBLISHED),
        ("store", "name", None),
        ("store", "static_site_images", None),
        ("store", "upload_logs", None),
        ("access_logs", "media_bucket", None),
        ("frontend", "media_bucket", None),
    ],
)
def test_the_variable_that_names_a_bucket_is_asked_last(tmp_path: Path, label: str, variable: str, expected: MediaRole | None):
    """``bucket = var.upload_bucket`` says what it is for where nothing else does, unless label or variable speak of something else.

    So does it in lower case, which many give it since S3 takes no other.
    """
    for name in (f"var.{variable}", f'lower("${{var.{variable}}}-${{random_id.x.hex}}")', f'replace(trimspace(var.{variable}), "_", "-")'):
        text = f'variable "{variable}" {{}}\nresource "random_id" "x" {{\n  byte_length = 4\n}}\n' + bucket(label, name)
        assert roles(read(tmp_path, text)) == {label: expected}, name


def test_a_part_of_the_name_that_is_known_goes_before_its_variables(tmp_path: Path):
    """``${var.media_team}-billing`` is named after a team and holds bills."""
    text = 'variable "media_team" {}\n' + bucket("store", '"${var.media_team}-billing"')
    assert roles(read(tmp_path, text)) == {"store": None}


def test_a_bucket_without_a_label_of_its_own_has_its_modules(tmp_path: Path):
    """``module.avatars.aws_s3_bucket.this`` is the avatars' bucket, its log bucket isn't."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "main.tf").write_text(VARIABLE + bucket("this") + bucket("access_logs"), encoding="utf-8")
    graph = read(tmp_path, 'module "avatars" {\n  source = "./store"\n  name = "acme-1"\n}\n')
    assert roles(graph) == {"this": MediaRole.PUBLISHED, "access_logs": None}


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        (role("look", "lambda.amazonaws.com", allow("rekognition:DetectLabels"), allow("s3:GetObject", objects("x"))), MediaRole.PUBLISHED),
        (role("look", "lambda.amazonaws.com", allow("rekognition:*"), allow("s3:Get*", objects("x"))), MediaRole.PUBLISHED),
        *(
            (role("look", "lambda.amazonaws.com", allow(f"rekognition:{look}"), allow("s3:GetObject", objects("x"))), MediaRole.PUBLISHED)
            for look in ("DetectCustomLabels", "StartTextDetection", "StartFaceSearch")
        ),
        (role("train", "lambda.amazonaws.com", allow("rekognition:CreateProject"), allow("s3:GetObject", objects("x"))), None),
        (
            role("convert", "lambda.amazonaws.com", allow("mediaconvert:CreateJob"), allow("s3:PutObject", objects("x"))),
            MediaRole.PUBLISHED,
        ),
        (role("convert", "mediaconvert.amazonaws.com", allow("s3:GetObject", objects("x"))), MediaRole.PUBLISHED),
        (role("people", "Federated:cognito-identity.amazonaws.com", allow("s3:PutObject", objects("x"))), MediaRole.UPLOAD),
        (role("people", "Federated:cognito-identity.amazonaws.com", allow("s3:GetObject", objects("x"))), None),
        (role("look", "lambda.amazonaws.com", allow("rekognition:DetectLabels"), allow("s3:GetObject")), None),
        (role("look", "lambda.amazonaws.com", allow("*"), allow("s3:GetObject", objects("x"))), None),
        (role("look", "lambda.amazonaws.com", allow("s3:GetObject", objects("x"))), None),
    ],
)
def test_who_works_on_its_objects_tells_what_a_bucket_holds(tmp_path: Path, holder: str, expected: MediaRole | None):
    """Rekognition looks at pictures, MediaConvert at videos, people upload; a right on every bucket, or to everything, tells nothing."""
    assert roles(read(tmp_path, VARIABLE + bucket("x") + holder)) == {"x": expected}


def test_transcripts_are_text_whoever_made_them(tmp_path: Path):
    """The role that has recordings transcribed writes what was said to a bucket of its own."""
    listen = role("listen", "lambda.amazonaws.com", allow("transcribe:StartTranscriptionJob"), allow("s3:*", objects("x")))
    assert roles(read(tmp_path, VARIABLE + bucket("x") + listen)) == {"x": MediaRole.PUBLISHED}
    graph = read(tmp_path, VARIABLE + bucket("transcripts") + listen.replace(".x.", ".transcripts."))
    assert roles(graph) == {"transcripts": None}


EVERYWHERE = (allow("rekognition:DetectFaces"), allow("s3:GetObject"))
BROWSERS = """
resource "aws_s3_bucket_cors_configuration" "x" {
  bucket = aws_s3_bucket.%(label)s.id
  cors_rule {
    allowed_methods = ["%(method)s"]
    allowed_origins = ["*"]
  }
}
"""


@pytest.mark.parametrize(
    ("label", "method", "rights", "expected"),
    [
        ("main", "PUT", EVERYWHERE, MediaRole.UPLOAD),
        ("main", "GET", EVERYWHERE, None),
        ("main", "PUT", EVERYWHERE[:1], None),
        ("main", "PUT", EVERYWHERE[1:], None),
        ("main", "PUT", (allow("*"), allow("s3:GetObject")), None),
        ("web", "PUT", EVERYWHERE, None),
        ("logs", "PUT", EVERYWHERE, None),
    ],
)
def test_browsers_upload_for_a_role_that_looks_at_every_bucket(
    tmp_path: Path, label: str, method: str, rights: tuple[str, ...], expected: MediaRole | None
):
    """The right on every bucket names none; the one to which browsers write is what it is for, unless that is called after pages or logs."""
    text = VARIABLE + bucket(label) + BROWSERS % {"label": label, "method": method} + role("look", "lambda.amazonaws.com", *rights)
    assert roles(read(tmp_path, text)) == {label: expected}


@pytest.mark.parametrize(
    ("action", "expected"), [("s3:DeleteObject", MediaRole.PUBLISHED), ("s3:PutObjectTagging", MediaRole.PUBLISHED), ("s3:PutObject", None)]
)
def test_who_looks_everywhere_and_tags_or_deletes_here_works_here(tmp_path: Path, action: str, expected: MediaRole | None):
    """Objects are tagged or deleted after a look at them; what is merely put may be what was found out."""
    look = role("look", "lambda.amazonaws.com", *EVERYWHERE, allow(action, objects("x")))
    assert roles(read(tmp_path, VARIABLE + bucket("x") + look)) == {"x": expected}


def test_a_role_that_works_on_many_buckets_tells_of_none(tmp_path: Path):
    """An application's own role reads templates and exports, too."""
    labels = ("a", "b", "c", "d")
    reads = [allow("s3:GetObject", objects(label)) for label in labels]
    graph = read(
        tmp_path,
        VARIABLE
        + "".join(bucket(label) for label in labels)
        + role("app", "ecs-tasks.amazonaws.com", allow("rekognition:DetectLabels"), *reads),
    )
    assert set(roles(graph).values()) == {None}


def test_use_tells_nothing_of_logs_and_where_the_organisation_has_said(tmp_path: Path):
    """A log bucket that is looked at stays one; matchers of one's own are taken at their word."""
    look = role("look", "lambda.amazonaws.com", allow("rekognition:DetectLabels"), allow("s3:GetObject", objects("server_logs")))
    assert roles(read(tmp_path, VARIABLE + bucket("server_logs") + look)) == {"server_logs": None}
    graph = read(tmp_path, VARIABLE + bucket("x") + look.replace("server_logs", "x"))
    assert roles(graph, Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=("*-inbox",)),))) == {"x": None}


PROJECT = """
    resource "aws_s3_bucket" "{media}" {{
      bucket = "photo-share-dev-{media}"
    }}
    resource "aws_s3_bucket" "exports" {{
      bucket = "photo-share-dev-exports"
    }}
    resource "aws_dynamodb_table" "users" {{
      name     = "photo-share-dev-users"
      hash_key = "id"
    }}
    resource "aws_sqs_queue" "jobs" {{
      name = "photo-share-dev-jobs"
    }}
"""


def test_the_projects_name_tells_nothing_where_another_bucket_holds_the_media(tmp_path: Path):
    """``photo-share`` is what everything is called; where no bucket says more, it is all there is to go by."""
    graph = read(tmp_path, PROJECT.format(media="uploads"))
    assert project_words(graph) == ("photo", "share", "dev")
    assert without_project("photo-share-dev-exports", graph) == "exports"
    assert roles(graph) == {"uploads": MediaRole.UPLOAD, "exports": None}
    assert roles(read(tmp_path, PROJECT.format(media="data"))) == {"data": MediaRole.PUBLISHED, "exports": MediaRole.PUBLISHED}


def test_a_label_that_speaks_of_something_else_counts_more_than_the_projects_name(tmp_path: Path):
    """A service called uploads keeps what its scanner knows of viruses, too: its bucket is called after the service, and no upload."""
    text = PROJECT.replace("photo-share", "uploads").replace('"exports"', '"ClamDefsBucket"').format(media="attachments")
    assert roles(read(tmp_path, text)) == {"attachments": MediaRole.UPLOAD, "ClamDefsBucket": None}


def test_words_that_only_some_names_share_are_no_projects(tmp_path: Path):
    """``acme-media-originals`` and ``acme-media-thumbs`` are what they say, beside other things of acme's."""
    names = ("media-originals", "media-thumbs", "uploads", "billing", "users", "orders")
    text = "".join(bucket(name.replace("-", "_"), f'"acme-{name}"') for name in names)
    graph = read(tmp_path, text)
    assert project_words(graph) == ("acme",)
    assert roles(graph)["media_originals"] is MediaRole.PUBLISHED


TABLES = """
    resource "aws_dynamodb_table" "{label}" {{
      name     = "face-door-dev-{label}"
      hash_key = "id"
    }}
    resource "aws_rekognition_collection" "{other}" {{
      collection_id = "face-door-dev-{other}"
    }}
    resource "aws_sqs_queue" "jobs" {{
      name = "face-door-dev-jobs"
    }}
    resource "aws_sns_topic" "news" {{
      name = "face-door-dev-news"
    }}
    resource "aws_iam_user_policy" "end" {{
      user   = "ops"
      policy = jsonencode({{Statement = [{{Effect = "Allow", Action = "rekognition:DeleteFaces", Resource = "*"}}]}})
    }}
"""


def test_a_project_about_faces_has_tables_that_hold_none(tmp_path: Path):
    """Its event table is called after the project; the faces lie where something is called after them, or in all of it."""
    assert verdict(read(tmp_path, TABLES.format(label="events", other="faces")), "biometric-retention-limited") is Verdict.PASS
    assert verdict(read(tmp_path, TABLES.format(label="faceprints", other="faces")), "biometric-retention-limited") is Verdict.FAIL
    assert verdict(read(tmp_path, TABLES.format(label="events", other="people")), "biometric-retention-limited") is Verdict.FAIL


def test_a_bucket_whose_faces_are_matched_holds_biometric_data(tmp_path: Path):
    """A role reads it and searches by image: it has to expire, whatever its name; labels of ordinary pictures are no faces."""
    for action, expected in (("rekognition:SearchFacesByImage", Verdict.FAIL), ("rekognition:DetectLabels", Verdict.NOT_APPLICABLE)):
        look = role("look", "lambda.amazonaws.com", allow(action), allow("s3:GetObject", objects("door")))
        assert verdict(read(tmp_path, VARIABLE + bucket("door") + look), "biometric-retention-limited") is expected


def test_guests_of_an_identity_pool_write_to_whatever_they_may(tmp_path: Path):
    """A site into which everybody may put pictures is a place of uploads, and the grant is to anyone."""
    guests = """
        resource "aws_iam_role" "guest" {
          assume_role_policy = jsonencode({Statement = [{
            Effect    = "Allow"
            Action    = "sts:AssumeRoleWithWebIdentity"
            Principal = {Federated = "cognito-identity.amazonaws.com"}
            Condition = {"ForAnyValue:StringLike" = {"cognito-identity.amazonaws.com:amr" = "unauthenticated"}}
          }]})
        }
        resource "aws_iam_role_policy" "guest" {
          role   = aws_iam_role.guest.id
          policy = jsonencode({Statement = [{Effect = "Allow", Action = "s3:PutObject", Resource = "${aws_s3_bucket.site.arn}/photos/*"}]})
        }
    """
    graph = read(tmp_path, VARIABLE + bucket("site") + textwrap.dedent(guests))
    assert roles(graph) == {"site": MediaRole.UPLOAD}
    assert verdict(graph, "s3-put-object-gated") is Verdict.FAIL


API = """
    resource "aws_apigatewayv2_api" "api" {
      name          = "api"
      protocol_type = "HTTP"
    }
"""


def function(name: str, route: str, buckets: tuple[str, ...], held_by: str = "app") -> str:
    variables = ", ".join(f"{label} = aws_s3_bucket.{label}.id" for label in buckets)
    return f"""
        resource "aws_lambda_function" "{name}" {{
          function_name = "{name}"
          role          = aws_iam_role.{held_by}.arn
          environment {{
            variables = {{ {variables} }}
          }}
        }}
        resource "aws_apigatewayv2_integration" "{name}" {{
          api_id           = aws_apigatewayv2_api.api.id
          integration_type = "AWS_PROXY"
          integration_uri  = aws_lambda_function.{name}.invoke_arn
        }}
        resource "aws_apigatewayv2_route" "{name}" {{
          api_id    = aws_apigatewayv2_api.api.id
          route_key = "{route}"
          target    = "integrations/${{aws_apigatewayv2_integration.{name}.id}}"
        }}
    """


def writer(*labels: str) -> str:
    return role("app", "lambda.amazonaws.com", *(allow("s3:PutObject", objects(label)) for label in labels))


def test_a_bucket_for_which_a_function_presigns_takes_uploads(tmp_path: Path):
    """Its name says pictures, the function says uploads: nothing scans them."""
    text = bucket("pictures", '"acme-pictures"') + writer("pictures") + textwrap.dedent(API)
    graph = read(tmp_path, text + textwrap.dedent(function("presign", "POST /upload-url", ("pictures",))))
    assert verdict(graph, "media-bucket-events-scanned") is Verdict.FAIL
    other = read(tmp_path, text + textwrap.dedent(function("render", "POST /postcards", ("pictures",))))
    assert verdict(other, "media-bucket-events-scanned") is Verdict.NOT_APPLICABLE


def test_results_of_uploads_are_no_uploads(tmp_path: Path):
    """The function presigns for one bucket, and its role may write to that of the thumbnails as well."""
    text = bucket("uploads", '"acme-uploads"') + bucket("thumbnails", '"acme-thumbnails"') + writer("uploads", "thumbnails")
    graph = read(
        tmp_path, text + textwrap.dedent(API) + textwrap.dedent(function("presign", "POST /upload-url", ("uploads", "thumbnails")))
    )
    subject = rule("media-bucket-events-scanned")
    told = {entry.address: subject.evaluate(entry, Context(graph, Scope())).verdict for entry in graph.of_type(BUCKET)}
    assert told == {"aws_s3_bucket.uploads": Verdict.FAIL, "aws_s3_bucket.thumbnails": Verdict.NOT_APPLICABLE}


def test_a_shared_role_is_for_the_function_that_is_called_after_uploading(tmp_path: Path):
    """A webhook beside it isn't an upload API; alone with that right it is."""
    text = bucket("uploads", '"acme-uploads"') + writer("uploads") + textwrap.dedent(API)
    hook = textwrap.dedent(function("payments", "POST /webhook", ("uploads",)))
    presign = textwrap.dedent(function("presign", "POST /upload-url", ("uploads",)))
    subject = rule("upload-api-authorised")

    def told(graph: Graph) -> dict[str, Verdict]:
        routes = graph.of_type("AWS::ApiGatewayV2::Route")
        return {route.address.rsplit(".", 1)[-1]: subject.evaluate(route, Context(graph, Scope())).verdict for route in routes}

    assert told(read(tmp_path, text + hook + presign)) == {"payments": Verdict.NOT_APPLICABLE, "presign": Verdict.FAIL}
    assert told(read(tmp_path, text + hook)) == {"payments": Verdict.FAIL}


@pytest.mark.parametrize(
    ("own", "route", "expected"),
    [
        ("app", "GET /pictures", Verdict.PASS),
        ("app", "POST /pictures/{id}", Verdict.PASS),
        ("app", "GET /upload-url/{id}", Verdict.PASS),
        ("app", "GET /pictures/{id}", Verdict.UNKNOWN),
        ("app", "GET /download", Verdict.UNKNOWN),
        ("app", "ANY /download", Verdict.UNKNOWN),
        ("app", "POST /download", Verdict.PASS),
        ("reader", "GET /pictures", Verdict.FAIL),
    ],
)
def test_a_function_that_shares_the_scanners_role_reads_nothing_by_that(tmp_path: Path, own: str, route: str, expected: Verdict):
    """The scanner has to read objects, and whoever runs as the same role may do so, too; a role of its own says more, and so does a path
    by which somebody gets a picture of their choice."""
    may_read = allow("s3:GetObject", objects("uploads"))
    text = f"""
        {bucket("uploads", '"acme-uploads"')}
        {role("app", "lambda.amazonaws.com", may_read)}
        {role("reader", "lambda.amazonaws.com", may_read)}
        resource "aws_lambda_function" "scan" {{
          function_name = "scan"
          role          = aws_iam_role.app.arn
        }}
        resource "aws_s3_bucket_notification" "uploads" {{
          bucket = aws_s3_bucket.uploads.id
          lambda_function {{
            lambda_function_arn = aws_lambda_function.scan.arn
            events              = ["s3:ObjectCreated:*"]
          }}
        }}
        {API}
        {function("show", route, ("uploads",), own)}
    """
    assert verdict(read(tmp_path, text), "unscanned-not-readable") is expected


@pytest.mark.parametrize(
    ("task", "held_by", "expected"),
    [
        ("Resource = aws_lambda_function.scan.arn", "app", Verdict.PASS),
        ("Resource = aws_lambda_function.scan.arn", "scanner", Verdict.FAIL),
        (
            'Resource = "arn:aws:states:::lambda:invoke", Parameters = { FunctionName = "${aws_lambda_function.scan.arn}:live" }',
            "scanner",
            Verdict.FAIL,
        ),
        (
            'Resource = "arn:aws:states:::lambda:invoke", Parameters = { FunctionName = aws_lambda_function.show.arn }',
            "scanner",
            Verdict.PASS,
        ),
        ('Resource = "arn:aws:states:::sqs:sendMessage"', "scanner", Verdict.PASS),
    ],
)
def test_what_a_state_machine_runs_is_told_of_what_starts_it(tmp_path: Path, task: str, held_by: str, expected: Verdict):
    """With the scanner behind a state machine nobody counted as told, and whoever answers requests read what it hadn't seen yet."""
    text = f"""
        {bucket("uploads", '"acme-uploads"')}
        {role("app", "lambda.amazonaws.com", allow("s3:GetObject", objects("uploads")))}
        {role("scanner", "lambda.amazonaws.com", allow("s3:GetObject", objects("uploads")))}
        resource "aws_lambda_function" "scan" {{
          function_name = "scan"
          role          = aws_iam_role.{held_by}.arn
        }}
        resource "aws_sfn_state_machine" "scan" {{
          name       = "scan"
          definition = jsonencode({{ StartAt = "Scan", States = {{ Scan = {{ Type = "Task", {task}, End = true }} }} }})
        }}
        resource "aws_s3_bucket_notification" "uploads" {{
          bucket      = aws_s3_bucket.uploads.id
          eventbridge = true
        }}
        resource "aws_cloudwatch_event_rule" "uploads" {{
          event_pattern = jsonencode({{ source = ["aws.s3"], "detail-type" = ["Object Created"] }})
        }}
        resource "aws_cloudwatch_event_target" "uploads" {{
          rule = aws_cloudwatch_event_rule.uploads.name
          arn  = aws_sfn_state_machine.scan.arn
        }}
        {API}
        {function("show", "GET /pictures", ("uploads",))}
    """
    assert verdict(read(tmp_path, text), "unscanned-not-readable") is expected


@pytest.mark.parametrize(
    ("name", "service", "right", "expected"),
    [
        ("supplier-images", "transfer.amazonaws.com", allow("s3:PutObject", objects("drop")), MediaRole.UPLOAD),
        ("supplier-images", "transfer.amazonaws.com", allow("s3:GetObject", objects("drop")), MediaRole.PUBLISHED),
        ("supplier-images", "lambda.amazonaws.com", allow("s3:PutObject", objects("drop")), MediaRole.PUBLISHED),
        ("supplier-feeds", "transfer.amazonaws.com", allow("s3:PutObject", objects("drop")), None),
    ],
)
def test_partners_upload_by_transfer_family(tmp_path: Path, name: str, service: str, right: str, expected: MediaRole | None):
    """Pictures that suppliers send by SFTP were taken for the shop's own: nothing asked whether a scanner hears of them. Feeds are no media."""
    graph = read(tmp_path, bucket("drop", f'"acme-{name}"') + role("sftp", service, right))
    assert roles(graph) == {"drop": expected}
    assert verdict(graph, "media-bucket-events-scanned") is (Verdict.FAIL if expected is MediaRole.UPLOAD else Verdict.NOT_APPLICABLE)


COPIED = """
resource "aws_lambda_function" "scan" { function_name = "scan" }
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  lambda_function {
    lambda_function_arn = aws_lambda_function.scan.arn
    events              = [%s]
  }
}
resource "aws_s3_bucket_replication_configuration" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  rule {
    status = "%s"
    %s
    destination { bucket = aws_s3_bucket.copies.arn }
  }
}
resource "aws_s3_bucket_policy" "copies" {
  bucket = aws_s3_bucket.copies.id
  policy = jsonencode({Statement = [%s]})
}
"""
TAGGED = 'filter { tag {\n key = "verdict"\n value = "clean"\n } }'
EVERYBODY = '{Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.copies.arn}/*"}'


@pytest.mark.parametrize(
    ("events", "status", "limit", "statement", "heard", "readable"),
    [
        ('"s3:ObjectCreated:*"', "Enabled", "", "", Verdict.PASS, Verdict.PASS),
        ("", "Enabled", "", "", Verdict.FAIL, Verdict.PASS),
        ('"s3:ObjectCreated:*"', "Disabled", "", "", Verdict.FAIL, Verdict.PASS),
        ('"s3:ObjectCreated:*"', "Enabled", "", EVERYBODY, Verdict.PASS, Verdict.FAIL),
        ('"s3:ObjectCreated:*"', "Disabled", "", EVERYBODY, Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_replication_copies_what_was_not_scanned(
    tmp_path: Path, events: str, status: str, limit: str, statement: str, heard: Verdict, readable: Verdict
):
    """A replica of what is scanned needs no scanner of its own, and whoever reads it reads what the scanner hasn't seen yet."""
    both = bucket("uploads", '"acme-uploads"') + bucket("copies", '"acme-uploads-copies"')
    graph = read(tmp_path, both + COPIED % (events, status, limit, statement))
    assert verdict(graph, "media-bucket-events-scanned") is heard
    assert verdict(graph, "unscanned-not-readable") is readable


@pytest.mark.parametrize(("limit", "expected"), [("", Verdict.FAIL), ('filter { prefix = "in/" }', Verdict.FAIL), (TAGGED, Verdict.PASS)])
def test_replication_by_tag_waits_for_nobody(tmp_path: Path, limit: str, expected: Verdict):
    """What a scanner writes comes too late for it, so that nothing is copied; a folder is copied as it comes. The place needn't be called after media."""
    both = bucket("uploads", '"acme-uploads"') + bucket("copies", '"acme-stuff"')
    graph = read(tmp_path, both + COPIED % ('"s3:ObjectCreated:*"', "Enabled", limit, EVERYBODY))
    assert verdict(graph, "unscanned-not-readable") is expected


@pytest.mark.parametrize(
    ("resolved", "unresolved"),
    [
        ('status = "Enabled"', "status = var.it"),
        ("rule {", 'dynamic "rule" {\n for_each = var.it\n content {'),
        ("bucket = aws_s3_bucket.copies.arn }", "bucket = var.it }"),
    ],
)
def test_replication_that_is_not_resolved_is_a_question(tmp_path: Path, resolved: str, unresolved: str):
    """Whether S3 copies uploads to where everybody reads wasn't known, and the bucket passed."""
    copied = COPIED % ('"s3:ObjectCreated:*"', "Enabled", "", EVERYBODY)
    assert resolved in copied
    copied = copied.replace(resolved, unresolved).replace("copies.arn }\n", "copies.arn }\n" + "}" * unresolved.count("content"))
    graph = read(tmp_path, 'variable "it" {}\n' + bucket("uploads", '"acme-uploads"') + bucket("copies", '"acme-stuff"') + copied)
    assert verdict(graph, "unscanned-not-readable") is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("name", "limit", "expected"),
    [
        ("acme-published", "", Verdict.UNKNOWN),
        ("acme-published", TAGGED, Verdict.PASS),
        ("acme-media-backup", "", Verdict.PASS),
        ("acme-stuff", "", Verdict.PASS),
    ],
)
def test_replication_to_what_is_published_elsewhere_is_a_question(tmp_path: Path, name: str, limit: str, expected: Verdict):
    """Another stack's or account's bucket, by its ARN: S3 copies uploads there before anybody has looked, and who reads them wasn't asked."""
    copied = COPIED.partition('resource "aws_s3_bucket_policy"')[0] % ('"s3:ObjectCreated:*"', "Enabled", limit)
    copied = copied.replace("aws_s3_bucket.copies.arn", f'"arn:aws:s3:::{name}"')
    graph = read(tmp_path, bucket("uploads", '"acme-uploads"') + copied)
    assert verdict(graph, "unscanned-not-readable") is expected


GATED = '{Effect = "Deny", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.uploads.arn}/*", Condition = {StringNotEquals = {"s3:ExistingObjectTag/verdict" = "clean"}}}'


@pytest.mark.parametrize(("name", "expected"), [("uploads", Verdict.FAIL), ("media", Verdict.PASS)])
def test_what_is_published_is_replicated_to_readers(tmp_path: Path, name: str, expected: Verdict):
    """A pipeline puts there what it has seen: a second region that the CDN falls back to failed, for the first one's Deny on the verdict's tag."""
    text = bucket("uploads", f'"acme-{name}"') + bucket("copies", '"acme-stuff"')
    gate = f'resource "aws_s3_bucket_policy" "it" {{\n  bucket = aws_s3_bucket.uploads.id\n  policy = jsonencode({{Statement = [{GATED}]}})\n}}\n'
    graph = read(tmp_path, text + gate + COPIED % ('"s3:ObjectCreated:*"', "Enabled", "", EVERYBODY))
    assert verdict(graph, "unscanned-not-readable") is expected


PROXY = """
resource "aws_api_gateway_rest_api" "api" { name = "api" }
resource "aws_api_gateway_resource" "it" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "{key}"
}
resource "aws_api_gateway_method" "it" {
  rest_api_id   = aws_api_gateway_rest_api.api.id
  resource_id   = aws_api_gateway_resource.it.id
  http_method   = "%(method)s"
  authorization = "AWS_IAM"
}
resource "aws_api_gateway_integration" "it" {
  rest_api_id             = aws_api_gateway_rest_api.api.id
  resource_id             = aws_api_gateway_resource.it.id
  http_method             = aws_api_gateway_method.it.http_method
  type                    = "AWS"
  integration_http_method = "%(method)s"
  credentials             = aws_iam_role.proxy.arn
  uri                     = "arn:aws:apigateway:eu-west-1:s3:path/%(path)s"
}
"""


@pytest.mark.parametrize(
    ("method", "path", "right", "expected"),
    [
        ("GET", "acme-uploads/{key}", allow("s3:GetObject", objects("uploads")), Verdict.FAIL),
        ("GET", "acme-uploads/{key}", allow("s3:GetObject"), Verdict.FAIL),
        ("GET", "{bucket}/{key}", allow("s3:GetObject"), Verdict.FAIL),
        ("GET", "acme-pages/{key}", allow("s3:GetObject"), Verdict.PASS),
        ("GET", "acme-uploads/{key}", allow("s3:PutObject", objects("uploads")), Verdict.PASS),
        ("PUT", "acme-uploads/{key}", allow("s3:*", objects("uploads")), Verdict.PASS),
    ],
)
def test_an_api_that_asks_s3_itself_is_a_reader(tmp_path: Path, method: str, path: str, right: str, expected: Verdict):
    """Without a function nobody counted, and whoever called the API read what wasn't scanned yet."""
    text = bucket("uploads", '"acme-uploads"') + role("proxy", "apigateway.amazonaws.com", right) + PROXY % {"method": method, "path": path}
    assert verdict(read(tmp_path, text), "unscanned-not-readable") is expected


MODERATED = allow("rekognition:DetectModerationLabels")


@pytest.mark.parametrize(
    ("name", "route", "right", "browsers", "beside", "expected"),
    [
        ("upload", "POST /photos", MODERATED, "", "", Verdict.UNKNOWN),
        ("upload", "POST /photos", allow("sagemaker:InvokeEndpoint"), "", "", Verdict.UNKNOWN),
        ("upload", "POST /photos", allow("rekognition:*"), "", "", Verdict.FAIL),
        ("upload", "POST /photos", allow("dynamodb:PutItem"), "", "", Verdict.FAIL),
        ("presign", "POST /photos", MODERATED, "", "", Verdict.FAIL),
        ("upload", "POST /upload-url", MODERATED, "", "", Verdict.FAIL),
        ("upload", "POST /photos", MODERATED, "PUT", "", Verdict.FAIL),
        ("upload", "POST /photos", MODERATED, "", "scan", Verdict.FAIL),
    ],
)
@pytest.mark.parametrize(
    "rule_id", ["media-bucket-events-scanned", "unscanned-not-readable", "upload-provenance-tagged", "quarantine-not-served"]
)
def test_a_function_may_look_at_what_it_is_sent_before_it_writes(
    tmp_path: Path, rule_id: str, name: str, route: str, right: str, browsers: str, beside: str, expected: Verdict
):
    """Who moderates a picture within the request was told that nobody had scanned what the CDN serves. Whether it does so first is a question;
    what comes by a link, or from a browser, doesn't come through the function, and a right of a shared role may be another's."""
    text = bucket("media", '"acme-media"') + role("app", "lambda.amazonaws.com", allow("s3:PutObject", objects("media")), right)
    text += textwrap.dedent(API) + textwrap.dedent(function(name, route, ("media",)))
    text += """
        resource "aws_s3_bucket_policy" "media" {
          bucket = aws_s3_bucket.media.id
          policy = jsonencode({Statement = [
            {Effect = "Allow", Principal = {Service = "cloudfront.amazonaws.com"}, Action = "s3:GetObject", Resource = "${aws_s3_bucket.media.arn}/*"}]})
        }
    """
    if browsers:
        text += f"""
        resource "aws_s3_bucket_cors_configuration" "media" {{
          bucket = aws_s3_bucket.media.id
          cors_rule {{
            allowed_methods = ["{browsers}"]
            allowed_origins = ["*"]
          }}
        }}
        """
    if beside:
        text += f'resource "aws_lambda_function" "{beside}" {{\n  function_name = "{beside}"\n  role = aws_iam_role.app.arn\n}}\n'
    assert verdict(read(tmp_path, text), rule_id) is expected


GATE = """
resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({Statement = [{
    Effect    = "Deny"
    %s
    Action    = "s3:GetObject"
    Resource  = "${aws_s3_bucket.uploads.arn}/*"
    Condition = { StringNotEquals = { "s3:ExistingObjectTag/verdict" = "clean" }, %s }
  }]})
}
resource "aws_lambda_function" "scan" {
  function_name = "scan"
  role          = aws_iam_role.scanner.arn
}
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  lambda_function {
    lambda_function_arn = aws_lambda_function.scan.arn
    events              = ["s3:ObjectCreated:*"]
  }
}
"""


@pytest.mark.parametrize(
    ("who", "spared", "expected"),
    [
        ('Principal = "*"', 'ArnNotEquals = { "aws:PrincipalArn" = aws_iam_role.scanner.arn }', Verdict.PASS),
        ('Principal = "*"', 'ArnNotEquals = { "aws:PrincipalArn" = [aws_iam_role.scanner.arn, aws_iam_role.app.arn] }', Verdict.UNKNOWN),
        ('Principal = "*"', 'ArnNotLike = { "aws:PrincipalArn" = "arn:aws:sts::123456789012:assumed-role/app/*" }', Verdict.UNKNOWN),
        ('Principal = "*"', 'ArnNotLike = { "aws:PrincipalArn" = "arn:aws:sts::123456789012:assumed-role/scanner/*" }', Verdict.PASS),
        ("NotPrincipal = { AWS = aws_iam_role.app.arn }", "", Verdict.UNKNOWN),
        ("NotPrincipal = { AWS = aws_iam_role.scanner.arn }", "", Verdict.PASS),
    ],
)
def test_a_gate_that_spares_a_reader_is_a_question(tmp_path: Path, who: str, spared: str, expected: Verdict):
    """The Deny has to spare the scanner; one that spares whoever answers requests as well kept nobody out there, and passed."""
    may_read = allow("s3:GetObject", objects("uploads"))
    text = (
        bucket("uploads", '"acme-uploads"')
        + role("app", "lambda.amazonaws.com", may_read)
        + role("scanner", "lambda.amazonaws.com", may_read)
    )
    for label in ("app", "scanner"):
        text = text.replace(f'resource "aws_iam_role" "{label}" {{', f'resource "aws_iam_role" "{label}" {{\n  name = "{label}"')
    shown = textwrap.dedent(API) + textwrap.dedent(function("show", "GET /pictures", ("uploads",)))
    assert verdict(read(tmp_path, text + GATE % (who, spared) + shown), "unscanned-not-readable") is expected


def test_a_gate_that_spares_one_role_of_scanner_and_reader_asks_for_two(tmp_path: Path) -> None:
    """Not to spare it, as is advised of a reader's role, would keep the scanner out."""
    spared = 'ArnNotEquals = { "aws:PrincipalArn" = aws_iam_role.scanner.arn }'
    text = bucket("uploads", '"acme-uploads"') + role("scanner", "lambda.amazonaws.com", allow("s3:GetObject", objects("uploads")))
    shown = textwrap.dedent(API) + textwrap.dedent(function("show", "GET /pictures/{id}", ("uploads",), "scanner"))
    found = outcome(read(tmp_path, text + GATE % ('Principal = "*"', spared) + shown), "unscanned-not-readable")
    assert found.verdict is Verdict.UNKNOWN
    assert "so does what is told of new objects; a role of its own" in found.message
    assert "don't spare it" not in found.message


_OWN, _SHARED = '"${aws_s3_bucket.uploads.arn}/$${cognito-identity.amazonaws.com:sub}/*"', '"${aws_s3_bucket.uploads.arn}/shared/*"'


@pytest.mark.parametrize(("may", "expected"), [(_OWN, Verdict.PASS), (f"[{_OWN}]", Verdict.PASS), (f"[{_OWN}, {_SHARED}]", Verdict.FAIL)])
def test_users_who_may_read_more_than_their_own_folder_read_what_others_sent(tmp_path: Path, may: str, expected: Verdict):
    """One's own uploads one has seen. A list that begins with the own folder and goes on with another is one of both."""
    text = bucket("uploads", '"acme-uploads"') + role("people", "Federated:cognito-identity.amazonaws.com", allow("s3:GetObject", may))
    assert verdict(read(tmp_path, text), "unscanned-not-readable") is expected


ELSEWHERE = """\
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: acme-uploads}}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: pictures}}
  Any: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: "{key}"}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: apigateway.amazonaws.com}, Action: sts:AssumeRole}]}
      Policies:
        - PolicyName: it
          PolicyDocument: {Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub "${Uploads.Arn}/*"}]}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Any
      HttpMethod: GET
      AuthorizationType: NONE
      Integration:
        Type: AWS
        IntegrationHttpMethod: GET
        Uri: !Join ["", ["arn:aws:apigateway:", !ImportValue Region, ":s3:path/", !Ref Uploads, "/{key}"]]
        Credentials: !GetAtt Role.Arn
"""


def test_an_api_that_asks_s3_itself_is_known_where_its_region_is_not(tmp_path: Path):
    """Of a URI of which a part isn't known the bucket may well be."""
    (tmp_path / "template.yaml").write_text(ELSEWHERE)
    assert verdict(read_template(tmp_path / "template.yaml"), "unscanned-not-readable") is Verdict.FAIL


def test_an_api_that_asks_s3_by_a_role_that_is_not_known_is_a_question(tmp_path: Path):
    """What the role may read stands elsewhere."""
    (tmp_path / "template.yaml").write_text(ELSEWHERE.replace("!GetAtt Role.Arn\n", "!ImportValue Role\n"))
    assert verdict(read_template(tmp_path / "template.yaml"), "unscanned-not-readable") is Verdict.UNKNOWN


QUEUED = """
resource "aws_sqs_queue" "scan" { name = "scan" }
resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  queue {
    queue_arn = aws_sqs_queue.scan.arn
    events    = ["s3:ObjectCreated:*"]
  }
}
"""
STARTED = """
variable "definition" {}
resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
}
resource "aws_cloudwatch_event_rule" "uploads" {
  event_pattern = jsonencode({ source = ["aws.s3"], "detail-type" = ["Object Created"] })
}
resource "aws_cloudwatch_event_target" "uploads" {
  rule = aws_cloudwatch_event_rule.uploads.name
  arn  = %s
}
"""
MACHINE = """
resource "aws_sfn_state_machine" "scan" {
  name       = "scan"
  role_arn   = aws_iam_role.worker.arn
  definition = %s
}
"""
LOOK = 'jsonencode({ States = { Scan = { Type = "Task", Resource = "arn:aws:states:::aws-sdk:rekognition:detectModerationLabels" } } })'
RECEIVE = allow("sqs:ReceiveMessage", "aws_sqs_queue.scan.arn")
CENTRAL = """
resource "aws_ecs_cluster" "c" { name = "c" }
resource "aws_cloudwatch_event_bus" "central" { name = "central" }
resource "aws_cloudwatch_event_rule" "central" {
  event_bus_name = aws_cloudwatch_event_bus.central.name
  event_pattern  = jsonencode({ source = ["aws.s3"] })
}
resource "aws_cloudwatch_event_target" "central" {
  rule           = aws_cloudwatch_event_rule.central.name
  event_bus_name = aws_cloudwatch_event_bus.central.name
  arn            = aws_ecs_cluster.c.arn
}
"""
AGAIN = """
resource "aws_lambda_function" "again" {
  function_name = "again"
  role          = aws_iam_role.app.arn
}
resource "aws_lambda_event_source_mapping" "again" {
  event_source_arn = aws_sqs_queue.missed.arn
  function_name    = aws_lambda_function.again.arn
}
resource "aws_sqs_queue" "missed" { name = "missed" }
resource "aws_sqs_queue" "read" {
  name           = "read"
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.missed.arn, maxReceiveCount = 3 })
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(QUEUED + role("worker", "ecs-tasks.amazonaws.com", RECEIVE), Verdict.FAIL, id="a task receives"),
        pytest.param(QUEUED + role("worker", "ecs-tasks.amazonaws.com"), Verdict.UNKNOWN, id="nobody who is known receives"),
        pytest.param(
            STARTED % "aws_ecs_cluster.c.arn" + 'resource "aws_ecs_cluster" "c" { name = "c" }', Verdict.FAIL, id="a task is started"
        ),
        pytest.param(STARTED % '"arn:aws:batch:eu-west-1:123456789012:job-queue/scan"', Verdict.UNKNOWN, id="a target elsewhere"),
        pytest.param(STARTED % "aws_cloudwatch_event_bus.central.arn" + CENTRAL, Verdict.FAIL, id="a task is started by another bus"),
        pytest.param(STARTED % "aws_sfn_state_machine.scan.arn" + MACHINE % LOOK, Verdict.FAIL, id="a state machine looks"),
        pytest.param(STARTED % "aws_sfn_state_machine.scan.arn" + MACHINE % "var.definition", Verdict.UNKNOWN, id="a definition elsewhere"),
        pytest.param(STARTED % "aws_sqs_queue.read.arn" + AGAIN, Verdict.UNKNOWN, id="a shared role for what was missed"),
    ],
)
def test_what_looks_at_uploads_need_be_no_function(tmp_path: Path, text: str, expected: Verdict):
    """With a task or a state machine as the scanner nobody counted as told, and whoever answers requests read what it hadn't seen yet."""
    reading = bucket("uploads", '"acme-uploads"') + role("app", "lambda.amazonaws.com", allow("s3:GetObject", objects("uploads")))
    shown = textwrap.dedent(API) + textwrap.dedent(function("show", "GET /pictures", ("uploads",)))
    assert verdict(read(tmp_path, reading + text + shown), "unscanned-not-readable") is expected


@pytest.mark.parametrize(
    ("trusted", "right", "expected"),
    [
        ("arn:aws:iam::999999999999:root", allow("s3:GetObject", objects("uploads")), Verdict.FAIL),
        ("arn:aws:iam::999999999999:role/partner", allow("s3:GetObject", objects("uploads")), Verdict.UNKNOWN),
        ("arn:aws:iam::999999999999:root", allow("s3:ListBucket", "aws_s3_bucket.uploads.arn"), Verdict.PASS),
        ("arn:aws:iam::999999999999:root", allow("s3:Get*"), Verdict.FAIL),
        ("arn:aws:iam::999999999999:root", allow("*"), Verdict.PASS),
        (
            "arn:aws:iam::999999999999:root",
            allow("s3:GetObject", f'{objects("uploads")}, Condition = {{StringEquals = {{"s3:ExistingObjectTag/verdict" = "clean"}}}}'),
            Verdict.PASS,
        ),
        ("${data.aws_caller_identity.current.account_id}", allow("s3:GetObject", objects("uploads")), Verdict.PASS),
    ],
)
def test_a_role_that_an_outsider_may_assume_lends_it_the_right_to_read(tmp_path: Path, trusted: str, right: str, expected: Verdict):
    """Who gave a partner a role rather than a place in the bucket's policy had a check that passed: every upload could be fetched at once.

    Without ``scope.accounts`` another account's role may be one's own.
    """
    own = 'data "aws_caller_identity" "current" {}\n'
    graph = read(tmp_path, own + bucket("uploads", '"acme-uploads"') + role("partner", "AWS:TRUSTED", right).replace("TRUSTED", trusted))
    found = outcome(graph, "unscanned-not-readable")
    assert found.verdict is expected
    assert ("root, an account that isn't in scope.accounts, whom" in found.message) is (expected is Verdict.FAIL)


def test_a_worker_with_the_readers_role_lends_it_the_right_to_read(tmp_path: Path):
    """As with functions that share a role: the worker has to read what it looks at, so the right says nothing of who else has it."""
    text = (
        bucket("uploads", '"acme-uploads"')
        + QUEUED
        + role("app", "ecs-tasks.amazonaws.com", allow("s3:GetObject", objects("uploads")), RECEIVE)
    )
    shown = textwrap.dedent(API) + textwrap.dedent(function("show", "GET /pictures", ("uploads",)))
    assert verdict(read(tmp_path, text + shown), "unscanned-not-readable") is Verdict.PASS


@pytest.mark.parametrize(
    ("running", "enabled", "expected"),
    [("-1", "true", Verdict.PASS), ("0", "true", Verdict.FAIL), ("-1", "false", Verdict.FAIL), ("var.bound", "true", Verdict.UNKNOWN)],
)
def test_a_scanner_that_never_runs_lends_its_right_to_read_to_nobody(tmp_path: Path, running: str, enabled: str, expected: Verdict):
    """A reader behind an API shares the role of a function that is told through a queue: only while that one is, does it say anything."""
    text = f"""
        variable "bound" {{ type = number }}
        {bucket("uploads", '"acme-uploads"')}
        {role("app", "lambda.amazonaws.com", allow("s3:GetObject", objects("uploads")))}
        resource "aws_sqs_queue" "scan" {{ name = "scan" }}
        resource "aws_lambda_function" "scan" {{
          function_name                  = "scan"
          role                           = aws_iam_role.app.arn
          reserved_concurrent_executions = {running}
        }}
        resource "aws_lambda_event_source_mapping" "scan" {{
          event_source_arn = aws_sqs_queue.scan.arn
          function_name    = aws_lambda_function.scan.arn
          enabled          = {enabled}
        }}
        resource "aws_s3_bucket_notification" "uploads" {{
          bucket = aws_s3_bucket.uploads.id
          queue {{
            queue_arn = aws_sqs_queue.scan.arn
            events    = ["s3:ObjectCreated:*"]
          }}
        }}
        {API}
        {function("show", "GET /pictures", ("uploads",))}
    """
    assert verdict(read(tmp_path, text), "unscanned-not-readable") is expected


def test_a_role_asks_only_the_buckets_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many buckets, a statement that names one is held against that one, and the verdicts are those of asking all."""
    asked: list[str] = []
    original = media_usage.reaches_objects

    def counted(statement: Statement, found: Resource) -> Truth:
        asked.append(found.address)
        return original(statement, found)

    monkeypatch.setattr(media_usage, "reaches_objects", counted)
    many = "".join(bucket(f"b{index}", f'"acme-data-{index}"') for index in range(40))
    look = role("looker", "lambda.amazonaws.com", allow("s3:GetObject", '"arn:aws:s3:::acme-data-7/*"'), allow("rekognition:DetectLabels"))
    graph = read(tmp_path, many + look)
    assert list(media_usage.uses(graph)) == ["aws_s3_bucket.b7"]
    assert asked == ["aws_s3_bucket.b7"]
