"""People sign in with a second factor, so that a face is never the only one (SM-IDV-02)."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.iam.carriers import IDENTITY_TYPES, carriers_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.grants import MATCHING, grants_of
from averment.policies.rules.judge import fix_for, short_name

POOL = "AWS::Cognito::UserPool"
CLIENT = "AWS::Cognito::UserPoolClient"
PARAMETER = "face_user_pools"
"""Name patterns (a list) of the user pools whose people may be known by their face; without it every pool is asked."""

_TERRAFORM = """\
mfa_configuration = "ON"

software_token_mfa_configuration {
  enabled = true
}"""
_CLOUDFORMATION = """\
MfaConfiguration: 'ON'
EnabledMfas:
  - SOFTWARE_TOKEN_MFA"""
_COMMAND = (
    "aws cognito-idp set-user-pool-mfa-config --user-pool-id @ --mfa-configuration ON --software-token-mfa-configuration Enabled=true"
)


def evaluate(pool: Resource, context: Context) -> Outcome:
    """The verdict on one user pool."""
    clients = list(_clients(pool, context.graph))
    if not _in_scope(pool, context) or _only_machines(clients):
        return NOT_APPLICABLE
    where = pool.where("MfaConfiguration")
    setting = pool.get("MfaConfiguration")
    if isinstance(setting, Unknown):
        return unknown(f"whether this user pool asks for a second factor could not be resolved: {setting.reason}", where=where)
    mode = _mode(setting)
    if mode == "ON":
        return PASS
    if mode == "OPTIONAL":
        return _optional(pool)
    if _only_elsewhere(clients):
        return unknown("people of this user pool sign in at another identity provider; its factors aren't seen here", where=pool.source)
    fix = fix_for(pool, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND)
    said = f"MfaConfiguration is {setting}" if isinstance(setting, str) and setting else "MfaConfiguration isn't set, so it is OFF"
    return fail(f"this user pool asks for no second factor ({said}){_stake(pool, context.graph)}", where=where, fix=fix)


def _mode(setting: Any) -> str:
    """``ON``, ``OFF`` or ``OPTIONAL``; YAML reads a bare ON or OFF as a boolean."""
    if isinstance(setting, bool):
        return "ON" if setting else "OFF"
    return str(setting).upper() if isinstance(setting, str) else "OFF"


def _optional(pool: Resource) -> Outcome:
    """An optional factor: enough where Cognito itself demands it at risk (adaptive authentication)."""
    add_ons = pool.get("UserPoolAddOns")
    first = add_ons[0] if isinstance(add_ons, list) and add_ons else add_ons
    if isinstance(first, dict) and first.get("AdvancedSecurityMode") == "ENFORCED":
        return PASS
    reason = "the second factor is OPTIONAL; whether the application demands it where a face is used can't be told"
    return unknown(reason, where=pool.where("MfaConfiguration"))


def _in_scope(pool: Resource, context: Context) -> bool:
    patterns = context.parameters.get(PARAMETER)
    if not isinstance(patterns, list | tuple) or not patterns:
        return True
    name = pool.get("UserPoolName")
    known = name if isinstance(name, str) else short_name(pool)
    return any(fnmatch.fnmatchcase(known.lower(), str(pattern).lower()) for pattern in patterns)


def _clients(pool: Resource, graph: Graph) -> Iterator[Resource]:
    return (client for client in graph.of_type(CLIENT) if graph.target(client.get("UserPoolId")) is pool)


def _only_machines(clients: list[Resource]) -> bool:
    """Whether every client is for machines (client credentials): nobody signs in."""
    flows = [client.get("AllowedOAuthFlows") for client in clients]
    return bool(flows) and all(isinstance(flow, list) and flow == ["client_credentials"] for flow in flows)


def _only_elsewhere(clients: list[Resource]) -> bool:
    """Whether every client sends people to an outside identity provider."""
    providers = [client.get("SupportedIdentityProviders") for client in clients]
    return bool(providers) and all(isinstance(listed, list) and listed and "COGNITO" not in listed for listed in providers)


def _stake(pool: Resource, graph: Graph) -> str:
    """Why it matters here: faces that are matched beside it, or a challenge of one's own."""
    for resource in graph.of_type(*IDENTITY_TYPES):
        if any(grant.explicit for grant in grants_of(list(carriers_of(resource, graph)), MATCHING)):
            return f", and {resource.address} matches faces: a face may be the only factor"
    triggers = pool.get("LambdaConfig")
    first = triggers[0] if isinstance(triggers, list) and triggers else triggers
    if isinstance(first, dict) and first.get("VerifyAuthChallengeResponse"):
        return ", and a Lambda challenge of its own decides who signs in: a face may be the only factor"
    return "; a face, where one is used, would be the only factor"


RULE = Rule(
    id="step-up-factor",
    title="User pools ask for a second factor, so that a face is never the only one",
    severity=Severity.MEDIUM,
    types=(POOL,),
    evaluate=evaluate,
    remediation="Set MfaConfiguration to ON and allow a software token, or enforce adaptive authentication.",
    neighbours=(CLIENT, "AWS::IAM::Role"),
)
