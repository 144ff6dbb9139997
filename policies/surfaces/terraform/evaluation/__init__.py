"""The value of a Terraform expression: ``core.evaluate``. One module for each kind of expression, all of them in the table below."""

from __future__ import annotations

from averment.policies.surfaces.terraform.evaluation.calls import function_call
from averment.policies.surfaces.terraform.evaluation.core import HANDLERS
from averment.policies.surfaces.terraform.evaluation.json_values import json_value
from averment.policies.surfaces.terraform.evaluation.literals import collection, literal
from averment.policies.surfaces.terraform.evaluation.loops import for_expression
from averment.policies.surfaces.terraform.evaluation.operations import conditional, operation
from averment.policies.surfaces.terraform.evaluation.templates import evaluate_template
from averment.policies.surfaces.terraform.evaluation.traversals import expression
from averment.policies.surfaces.terraform.syntax.native import text_of
from averment.policies.surfaces.terraform.syntax.strings import unescape

HANDLERS.update(
    {
        "expression": expression,
        "literal_value": literal,
        "string_lit": lambda node, _env: unescape(text_of(node)[1:-1]),
        "template_expr": evaluate_template,
        "collection_value": collection,
        "function_call": function_call,
        "conditional": conditional,
        "operation": operation,
        "for_expr": for_expression,
        "json": json_value,
        "variable_expr": lambda node, env: env.module.name(text_of(node), env),
    }
)
