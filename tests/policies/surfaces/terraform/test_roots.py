"""Which folders are judged as root modules: whoever calls a stack that is deployed by itself doesn't hide what it deploys."""

from __future__ import annotations

from pathlib import Path

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.policies.engine import CheckResult, Options, check
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.terraform import units
from averment.policies.surfaces.terraform.modules import loader
from averment.policies.surfaces.terraform.modules.loader import Modules

STACK = """
variable "open" {
  default = true
}

resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_policy" "open" {
  count  = var.open ? 1 : 0
  bucket = aws_s3_bucket.uploads.id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:PutObject", Resource = "*" }] })
}
"""


def checked(folder: Path, files: dict[str, str]) -> CheckResult:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return check([folder], all_rules(), Organisation(), load_catalogue(), Options(rules=("s3-put-object-gated",)))


def test_more_modules_than_are_kept_are_checked_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a repository stayed in memory until its last module was judged, a gigabyte of 20,000 files; what it says is the same."""
    call = 'module "shared" {\n  source = "../shared"\n  open = %s\n}\n'
    files = {f"stack-{number}/main.tf": call % ("true" if number % 2 else "false") for number in range(6)}
    whole = checked(tmp_path, {**files, "shared/main.tf": STACK})
    kept: list[Modules] = []

    def made(top: Path) -> Modules:
        kept.append(Modules(top))
        return kept[-1]

    monkeypatch.setattr(units, "Modules", made)
    monkeypatch.setattr(loader, "KEPT", 2)
    few = checked(tmp_path, {})
    assert few.findings == whole.findings
    assert len(few.failures) == 3
    assert [len(modules._read) for modules in kept] == [2]


CALL = 'module "stack" {\n  source = "../stack"\n  open = false\n}\n'


@pytest.mark.parametrize(
    ("stack", "call"),
    [
        ({"stack/main.tf": 'terraform {\n  backend "s3" {}\n}\n' + STACK}, CALL),
        ({"stack/main.tf": "terraform {\n  cloud {}\n}\n" + STACK}, CALL),
        ({"stack/main.tf": STACK, "stack/backend.tf.json": '{"terraform": {"backend": {"s3": {}}}}'}, CALL),
        ({"stack/main.tf": STACK, "stack/terraform.tfvars": "open = true\n"}, CALL),
        ({"stack/main.tf": STACK}, 'module "stack" {\n  source = "../stack"\n  count = 0\n}\n'),
        ({"stack/main.tf": STACK}, 'module "stack" {\n  source = "../stack"\n  for_each = { }\n}\n'),
    ],
)
def test_a_stack_is_judged_as_it_is_deployed_whoever_else_calls_it(tmp_path: Path, stack: dict[str, str], call: str):
    """A test that calls a stack with harmless arguments, or for no instance, must not be all that is judged of it."""
    result = checked(tmp_path, {**stack, "test/main.tf": call})
    assert [finding.resource for finding in result.failures] == ["aws_s3_bucket_policy.open[0]"]


def test_a_module_is_judged_where_it_is_called(tmp_path: Path):
    """One that nobody deploys by itself has the arguments of its callers."""
    result = checked(tmp_path, {"stack/main.tf": STACK, "live/main.tf": CALL})
    assert result.failures == ()
