"""Inputs made to hurt: each ends in bounded time with the file named, exit 3, and never a crash of the process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.errors import ExitCode
from averment.core.organisation import Organisation
from averment.policies.engine import CheckResult, Options, check
from averment.policies.graph.model import Unknown
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.registry import load_graphs
from averment.policies.surfaces.terraform.functions.text import FUNCTIONS

BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = %s\n}\n'


def run(folder: Path) -> CheckResult:
    return check([folder], [], Organisation(), Catalogue((), {}))


HOSTILE = {
    "deep JSON template": ("t.json", '{"AWSTemplateFormatVersion":"x","Resources":' + '{"a":' * 50_000 + "1" + "}" * 50_001),
    "deep YAML": ("t.yaml", "AWSTemplateFormatVersion: x\nResources: " + "[" * 100_000),
    "deep plan": ("p.json", '{"format_version":"1.0","planned_values":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep Terraform in JSON": ("m.tf.json", '{"resource":' + '{"a":' * 20_000 + "1" + "}" * 20_001),
    "deep brackets": ("m.tf", BUCKET % ("[" * 20_000 + "]" * 20_000)),
    "deep parentheses": ("m.tf", BUCKET % ("(" * 10_000 + "1" + ")" * 10_000)),
    "deep blocks": ("m.tf", 'resource "aws_s3_bucket" "b" {\n' + "a {\n" * 10_000 + "}\n" * 10_000 + "}\n"),
    "deep conditionals": ("m.tf", BUCKET % ("true ? " * 5_000 + "1" + " : 2" * 5_000)),
    "unclosed templates": ("m.tf", BUCKET % ('"${' * 5_000)),
    "long chain of locals": (
        "m.tf",
        "locals {\n" + "\n".join(f"  a{i} = local.a{i + 1}" for i in range(3_000)) + "\n  a3000 = 1\n}\n" + BUCKET % "local.a0",
    ),
    "join that doubles": (
        "m.tf",
        'locals {\n  a0 = "xxxxxxxxxx"\n'
        + "".join(f'  a{i} = join("", [local.a{i - 1}, local.a{i - 1}])\n' for i in range(1, 60))
        + "}\n"
        + BUCKET % "local.a59",
    ),
    "alias bomb": (
        "t.yaml",
        "AWSTemplateFormatVersion: x\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
        + "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      Tags: *a9\n",
    ),
    "one huge value": ("t.json", '{"AWSTemplateFormatVersion":"x","Resources":{"B":{"Type":"' + "x" * 2_000_000 + '"}}}'),
    "many instances": ("m.tf", 'resource "test_x" "b" {\n  count = 1000000000000\n}\n'),
    "not UTF-8": ("t.yaml", "AWSTemplateFormatVersion: \udcff\nResources: {}\n"),
    "a file without end": ("m.tf", "#" * 17_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_with_the_file_named(tmp_path: Path, name: str):
    """Bounded, incomplete, and said where."""
    file, text = HOSTILE[name]
    (tmp_path / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    result = run(tmp_path)
    assert result.exit_code() is ExitCode.INCOMPLETE
    assert any((problem.where.file or "").startswith(str(tmp_path)) for problem in result.problems)


def test_modules_that_multiply_end(tmp_path: Path):
    """Ten calls of ten calls of ten calls ... are cut, with a problem."""
    for level in range(10):
        folder = tmp_path / f"m{level}"
        folder.mkdir()
        calls = "".join(f'module "c{index}" {{\n  source = "../m{level + 1}"\n}}\n' for index in range(10))
        (folder / "m.tf").write_text(calls if level < 9 else 'resource "test_x" "b" {}\n')
    result = run(tmp_path)
    assert any("expands beyond all bounds" in problem.reason for problem in result.problems)


def test_numbers_that_explode_are_unknown(tmp_path: Path):
    """Sixty squarings would be a number of 2^60 digits."""
    lines = "".join(f"  a{i} = local.a{i - 1} * local.a{i - 1}\n" for i in range(1, 60))
    (tmp_path / "m.tf").write_text(f'locals {{\n  a0 = 99999999999\n{lines}}}\nresource "test_x" "b" {{\n  v = local.a59 > 1\n}}\n')
    run(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a?" * 18 + "a" * 18, "a" * 18),
        (r"\\*" * 6 + "x", "\\" * 20),
        (r"\[" + "a*" * 6 + r"b\]", "[" + "a" * 20),
        ("((a+))+b", "a" * 20),
        ("(?:a?){18}a{18}", "a" * 18),
        ("(a|a)" * 18 + "b", "a" * 18),
        ("(?ix)#[\n" + "a*" * 6 + "b#]", "a" * 20),
        ("^x|a*a*a*b", "a" * 40),
    ],
)
def test_patterns_that_could_take_hours_are_not_tried(pattern: str, text: str) -> None:
    """Python's engine goes back on what Terraform's never does. Optional signs, escapes before a star, brackets that are none, and groups within a
    repeated one hid how long it could take: a line in a pull request kept a check busy until its job was ended."""
    with pytest.raises(ValueError, match=r"could take too long|isn't evaluated"):
        FUNCTIONS["regex"](pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^([a-z0-9-]+)-(dev|prod)$", "shop-uploads-prod", ["shop-uploads", "prod"]),
        ("([0-9]{2}:){5}[0-9]{2}", "00:11:22:33:44:55", ["44:"]),
        (r"^(?P<major>\d+)\.(\d+)?", "1.23", {"major": "1"}),
        (r"[*+?{(|]+\.", "a*+?.", "*+?."),
        ("(?i)UPLOADS?(/.*)?$", "uploads/x", ["/x"]),
        (
            r"^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<host>[^/?#]*))?",
            f"https://{'uploads.' * 7}example.com/",
            {"scheme": "https", "host": f"{'uploads.' * 7}example.com"},
        ),
    ],
)
def test_patterns_that_people_write_are_evaluated(pattern: str, text: str, found: object) -> None:
    assert FUNCTIONS["regex"](pattern, text) == found


def test_a_pattern_of_names_takes_no_longer_for_its_stars(tmp_path: Path) -> None:
    """``fileset`` with many stars was tried in every way that they can share a long name out."""
    name = "a" * 60
    (tmp_path / name).write_text("")
    patterns = ("*a" * 40 + "b", "**/" * 40 + "b", "*?" * 40 + "b", "{" * 200 + "}" * 200, "{a,b}" * 40, "x/{a" * 100, "x/*[a]", "x/*")
    calls = ", ".join(f'fileset(path.module, "{pattern}")' for pattern in patterns)
    (tmp_path / "m.tf").write_text(f'resource "aws_s3_bucket" "b" {{\n  bucket = join("", concat({calls}))\n}}\n')
    began = time.monotonic()
    result = run(tmp_path)
    assert time.monotonic() - began < 20
    assert result.counts.resources == 1


def test_links_in_circles_pipes_and_devices_are_not_read(tmp_path: Path):
    """Nothing hangs: pipes and devices aren't regular files, links that lead out or round aren't followed."""
    (tmp_path / "ok.tf").write_text("")
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.tf")
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe.yaml.j2")
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / "terraform.tfvars")
    result = run(tmp_path)
    assert {Path(problem.where.file or "").name for problem in result.problems} >= {"pipe.tf", "pipe.yaml", "pipe.py", "terraform.tfvars"}
    assert any("zero.yaml" in text for text in result.skipped)


def test_a_link_to_itself_among_the_files_of_terraform_leaves_the_others_checked(tmp_path: Path):
    """It is one file that could not be read, not the end of the run."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    (tmp_path / "loop.tf").symlink_to("loop.tf")
    result = run(tmp_path)
    said = [(problem.where.file, problem.reason) for problem in result.problems]
    assert said == [(str(tmp_path / "loop.tf"), "does not exist")]
    assert result.counts.resources == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), name=st.sampled_from(["m.tf", "m.tf.json", "x.auto.tfvars", "t.yaml", "t.json"]))
def test_no_bytes_crash_the_front_doors(tmp_path: Path, data: bytes, name: str):
    """Whatever stands in a file, graphs or problems come back."""
    for old in tmp_path.iterdir():
        old.unlink()
    head = b"AWSTemplateFormatVersion: x\n" if name == "t.yaml" else b""
    (tmp_path / "main.tf").write_text("")
    (tmp_path / name).write_bytes(head + data)
    list(load_graphs(tmp_path))


_HCL = st.text(alphabet='abx.[]{}()"$%=?:+-*!<>&|,~ \n0123', max_size=60)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=_HCL)
@example("0<%0")
def test_no_expression_crashes_the_evaluation(tmp_path: Path, expression: str):
    """Text that nearly is an expression gives a value, an unknown or a problem."""
    (tmp_path / "m.tf").write_text(f'resource "test_x" "y" {{\n  v = {expression}\n}}\n')
    list(load_graphs(tmp_path))


_LONG = 100_000
_BUCKET_OF = "Resources:\n  Uploads:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: %s\n"
_FACES = "import boto3\nrek = boto3.client('rekognition')\ndef h(e, c):\n    x = %s\n    return rek.compare_faces(SourceImage=e, TargetImage=c)\n"
_MODULE = 'module "s3" {\n  source  = "terraform-aws-modules/s3-bucket/aws"\n  version = "%s"\n}\n'
_COMPOSITE = "  Up: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: up, Namespace: AWS/S3, MetricName: PutRequests}}\n"
_COMPOSITE += '  Both:\n    Type: AWS::CloudWatch::CompositeAlarm\n    Properties: {AlarmRule: "%s"}\n'
_DOCUMENT = '  Isolate:\n    Type: AWS::SSM::Document\n    Properties: {DocumentType: Automation, Content: "%s schemaVersion PutBucketPolicy s3 isolate"}\n'
LONG_LINES: dict[str, dict[str, str]] = {
    "signs of a comment": {"m.tf": "# averment:waive=x\n" + "#" * _LONG + "\n" + BUCKET % '"uploads"'},
    "blanks in a waiver": {"m.tf": "# averment:waive=x y" + " " * _LONG + "z\n" + BUCKET % '"uploads"'},
    "beginnings of Fn::Sub": {"t.yaml": _BUCKET_OF % f'!Sub "{"${" * _LONG}"'},
    "beginnings of holes": {"t.yaml": _BUCKET_OF % f'"{"${" * _LONG}"' + _COMPOSITE % "TRUE"},
    "beginnings behind a hole": {"m.tf": 'variable "x" {}\n' + BUCKET % f'"uploads${{var.x}}{"$${" * (_LONG // 3)}"'},
    "blanks in an alarm's rule": {"t.yaml": _BUCKET_OF % "uploads" + _COMPOSITE % f"ALARM({' ' * _LONG}x"},
    "lines in a runbook": {"t.yaml": _BUCKET_OF % "uploads" + _DOCUMENT % ("\\n" * _LONG)},
    "lines before something": {"m.tf": BUCKET % 'chomp(file("x"))', "x": "\n" * _LONG + "x"},
    "lines of YAML": {"m.tf": BUCKET % 'yamldecode(file("x")).a', "x": "a: b" + "\n" * _LONG + "c: d"},
    "digits of a duration": {"m.tf": BUCKET % 'timeadd("2020-01-01T00:00:00Z", file("x"))', "x": "1" * _LONG},
    "digits of a width": {"m.tf": BUCKET % 'format(file("x"), 1)', "x": "%" + "0" * _LONG + "!"},
    "signs of a version": {"m.tf": _MODULE % ("<" * _LONG)},
    "blanks behind a division": {"h.py": _FACES % f"1 /{' ' * _LONG}2"},
    "a word in an f-string": {"h.py": _FACES % f"f'{{{'compare' * (_LONG // 7)}}}'"},
    "brackets in a key": {
        "m.tf": 'resource "aws_s3_bucket" "b" {\n  for_each = toset([file("x")])\n  bucket = "uploads"\n}\n',
        "x": "[" * _LONG + "]x",
    },
}


@pytest.mark.parametrize("name", LONG_LINES)
def test_a_long_line_takes_no_longer_than_it_is_long(tmp_path: Path, name: str) -> None:
    """Where something is looked for from each sign of a text to its end, a line of some hundred thousand keeps a check busy for hours."""
    for file, text in LONG_LINES[name].items():
        (tmp_path / file).write_text(text)
    began = time.monotonic()
    check([tmp_path], all_rules(), Organisation(), load_catalogue(), Options())
    assert time.monotonic() - began < 20


def test_a_version_of_thousands_of_digits_is_none(tmp_path: Path) -> None:
    """Python refuses to read such a number, which ended the check as a flaw of the program."""
    (tmp_path / "m.tf").write_text(_MODULE % ("9" * 5000))
    assert [problem.reason for problem in run(tmp_path).problems] == [
        "module 's3' comes from terraform-aws-modules/s3-bucket/aws, which is not read"
    ]


def test_a_verb_that_terraform_does_not_know_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "m.tf").write_text(BUCKET % 'format("%s-%!", "a")')
    (graph,) = load_graphs(tmp_path)
    (bucket,) = graph.of_type("AWS::S3::Bucket")
    assert isinstance(bucket.get("BucketName"), Unknown)


_KEYED = 'resource "aws_s3_bucket" "b" {\n  count  = %s\n  bucket = "uploads"\n}\n'
NUMBERS = {
    "no end": {"m.tf": _KEYED % 'jsondecode("1e999")'},
    "no number": {"m.tf": _KEYED % 'jsondecode("NaN")'},
    "a digit of another kind": {"m.tf": _KEYED % '"\u00b2"'},
    "of a module": {"m.tf": 'module "m" {\n  source = "./m"\n  count  = jsondecode("1e999")\n}\n', "m/m.tf": BUCKET % '"uploads"'},
    "a long field": {"m.tf": BUCKET % 'csvdecode(file("x"))[0].b', "x": f'a,b\n"{"x" * 200_000}",1\n'},
    "a long number in a plan": {
        "p.json": '{"format_version": "1.0", "planned_values": {"root_module": {"resources": [' + "9" * 5000 + "]}}}",
        "m.tf": BUCKET % '"uploads"',
    },
}


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_to_count_by_ends_no_check(tmp_path: Path, name: str) -> None:
    """One such value ended the check of everything as a flaw of the program, and nothing else in the pull request was told."""
    for file, text in NUMBERS[name].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    result = run(tmp_path)
    assert result.counts.resources == 1
    assert [problem.reason for problem in result.problems] == (["holds a number that is too long to be read"] if "plan" in name else [])
