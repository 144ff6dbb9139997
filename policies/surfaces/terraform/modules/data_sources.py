"""Data sources that need no cloud: IAM policy documents, and the identity of the deployment itself as symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.surfaces.terraform.evaluation.blocks import nested
from averment.policies.surfaces.terraform.evaluation.core import evaluate
from averment.policies.surfaces.terraform.values import Handle, PlacedMap, attribute_reference, finished

_SYMBOLS: dict[tuple[str, str], Any] = {
    ("aws_caller_identity", "account_id"): "${AWS::AccountId}",
    ("aws_caller_identity", "id"): "${AWS::AccountId}",
    ("aws_caller_identity", "arn"): "arn:aws:iam::${AWS::AccountId}:root",
    ("aws_region", "name"): "${AWS::Region}",
    ("aws_region", "id"): "${AWS::Region}",
    ("aws_region", "region"): "${AWS::Region}",
    ("aws_partition", "partition"): "aws",
    ("aws_partition", "id"): "aws",
    ("aws_partition", "dns_suffix"): "amazonaws.com",
}
_KEYS = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}

_BUCKET_FORMS = {
    "arn": "arn:aws:s3:::*",
    "bucket": "*",
    "id": "*",
    "bucket_domain_name": "*.s3.amazonaws.com",
    "bucket_regional_domain_name": "*.s3.${AWS::Region}.amazonaws.com",
    "website_endpoint": "*.s3-website-${AWS::Region}.amazonaws.com",
}
"""What follows from a bucket's name alone, wherever the bucket is: attribute -> its form, ``*`` being the name."""


def _of_bucket(bucket: Any, name: str) -> Any:
    if isinstance(bucket, Reference):
        return attribute_reference(bucket.address, name) or bucket
    before, _, after = _BUCKET_FORMS[name].partition("*")
    return join_parts([before, bucket, after])


def data_value(handle: Handle, name: str) -> Any:
    """The attribute ``name`` of a data source; ``Unknown`` for all that only the cloud can answer."""
    kind = handle.block.labels[0]
    if (kind, name) in _SYMBOLS:
        written = handle.block.attributes.get("region") if kind == "aws_region" else None
        named = evaluate(written.node, handle.env) if written is not None else None
        return _SYMBOLS[kind, name] if named is None else named
    if kind == "aws_iam_policy_document" and name in {"json", "minified_json"}:
        return policy_document(handle)
    attributes = handle.block.attributes
    if kind == "aws_iam_policy" and name in {"arn", "id"}:
        if "arn" in attributes:
            return evaluate(attributes["arn"].node, handle.env)
        policy = evaluate(attributes["name"].node, handle.env) if "name" in attributes else None
        if isinstance(policy, str):
            return f"arn:aws:iam::aws:policy/{policy}"  # a customer's own would be read by ARN or be in the code
    if kind == "aws_s3_bucket" and name in _BUCKET_FORMS and "bucket" in attributes:
        return _of_bucket(evaluate(attributes["bucket"].node, handle.env), name)
    if name in attributes:
        return evaluate(attributes[name].node, handle.env)
    return Unknown(f"{handle.address}.{name} is read from the cloud", f"${{{handle.address}.{name}}}")


def policy_document(handle: Handle) -> Any:
    """The document that an ``aws_iam_policy_document`` renders, as IAM JSON would have it but with references kept.

    ``override_*`` and ``source_*`` documents are merged by statement id, as the provider does.
    """
    before, after = (
        [document for name in names for document in _documents(handle, name)]
        for names in (("source_json", "source_policy_documents"), ("override_json", "override_policy_documents"))
    )
    version = handle.block.attributes.get("version")
    return rendered(list(_statements(handle)), before, after, finished(evaluate(version.node, handle.env)) if version else "2012-10-17")


def rendered(own: list[Any], before: list[Any], after: list[Any], version: Any = "2012-10-17") -> dict[str, Any]:
    """The document of statements of its ``own``, of documents that it takes in, and of those that override it, by statement id."""
    result: list[Any] = []
    for document in before:
        result += _merged([], _statements_of(document))
    result = _merged(result, own)
    for document in after:
        result = _merged(result, _statements_of(document))
    return {"Version": version, "Statement": result}


def _statements_of(document: Any) -> list[Any]:
    """The statements of a document; one ``Unknown`` in their place where they can't be told."""
    parsed = parsed_json(document)
    if isinstance(parsed, dict) and isinstance(parsed.get("Statement"), list | dict):
        statements = parsed["Statement"]
        return statements if isinstance(statements, list) else [statements]
    return [parsed if isinstance(parsed, Unknown) else Unknown("what a policy document takes in is not a policy document")]


def _merged(base: list[Any], more: list[Any]) -> list[Any]:
    out = list(base)
    for statement in more:
        sid = statement.get("Sid") if isinstance(statement, dict) else None
        place = next((i for i, old in enumerate(out) if sid and isinstance(old, dict) and old.get("Sid") == sid), None)
        if place is None:
            out.append(statement)
        else:
            out[place] = statement
    return out


def _documents(handle: Handle, name: str) -> Iterator[Any]:
    attribute = handle.block.attributes.get(name)
    if attribute is None:
        return
    value = evaluate(attribute.node, handle.env)
    for item in value if isinstance(value, list) else [value]:
        if parsed_json(item) is not None:
            yield item


def _statements(handle: Handle) -> Iterator[Any]:
    for values, _where in nested(handle.block, handle.env, "statement"):
        yield values if isinstance(values, Unknown) else statement_of(values)


def statement_of(values: dict[str, Any]) -> dict[str, Any]:
    """A ``statement`` block (its attributes by name) as IAM JSON."""
    statement: dict[str, Any] = {"Effect": "Allow"}
    if isinstance(values, PlacedMap):
        statement = PlacedMap(statement, values.where)
    for key, target in _KEYS.items():
        if values.get(key) not in (None, [], ""):
            statement[target] = values[key]
    for key, target in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if values.get(key):
            statement[target] = _principals(values[key])
    if values.get("condition"):
        statement["Condition"] = _conditions(values["condition"])
    return statement


def _principals(blocks: Any) -> Any:
    out: dict[str, Any] = {}
    for block in blocks if isinstance(blocks, list) else [blocks]:
        if isinstance(block, Unknown):
            return block
        kind, identifiers = block.get("type"), block.get("identifiers")
        if not isinstance(kind, str):
            return kind if isinstance(kind, Unknown) else Unknown("a principal has no known type")
        if kind == "*" and identifiers == ["*"]:
            return "*"
        if not isinstance(identifiers, list):
            out[kind] = identifiers
        else:
            before = out.get(kind, [])
            out[kind] = [*before, *identifiers] if isinstance(before, list) else before
    return out


def _conditions(blocks: Any) -> Any:
    out: dict[str, Any] = {}
    for block in blocks if isinstance(blocks, list) else [blocks]:
        if isinstance(block, Unknown):
            return block
        test, variable = block.get("test"), block.get("variable")
        if not isinstance(test, str) or not isinstance(variable, str):
            return next((part for part in (test, variable) if isinstance(part, Unknown)), Unknown("a condition has no known test"))
        values, before = block.get("values"), out.setdefault(test, {})
        if variable in before and before[variable] != values:  # the provider puts them together
            both = (before[variable], values)
            joined = [*both[0], *both[1]] if all(isinstance(part, list) for part in both) else None
            values = joined if joined is not None else Unknown(f"{test} on {variable} stands twice")
        before[variable] = values
    return out
