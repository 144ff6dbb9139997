"""What a configuration leads to is read within its checkout, and nowhere else: by our own evaluation, and by tfparse.

Origin of the data: written for these tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.core.observer import Observer
from averment.policies.graph.model import Graph, Problem, Unknown
from averment.policies.surfaces.terraform.confinement import refusal
from averment.policies.surfaces.terraform.modules.loader import Loader, Modules
from averment.policies.surfaces.terraform.root_graph import read_root

SECRET = "not-for-the-log"
BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = %s\n}\n'
STRANGE = 'resource "aws_s3_bucket" "odd" {\n  bucket = formatdate("YYYY", "2026-11-28T00:00:00Z")\n}\n'
"""An expression that our own evaluation doesn't know, so that tfparse is asked."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a secret beside it, and a root module's folder in it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main.tf").write_text(BUCKET % f'"{SECRET}"')
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "env").mkdir()
    return tmp_path / "repo"


def graph_of(checkout: Path, files: dict[str, str]) -> Graph:
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    return read_root(checkout / "env", checkout / "env")


def refused(checkout: Path, files: dict[str, str]) -> Problem | None:
    graph_of(checkout, files)
    modules, observer = Modules(checkout / "env"), Observer()
    loader = Loader(checkout / "env", checkout / "env", modules, observer)
    return refusal(loader.read(checkout / "env"), loader, ())


OUTSIDE = {
    "file above": {"env/main.tf": BUCKET % 'file("../../secret.txt")'},
    "with the module's path": {"env/main.tf": BUCKET % 'file("${path.module}/../../secret.txt")'},
    "spaces and comments": {"env/main.tf": BUCKET % 'file  ( "../../secret.txt" )'},
    "in a string": {"env/main.tf": BUCKET % '"x-${file("../../secret.txt")}"'},
    "templates": {"env/main.tf": BUCKET % 'templatefile("t.tpl", {})', "env/t.tpl": '${file("../../secret.txt")}'},
    "JSON": {"env/main.tf.json": '{"resource":{"aws_s3_bucket":{"b":{"bucket":"${file(\\"../../secret.txt\\")}"}}}}'},
    "a called module's file": {"env/main.tf": 'module "m" {\n  source = "../m"\n}\n', "m/main.tf": BUCKET % 'file("../../secret.txt")'},
    "a list of names": {"env/main.tf": BUCKET % 'join("", fileset("../..", "*.txt"))'},
    "a module": {"env/main.tf": 'module "m" {\n  source = "../../elsewhere"\n}\n'},
    "what was installed": {
        "env/main.tf": 'module "m" {\n  source = "x/y/aws"\n}\n',
        "env/.terraform/modules/modules.json": '{"Modules":[{"Key":"m","Dir":"../../elsewhere"}]}',
    },
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_tfparse_is_not_asked_where_it_would_leave_the_checkout(checkout: Path, case: str):
    """The run could not be completed, it says why, and nothing of what lies elsewhere is in the graph."""
    problem = refused(checkout, OUTSIDE[case])
    assert problem is not None
    assert problem.blocking
    assert "lies outside of repo" in problem.reason
    graph = graph_of(checkout, {"env/odd.tf": STRANGE})
    assert SECRET not in repr([resource.properties for resource in graph]) + repr(graph.problems)
    assert any("lies outside of repo" in said.reason for said in graph.problems)


UNCLEAR = {
    "a name from a variable": {"env/main.tf": 'variable "n" {}\n' + BUCKET % "file(var.n)"},
    "a name that is put together": {"env/main.tf": BUCKET % 'file("a/${terraform.workspace}.json")'},
    "a pattern that climbs": {"env/main.tf": BUCKET % 'join("", fileset(".", "../*"))'},
    "a template at run time": {"env/main.tf": BUCKET % "templatestring(local.x, {})"},
    "a home": {"env/main.tf": BUCKET % 'file("~/.ssh/id_rsa")'},
    "escapes": {"env/main.tf.json": '{"locals":{"a":"${\\u0066ile(1)}"}}'},
    "a computed source": {"env/main.tf": 'module "m" {\n  source = "../${var.x}"\n}\n'},
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_tfparse_is_not_asked_where_its_way_is_not_known(checkout: Path, case: str):
    """What it would have told stays unknown; that isn't a fault of the run."""
    problem = refused(checkout, UNCLEAR[case])
    assert problem is not None
    assert not problem.blocking
    assert "tfparse was not asked" in problem.reason


INSIDE = {
    "files and templates": {
        "env/main.tf": BUCKET % 'file("${path.module}/../names/a.txt")' + BUCKET.replace('"b"', '"c"') % 'templatefile("t.tpl", {})',
        "names/a.txt": "acme-a",
        "env/t.tpl": "acme-t",
    },
    "a module beside it": {"env/main.tf": 'module "m" {\n  source = "../modules/m"\n}\n', "modules/m/main.tf": BUCKET % '"acme-m"'},
    "prose": {"env/main.tf": 'variable "f" {\n  description = "the file (optional) to read"\n}\n'},
}


@pytest.mark.parametrize("case", INSIDE)
def test_tfparse_is_asked_within_the_checkout(checkout: Path, case: str):
    """A module in ``../modules``, a file beside it: legitimate."""
    assert refused(checkout, INSIDE[case]) is None
    graph = graph_of(checkout, {"env/odd.tf": STRANGE})
    assert graph.problems == []
    assert all(not isinstance(bucket.get("BucketName"), Unknown) for bucket in graph.of_type("AWS::S3::Bucket"))


def test_links_out_of_the_checkout_are_not_read(checkout: Path):
    """A file of the module, and its variables, may be links; not to somewhere else."""
    (checkout / "env" / "linked.tf").symlink_to("../../elsewhere/main.tf")
    (checkout / "env" / "terraform.tfvars").symlink_to("../../secret.txt")
    (checkout / "env" / ".terraform").mkdir()
    (checkout / "env" / ".terraform" / "environment").symlink_to("../../../secret.txt")
    (checkout / "shared.tf").write_text(BUCKET.replace('"b"', '"shared"') % '"acme-${terraform.workspace}"')
    (checkout / "env" / "shared.tf").symlink_to("../shared.tf")
    graph = graph_of(checkout, {"env/main.tf": STRANGE})
    assert SECRET not in repr([resource.properties for resource in graph]) + repr(graph.problems)
    assert "aws_s3_bucket.shared" in {resource.address for resource in graph}
    said = {Path(problem.where.file or "").name for problem in graph.problems if "leads out of repo" in problem.reason}
    assert said == {"linked.tf", "terraform.tfvars"}


def test_without_a_checkout_the_folder_that_is_checked_is_the_boundary(tmp_path: Path):
    """Nobody knows then how far what belongs together reaches."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "main.tf").write_text(BUCKET % '"acme"')
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "main.tf").write_text('module "m" {\n  source = "../modules"\n}\n')
    assert any("lies outside of env" in problem.reason for problem in read_root(tmp_path / "env", tmp_path / "env").problems)
    assert read_root(tmp_path / "env", tmp_path).problems == []
