"""Custom policy rules: Guard text checked and run on configuration items, by Guard's own engine (``cfn-guard-rs``).

That engine is Guard 3 and AWS Config runs Guard 2 (the runtime is called ``guard-2.x.x``), so what came with Guard 3 is refused here: its
functions, ``is_float`` and ``is_null`` (after the parser in the tags 2.1.4 and 3.0.1 of Guard's repository). What came with 2.1
(``is_bool``, ``is_int``, parameterised rules) is let through; AWS doesn't say which 2.x it runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.sandbox.backends.config.errors import invalid

FUNCTIONS = (
    "count",
    "join",
    "json_parse",
    "now",
    "parse_boolean",
    "parse_char",
    "parse_epoch",
    "parse_float",
    "parse_int",
    "parse_string",
    "regex_replace",
    "substring",
    "to_lower",
    "to_upper",
    "url_decode",
)
"""Guard 3's built-in functions; Guard 2 has none."""

PARAMETERS = "CONFIG_RULE_PARAMETERS"
"""Under this name a policy finds the rule's input parameters, beside the members of the configuration item."""

_STATUS = {"PASS": "COMPLIANT", "FAIL": "NON_COMPLIANT", "SKIP": "NOT_APPLICABLE"}
_OPAQUE = re.compile(r"""#[^\n]*|<<.*?>>|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|/(?:\\.|[^/\\\n])+/""", re.DOTALL)
_CALL = re.compile(rf"(?<![\w.%])({'|'.join(FUNCTIONS)})\s*\(")
_OPERATOR = re.compile(r"(?<![\w.%])(is_float|is_null)\b", re.IGNORECASE)


def check_policy(text: str) -> None:
    """Refuse a policy that Guard 2 couldn't read.

    Raises:
        JsonRESTError: InvalidParameterValueException, with the parser's words.
        NotImplementedError: Guard's engine isn't installed, so nobody can say.
    """
    bare = _OPAQUE.sub(" ", text)
    for pattern, what in ((_CALL, "function"), (_OPERATOR, "operator")):
        if found := pattern.search(bare):
            raise invalid(f"The PolicyText is invalid: {found[1]} is a Guard 3 {what}, and the runtime is guard-2.x.x")
    if not bare.strip():
        raise invalid("The PolicyText is invalid: it has no rule")
    try:
        _run({}, text)
    except ValueError as error:
        if not _unresolved(error):
            raise invalid(f"The PolicyText is invalid: {error}") from error


def evaluate(text: str, item: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[str, str]:
    """The compliance type of ``item`` (under the names that events use) by the policy ``text``, and an annotation ('' for none).

    Every rule of the text that fails makes it NON_COMPLIANT; where every rule is skipped it is NOT_APPLICABLE. The annotation
    is the rules' own messages (or, without one, their names), cut to 256 characters.

    Raises:
        ValueError: the policy refers to a variable that isn't defined.
        NotImplementedError: Guard's engine isn't installed.
    """
    document = {**item, PARAMETERS: parameters} if parameters else dict(item)
    report = _run(document, text)
    failed = report["not_compliant"]
    words = list(dict.fromkeys(said for check in failed for said in _messages(check)))
    names = [f"failed: {check['Rule']['name']}" for check in failed if check.get("Rule")]
    return _STATUS[report["status"]], ("; ".join(words or names))[:256] if failed else ""


def _run(document: Mapping[str, Any], text: str) -> Any:
    try:
        from cfn_guard_rs.cfn_guard_rs import CfnGuardMissingValue, CfnGuardParseError, run_checks_rs
    except ModuleNotFoundError as error:
        raise NotImplementedError("a custom policy rule needs Guard's engine: pip install cfn-guard-rs (Python 3.11 or 3.12)") from error

    try:
        answer = run_checks_rs(json.dumps(document), text, False)
    except (CfnGuardParseError, CfnGuardMissingValue) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not answer:
        raise ValueError("it has no rule")
    return json.loads(answer)


def _unresolved(error: ValueError) -> bool:
    return "Could not resolve variable" in str(error)


def _messages(check: Any) -> Iterator[str]:
    """The custom messages anywhere in a report's ``check``, in order."""
    if isinstance(check, Mapping):
        said = check.get("custom_message")
        if said:
            yield " ".join(str(said).split())
        for part in check.values():
            yield from _messages(part)
    elif isinstance(check, list):
        for part in check:
            yield from _messages(part)
