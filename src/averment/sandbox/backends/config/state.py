"""What one account's Config knows in one region, beside what moto keeps: it goes when moto's back end is reset."""

from __future__ import annotations

import base64
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Any

from moto.config.models import config_backends

from averment.sandbox.backends.config.errors import no_such_rule

JSON = dict[str, Any]

PACK_SERVICE = "config-conforms.amazonaws.com"
"""Who made a rule that came with a conformance pack."""


@dataclass
class Rule:
    """A Config rule. The names of the first four are moto's, whose tagging looks them up.

    ``definition``: the checked members of PutConfigRule's ``ConfigRule``, without name, id and ARN. ``created_by``: the service
    that owns it, None for the account's own. ``activated``: when it was put.
    """

    config_rule_name: str
    config_rule_id: str
    config_rule_arn: str
    tags: dict[str, str]
    definition: JSON
    created_by: str | None = None
    activated: float = field(default_factory=time.time)

    def described(self) -> JSON:
        """As DescribeConfigRules gives it: a policy's text isn't in it (GetCustomRulePolicy has that)."""
        definition = dict(self.definition)
        policy = definition["Source"].get("CustomPolicyDetails")
        if policy:
            shown = {key: value for key, value in policy.items() if key != "PolicyText"}
            definition["Source"] = {**definition["Source"], "CustomPolicyDetails": {**shown, "PolicyText": ""}}
        names = {"ConfigRuleName": self.config_rule_name, "ConfigRuleArn": self.config_rule_arn, "ConfigRuleId": self.config_rule_id}
        made = {"CreatedBy": self.created_by} if self.created_by else {}
        return {**names, **definition, "ConfigRuleState": "ACTIVE", **made}

    @property
    def modes(self) -> tuple[str, ...]:
        """DETECTIVE, PROACTIVE or both."""
        return tuple(mode["Mode"] for mode in self.definition["EvaluationModes"])


@dataclass
class Invocations:
    """What became of a rule's runs: epoch seconds of the last success and failure of each kind, and the last error."""

    first: float | None = None
    succeeded: float | None = None
    failed: float | None = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True)
class Token:
    """What a result token stands for: a rule, when it was invoked, and the proactive evaluation it belongs to, if one."""

    rule_id: str
    invoked: float
    resource_evaluation: str | None = None


@dataclass
class State:
    """``tokens``: result token -> what it stands for. ``results``: rule id -> (resource type, id) -> the latest evaluation.
    ``invocations``: rule id -> how its runs went. ``packs``: name -> the conformance pack (``packs.Pack``).
    ``remediations``: rule name -> its remediation configuration. ``recorded``: (resource type, id) -> ``recordings.Recording``.
    ``resource_evaluations``: id -> ``proactive.ResourceEvaluation``. ``organization_packs``: name ->
    ``organization.OrganizationPack``.
    """

    tokens: dict[str, Token] = field(default_factory=dict)
    results: dict[str, dict[tuple[str, str], JSON]] = field(default_factory=dict)
    invocations: dict[str, Invocations] = field(default_factory=dict)
    packs: dict[str, Any] = field(default_factory=dict)
    remediations: dict[str, JSON] = field(default_factory=dict)
    recorded: dict[tuple[str, str], Any] = field(default_factory=dict)
    resource_evaluations: dict[str, Any] = field(default_factory=dict)
    organization_packs: dict[str, Any] = field(default_factory=dict)


def state(backend: Any) -> State:
    """The state kept with moto's Config ``backend``."""
    kept: State = vars(backend).setdefault("averment_state", State())
    return kept


def rule_named(backend: Any, name: str) -> Rule:
    """The rule ``name``.

    Raises:
        JsonRESTError: NoSuchConfigRuleException.
    """
    rule: Rule | None = backend.config_rules.get(name)
    if rule is None:
        raise no_such_rule(name)
    return rule


def issue_token(account: str, region: str, rule_name: str, resource_evaluation: str | None = None) -> str:
    """A result token for one invocation of the rule ``rule_name``, as Config hands it to a custom rule's function.

    ``resource_evaluation``: the id of the proactive evaluation that the invocation belongs to.

    Raises:
        JsonRESTError: there is no such rule.
    """
    backend = config_backends[account][region]
    rule = rule_named(backend, rule_name)
    token = base64.b64encode(secrets.token_bytes(96)).decode("ascii")
    state(backend).tokens[token] = Token(rule.config_rule_id, time.time(), resource_evaluation)
    return token


def note_run(account: str, region: str, rule_name: str, error: tuple[str, str] | None = None) -> None:
    """Write down that the rule ``rule_name`` ran, or what it failed with (a code and a message)."""
    backend = config_backends[account][region]
    runs = state(backend).invocations.setdefault(rule_named(backend, rule_name).config_rule_id, Invocations())
    now = time.time()
    runs.first = runs.first or now
    if error is None:
        runs.succeeded = now
    else:
        runs.failed, runs.error = now, error


def identifier(length: int) -> str:
    """Small letters and digits, as Config ends its ids with."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))
