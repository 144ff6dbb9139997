"""Expressions have the values that the Terraform CLI gives them (recorded; see rebuild_expressions.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from averment.policies.graph.model import find_unknown
from averment.policies.graph.text import JsonText
from averment.policies.surfaces.terraform.evaluation.core import evaluate
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.syntax.folders import read_module
from averment.policies.surfaces.terraform.syntax.native import parse_expression
from averment.policies.surfaces.terraform.values import Unevaluated, finished

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "expressions.json").read_text(encoding="utf-8"))
LEFT_TO_TFPARSE = (
    "yamlencode(",
    "formatdate(",
    'yamldecode("a: 2012',
    'yamldecode("a: 012',
    'yamldecode("x: &a',
    'yamldecode("a: 1\\nb: [x, y]',
)
"""Beginnings of expressions that our evaluation leaves to tfparse, which is asked for whole attributes."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> ModuleInstance:
    folder = tmp_path_factory.mktemp("expressions")
    (folder / "main.tf").write_text((HERE / "expressions.tf").read_text(encoding="utf-8"), encoding="utf-8")
    return ModuleInstance(read_module(folder), Loader(folder))


def same(ours: Any, theirs: Any) -> bool:
    """Equality as Terraform has it: 1 is 1.0, true isn't 1."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, JsonText):
        return str(ours) == theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) in {type(theirs), int, float} and bool(ours == theirs)


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["expression"])
def test_expressions_have_terraforms_value(instance: ModuleInstance, case: dict[str, Any]):
    """The recorded value, or unknown where Terraform reports an error; never another value."""
    node = parse_expression(case["expression"])
    assert node is not None
    value = finished(evaluate(node, instance.env))
    hidden = list(find_unknown(value))
    if "error" in case:
        assert hidden, f"Terraform refuses it, we say {value!r}"
    elif case["expression"].startswith(LEFT_TO_TFPARSE):
        assert isinstance(value, Unevaluated)
    else:
        assert not hidden, hidden[0].reason
        assert same(value, case["value"])
