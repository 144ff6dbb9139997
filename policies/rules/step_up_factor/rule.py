"""People sign in with a second factor, so that a face is never the only one (SM-IDV-02)."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.iam.carriers import IDENTITY_NEIGHBOURS, IDENTITY_TYPES, carriers_of, identity_documents, unread_policies
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.apis import FUNCTION, function_at, role_of
from averment.policies.rules.grants import MATCHING, about_identity, about_matching, grants_of, unclear_actions
from averment.policies.rules.judge import fix_for, short_name
from averment.policies.rules.mechanical import second_factor

POOL = "AWS::Cognito::UserPool"
CLIENT = "AWS::Cognito::UserPoolClient"
NEIGHBOURING_POLICIES = IDENTITY_NEIGHBOURS
"""Where AWS Config shows who matches faces; that none does is known only if both could be read."""

PARAMETER = "face_user_pools"
"""Name patterns (a list) of the user pools whose people may be known by their face; without it, those beside which faces are matched."""

_FIRST = (
    "# whoever has no second factor yet is asked for one at the next sign-in: the application has to answer MFA_SETUP before this is on"
)
_TERRAFORM = f"""\
{_FIRST}
mfa_configuration = "ON"

software_token_mfa_configuration {{
  enabled = true
}}"""
_CLOUDFORMATION = f"""\
{_FIRST}
MfaConfiguration: 'ON'
EnabledMfas:
  - SOFTWARE_TOKEN_MFA"""
_COMMAND = (
    f"{_FIRST}\n"
    "aws cognito-idp set-user-pool-mfa-config --user-pool-id @ --mfa-configuration ON --software-token-mfa-configuration Enabled=true"
)


def evaluate(pool: Resource, context: Context) -> Outcome:
    """The verdict on one user pool."""
    clients = list(_clients(pool, context.graph))
    stake = _scope(pool, context)
    if stake is None or _only_machines(clients):
        return NOT_APPLICABLE
    where = pool.where("MfaConfiguration")
    setting = pool.get("MfaConfiguration")
    if isinstance(setting, Unknown):
        return unknown(f"whether this user pool asks for a second factor could not be resolved: {setting.reason}", where=where)
    mode = _mode(setting)
    if mode == "ON":
        return PASS
    if mode == "OPTIONAL" and _adaptive(pool):
        return PASS
    if isinstance(stake, Unknown):
        return unknown(f"this user pool demands no second factor; whether faces are matched beside it: {stake.reason}", where=where)
    if mode == "OPTIONAL":
        return unknown("the second factor is OPTIONAL; whether the application demands it where a face is used can't be told", where=where)
    if _only_elsewhere(clients):
        return unknown("people of this user pool sign in at another identity provider; its factors aren't seen here", where=pool.source)
    fix = fix_for(pool, terraform=_TERRAFORM, cloudformation=_CLOUDFORMATION, command=_COMMAND)
    said = "MfaConfiguration isn't set, so it is OFF" if setting in (None, "") else f"MfaConfiguration is {mode}"
    message = f"this user pool asks for no second factor ({said}){stake}"
    return fail(message, where=where, fix=fix, changes=(second_factor(pool),))


def _mode(setting: Any) -> str:
    """``ON``, ``OFF`` or ``OPTIONAL``; YAML reads a bare ON or OFF as a boolean."""
    if isinstance(setting, bool):
        return "ON" if setting else "OFF"
    return str(setting).upper() if isinstance(setting, str) else "OFF"


def _adaptive(pool: Resource) -> bool:
    """Whether Cognito itself demands an optional factor at risk (adaptive authentication)."""
    add_ons = pool.get("UserPoolAddOns")
    first = add_ons[0] if isinstance(add_ons, list) and add_ons else add_ons
    return isinstance(first, dict) and first.get("AdvancedSecurityMode") == "ENFORCED"


def _scope(pool: Resource, context: Context) -> str | Unknown | None:
    """Why the pool is asked, in words for the message; Unknown where faces may be matched beside it; None where it isn't asked."""
    patterns = context.parameters.get(PARAMETER)
    if not isinstance(patterns, list | tuple) or not patterns:
        return _stake(pool, context)
    name = pool.get("UserPoolName")
    known = name if isinstance(name, str) else short_name(pool)
    if not any(fnmatch.fnmatchcase(known.lower(), str(pattern).lower()) for pattern in patterns):
        return None
    stake = _stake(pool, context)
    return stake if isinstance(stake, str) else f", and {PARAMETER} names it: a face may be the only factor"


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


def _stake(pool: Resource, context: Context) -> str | Unknown | None:
    """Why it matters here: faces that are matched beside it, or a challenge of its own. None where no face is in sight."""
    found = [_matched(context.graph), _challenge(pool, context.graph)]
    certain = next((one for one in found if isinstance(one, str)), None)
    if certain is not None:
        return certain
    return context.not_read(*NEIGHBOURING_POLICIES) or next((one for one in found if one is not None), None)


@per_graph
def _matched(graph: Graph) -> str | Unknown | None:
    """Who matches faces; Unknown where somebody may, since all of Rekognition is allowed, or an action isn't resolved."""
    doubt: Unknown | None = None
    for resource in graph.of_type(*IDENTITY_TYPES):
        carriers = list(carriers_of(resource, graph))
        for grant in grants_of(carriers, MATCHING):
            if grant.explicit or (not grant.everything and about_matching(_named(resource))):
                return f", and {resource.address} matches faces: a face may be the only factor"
            if not grant.everything and doubt is None:
                doubt = Unknown(f"{resource.address} may do so, since {grant.name} allows {grant.text}")
        unclear = unclear_actions(carriers, "rekognition")
        if unclear is not None and doubt is None:
            doubt = Unknown(f"{resource.address} may do so, since an action could not be resolved: {unclear.reason}")
    return doubt


def _named(resource: Resource) -> str:
    """The names by which ``resource`` says what it is for: its own in the file, and the one it is deployed with."""
    values = (resource.get(key) for key in ("RoleName", "PolicyName", "ManagedPolicyName", "UserName", "GroupName"))
    return "\n".join((short_name(resource), *(value for value in values if isinstance(value, str))))


def _challenge(pool: Resource, graph: Graph) -> str | Unknown | None:
    """A Lambda challenge of the pool's own that compares faces; None where its function is known and is about something else."""
    triggers = pool.get("LambdaConfig")
    first = triggers[0] if isinstance(triggers, list) and triggers else triggers
    verifier = first.get("VerifyAuthChallengeResponse") if isinstance(first, dict) else first
    if isinstance(verifier, Unknown) and not verifier.template:
        return Unknown(f"a Lambda challenge of the pool's own could not be resolved: {verifier.reason}")
    if not verifier:
        return None
    function = function_at(verifier, graph)
    name = verifier if isinstance(verifier, str) else hole(verifier)
    if about_identity("\n".join((name, *_words(function)))):
        return ", and a Lambda challenge of its own decides who signs in: a face may be the only factor"
    if function is None:
        return Unknown(f"its Lambda challenge {name} may, and isn't part of what was read")
    role = role_of(function, graph)
    carriers = list(identity_documents(role, graph)) if role is not None else []
    if role is None or next(unread_policies(role, graph), None) is not None or any(grants_of(carriers, MATCHING)):
        return Unknown(f"its Lambda challenge {function.address} may, by what its role allows or isn't known to allow")
    return None


def _words(function: Resource | None) -> list[str]:
    values = (function.get(key) for key in ("FunctionName", "Handler", "Description", "Code")) if function is not None else ()
    return [value for value in values if isinstance(value, str)]


RULE = Rule(
    id="step-up-factor",
    title="User pools beside which faces are matched ask for a second factor, so that a face is never the only one",
    severity=Severity.MEDIUM,
    types=(POOL,),
    evaluate=evaluate,
    remediation="Set MfaConfiguration to ON and allow a software token, or enforce adaptive authentication.",
    neighbours=(CLIENT, FUNCTION, *NEIGHBOURING_POLICIES),
)
