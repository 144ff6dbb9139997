"""A key that signs media is asymmetric, made for signing, and nobody outside may sign with it (SM-PRV-01)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from averment.core.words import Severity
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import OUTSIDE, Graph, Resource, Unknown
from averment.policies.iam.carriers import IDENTITY_NEIGHBOURS, Carrier, carriers_of, policy_carriers
from averment.policies.iam.document import Document, Statement, Value
from averment.policies.iam.gates import Gate, allow_gates, deny_gates
from averment.policies.iam.patterns import action_matches, is_wildcard
from averment.policies.iam.principals import Principal, Who, admitted
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import NOT_APPLICABLE, PASS, Context, Outcome, Rule, fail, unknown
from averment.policies.rules.judge import fix_for, worst_outcome

KEY = "AWS::KMS::Key"
REPLICA = "AWS::KMS::ReplicaKey"
ALIAS = "AWS::KMS::Alias"
ACTION = "kms:Sign"
HELPS_ITSELF = {"kms:CreateGrant": "so they can grant themselves kms:Sign", "kms:PutKeyPolicy": "so they can allow themselves kms:Sign"}
"""What lets whoever may do it sign in a second step, and how."""
_ABOUT_SIGNING = re.compile(r"c2pa|content.?credential|\bsign(?:s|ing|er|ature|atures)?\b", re.IGNORECASE)
_ABOUT_ENCRYPTING = re.compile(r"encrypt|at.rest|\bsse\b", re.IGNORECASE)


def evaluate(key: Resource, context: Context) -> Outcome:
    """The verdict on one key; only keys that sign, or that are meant to, are asked."""
    usage = key.get("KeyUsage")
    if key.type == REPLICA:
        primary = context.graph.target(key.get("PrimaryKeyArn"))
        usage = primary.get("KeyUsage") if isinstance(primary, Resource) else Unknown("its primary key is not part of what was read")
    if key.outside or (key.type == REPLICA and isinstance(usage, Unknown)):
        return _unread(key, context)
    if isinstance(usage, Unknown):
        return unknown(f"whether this key signs could not be resolved: {usage.reason}", where=key.where("KeyUsage"))
    if usage != "SIGN_VERIFY":
        meant = _meant_for_signing(key, context.graph)
        return _wrong_usage(key, usage, meant) if meant else NOT_APPLICABLE
    return worst_outcome([PASS, *_policy(key, context), *_grants_unread(key)])


def _grants_unread(key: Resource) -> Iterator[Outcome]:
    """That the grants on a deployed key could not be asked for: one of them may let somebody sign, whatever the policy says."""
    grants = key.get("Grants")
    if isinstance(grants, Unknown):
        yield unknown(f"whether a grant lets others sign with this key: {grants.reason}", where=key.source)


def _unread(key: Resource, context: Context) -> Outcome:
    """A key whose usage wasn't read: one whose policy or grant names kms:Sign is for signing, and is judged by it."""
    statements = [statement for carrier in carriers_of(key, context.graph) for statement in carrier.document.of_effect("Allow")]
    signs = any(isinstance(action, str) and action.lower() == ACTION.lower() for one in statements for action in one.actions or ())
    if signs:
        return worst_outcome([PASS, *_policy(key, context)])
    return unknown(f"whether this key signs: {OUTSIDE}", where=key.source) if key.outside else NOT_APPLICABLE


def _wrong_usage(key: Resource, usage: Any, meant: str) -> Outcome:
    spec = key.get("KeySpec")
    shown = f"{usage or 'ENCRYPT_DECRYPT'}, {spec if isinstance(spec, str) else 'SYMMETRIC_DEFAULT'}"
    fix = fix_for(
        key,
        terraform='key_usage                = "SIGN_VERIFY"\ncustomer_master_key_spec = "ECC_NIST_P256"',
        cloudformation="KeyUsage: SIGN_VERIFY\nKeySpec: ECC_NIST_P256",
        command="aws kms create-key --key-usage SIGN_VERIFY --key-spec ECC_NIST_P256  # usage can't be changed: make a new key",
    )
    return fail(
        f"this key is meant for signing ({meant}) but is {shown}: nobody outside could verify it", where=key.where("KeyUsage"), fix=fix
    )


def _meant_for_signing(key: Resource, graph: Graph) -> str | None:
    """Why a key that can't sign is thought to be for signing: its description, an alias, or a permission to sign with it."""
    description = key.get("Description")
    if isinstance(description, str) and _ABOUT_SIGNING.search(description) and not _ABOUT_ENCRYPTING.search(description):
        return f"description '{description}'"
    if (name := _signing_aliases(graph).get(key.address)) is not None:
        return f"alias {name}"
    allowing = _allowing(graph).get(key.address)
    return f"{allowing} allows {ACTION} with it" if allowing is not None else None


@per_graph
def _signing_aliases(graph: Graph) -> dict[str, str]:
    """The first alias that speaks of signing, by the address of the key that it is of."""
    found: dict[str, str] = {}
    for alias in graph.of_type(ALIAS):
        name = alias.get("AliasName")
        target = graph.target(alias.get("TargetKeyId")) if isinstance(name, str) else None
        if isinstance(name, str) and isinstance(target, Resource) and _ABOUT_SIGNING.search(re.sub(r"[-_/]", " ", name)):
            found.setdefault(target.address, name)
    return found


@per_graph
def _allowing(graph: Graph) -> dict[str, str]:
    """The first resource whose policy names kms:Sign, by what it allows that with: the address of a key, or a text that may be one."""
    found: dict[str, str] = {}
    for carrier in policy_carriers(graph):
        for statement in carrier.document.of_effect("Allow"):
            explicit = any(isinstance(action, str) and action.lower() == ACTION.lower() for action in statement.actions or ())
            for value in statement.resources or () if explicit else ():
                target = graph.target(value)
                address = target.address if isinstance(target, Resource) else value
                if isinstance(address, str):
                    found.setdefault(address, carrier.resource.address)
    return found


def _policy(key: Resource, context: Context) -> Iterator[Outcome]:
    for carrier in carriers_of(key, context.graph):
        for reason in carrier.document.unknown:
            yield unknown(f"{carrier.label} could not be read: {reason.reason}", where=key.where(*carrier.path))
        for statement in carrier.document.of_effect("Allow"):
            yield from _grant(statement, carrier, key, context)


def _grant(statement: Statement, carrier: Carrier, key: Resource, context: Context) -> Iterator[Outcome]:
    where = key.where(*statement.path)
    for principal in admitted(statement, context.scope, context.graph):
        who = f"anyone (Principal {principal.text})" if principal.who is Who.ANYONE else principal.text
        # who has a grant can pass on no more than it holds
        asked = (ACTION,) if carrier.path[:1] == ("Grants",) else (ACTION, *HELPS_ITSELF)
        ways = {action: _lets(principal, action, statement, carrier.document, context) for action in asked}
        action = next((name for name, found in ways.items() if found is True), None)
        if action is not None:
            text = statement.action_text(action)
            what = "everything, so kms:Sign," if is_wildcard(text) else text
            then = f", {HELPS_ITSELF[action]}" if action in HELPS_ITSELF else ""
            yield fail(
                f"{statement.name} of {carrier.label} allows {who} {what} with this key{then}",
                where=where,
                fix=f"remove {who if principal.who is not Who.ANYONE else 'the * principal'} from {statement.name}; name the signing role instead",
            )
        elif isinstance(doubt := any_of(ways.values()), Unknown):
            yield unknown(f"{statement.name} of {carrier.label} may let {who} sign: {doubt.reason}", where=where)


def _lets(principal: Principal, action: str, statement: Statement, document: Document, context: Context) -> Truth:
    """Whether ``statement`` lets an outsider take ``action``, and by it sign."""
    effect: Truth = statement.effect if isinstance(statement.effect, Unknown) else True
    grants = True if action != "kms:CreateGrant" else _grants_signing(statement)
    allowed = all_of((effect, statement.covers_action(action), grants))
    return allowed and all_of((allowed, _open(principal, action, statement, document, context)))  # whom it is open to costs more to tell


def _grants_signing(statement: Statement) -> Truth:
    """Whether a grant made by this statement can be of kms:Sign (AWS KMS condition keys for grants).

    Services that make a grant for a resource of theirs encrypt with it; ``kms:GrantOperations`` names what can be granted.
    """
    for condition in statement.conditions:
        match condition.key.lower():
            case "kms:grantisforawsresource" if condition.base == "bool" and not condition.if_exists and condition.values == ("true",):
                return False
            case "kms:grantoperations" if not condition.negated and condition.qualifier != "foranyvalue":
                return any_of(value if isinstance(value, Unknown) else _granted(value) for value in condition.values)
            case "kms:granteeprincipal" if not condition.negated:
                return Unknown("kms:GranteePrincipal says to whom it may grant that")
    return True


def _granted(operation: Value) -> Truth:
    return isinstance(operation, str) and action_matches(f"kms:{operation}", ACTION)


def _open(principal: Principal, action: str, statement: Statement, document: Document, context: Context) -> Truth:
    """Whether the grant of ``action`` reaches outside: anyone without a tie to one's own identity, or an outside account."""
    who = principal.who
    if isinstance(who, Unknown):
        return who
    if who not in (Who.ANYONE, Who.OUTSIDER):
        return False
    own = allow_gates(statement, (Gate.IDENTITY,), context.scope, context.graph) if who is Who.ANYONE else False
    denied = deny_gates(document, action, (Gate.IDENTITY,), context.scope, context.graph, reaches=lambda _: True, granted=principal)
    if own is True or denied is True:
        return False
    return next((value for value in (own, denied) if isinstance(value, Unknown)), True)


RULE = Rule(
    id="signing-key-fit",
    title="Signing keys are asymmetric, for signing only, and closed to outsiders",
    severity=Severity.HIGH,
    types=(KEY, REPLICA),
    evaluate=evaluate,
    remediation="Use a SIGN_VERIFY key (ECC_NIST_P256) and let only the signing role of your own account call kms:Sign.",
    neighbours=(ALIAS, *IDENTITY_NEIGHBOURS),
)
