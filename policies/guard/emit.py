"""A rule as an AWS Config custom policy rule: its Guard 2 text, or the reason why there is none.

The verdict of the text on a configuration item is the rule's own: PASS and FAIL as they are, SKIP (NOT_APPLICABLE in AWS Config) where the
rule doesn't apply or can't tell. An item holds values, never unknowns, so there is one thing that it can leave open: that the configuration, or
the part that is asked about, isn't in it. Then the text's condition doesn't hold and it is skipped, as it is for a deleted resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment import __version__
from averment.core.errors import BadInputError
from averment.core.scope import Scope
from averment.policies.guard.clauses import CannotSayError, asked, demanded
from averment.policies.guard.literals import NO_TEXT, comment, literal
from averment.policies.guard.syntax import check_guard2, is_name
from averment.policies.interface import Kind, Rule
from averment.policies.predicates.evaluate import Stated, with_scope
from averment.policies.predicates.language import All, AnyOf, Condition, HoldsMedia, Named, Not, Path, Predicate, Tagged
from averment.policies.surfaces.config.paths import ALWAYS_THERE, DOCUMENTS, ITEM_PATHS, KNOWN_BY, UNLISTED, UNRECORDED
from averment.policies.surfaces.config.types import held_in, triggers

POLICY_LIMIT = 10_000
"""Characters that ``PolicyText`` may have (botocore's model of ``CustomPolicyDetails``)."""

RUNTIME = "guard-2.x.x"
"""The one ``PolicyRuntime`` that AWS Config has."""

MESSAGES = ("ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification")
"""What may trigger a custom policy rule; it can't run on a schedule."""

_GONE = ("ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded")
_STATUS = "configurationItemStatus"


@dataclass(frozen=True)
class GuardRule:
    """A rule as AWS Config takes it under the owner ``CUSTOM_POLICY``.

    ``text`` is the ``PolicyText``, ``resource_types`` are for the rule's scope (``ComplianceResourceTypes``), ``message_types`` for its
    ``SourceDetails``. ``unlisted`` are those of the types of which an item may never come, since AWS Config's API doesn't name them among
    what a recorder takes: without a schedule that describes them too, nobody would judge them.
    """

    rule: str
    text: str
    resource_types: tuple[str, ...]
    unlisted: tuple[str, ...] = ()
    message_types: tuple[str, ...] = MESSAGES
    runtime: str = RUNTIME


def guard_text(rule: Rule, scope: Scope, parameters: Mapping[str, Any] | None = None, controls: Sequence[str] = ()) -> GuardRule:
    """``rule`` as a custom policy rule, with the organisation's ``scope`` and ``parameters`` compiled in.

    ``controls`` are named in the comment at its head. The same arguments give the same text.

    Raises:
        BadInputError: Guard 2 can't state the rule; the message is that of ``refusal``.
    """
    try:
        return _made(rule, scope, parameters or {}, controls)
    except CannotSayError as error:
        fix = "run it before the merge: averment check" if rule.kind is Kind.CODE else "deploy it as a Lambda rule"
        raise BadInputError(f"{rule.id} can't be stated in Guard 2: it {error}", fix=fix) from error


def instead_of_function(
    rules: Iterable[Rule], scope: Scope, parameters: Mapping[str, Any], controls: Callable[[str], Sequence[str]]
) -> dict[str, str]:
    """The texts, by rule id, of those of ``rules`` that need no function: Guard 2 can state them, and a change triggers them for every type.

    ``controls`` gives the ids of a rule's controls, for the head of its text. A rule about a type of which no item may come stays with the
    function, which has a schedule.
    """
    stated = (rule for rule in rules if refusal(rule, scope, parameters) is None and all(triggers(kind) for kind in held_in(rule.types)))
    return {rule.id: guard_text(rule, scope, parameters, controls(rule.id)).text for rule in stated}


def refusal(rule: Rule, scope: Scope, parameters: Mapping[str, Any] | None = None) -> str | None:
    """Why ``rule`` has no text in Guard 2 (what follows "it"), or None if it has one."""
    try:
        _made(rule, scope, parameters or {}, ())
    except CannotSayError as error:
        return str(error)
    return None


def _made(rule: Rule, scope: Scope, parameters: Mapping[str, Any], controls: Sequence[str]) -> GuardRule:
    if not isinstance(rule.evaluate, Stated):
        raise CannotSayError("; it ".join(_reasons(rule)))
    if not is_name(_name(rule)):
        raise CannotSayError(f"is called {rule.id}, which can't be the name of a rule there")
    predicates = rule.evaluate.predicates
    for predicate in predicates:
        if predicate.type not in ITEM_PATHS:
            why = "AWS Config has no items of it" if predicate.type in UNRECORDED else "where its items keep what isn't known"
            raise CannotSayError(f"asks about {predicate.type}, and {why}")
    types = tuple(predicate.type for predicate in predicates)
    text = "\n".join([*_head(rule, controls), *_rule(rule, predicates, scope, parameters)]) + "\n"
    if len(text) > POLICY_LIMIT:
        raise CannotSayError(f"would take {len(text):,} characters, and AWS Config takes {POLICY_LIMIT:,}")
    check_guard2(text)
    return GuardRule(rule.id, text, types, tuple(name for name in types if name in UNLISTED))


def _reasons(rule: Rule) -> Iterator[str]:
    """Why a rule that isn't stated as predicates has no text, by what it looks at."""
    if rule.kind is Kind.CODE:
        yield "is about source code, which AWS Config doesn't record"
        return
    looked_at = (*rule.types, *rule.neighbours)
    found = False
    if documents := dict.fromkeys(DOCUMENTS[name] for name in looked_at if name in DOCUMENTS):
        found = True
        yield f"needs policy documents ({', '.join(documents)}): Guard 2 has no json_parse"
    if others := dict.fromkeys(name for name in rule.neighbours if name not in DOCUMENTS):
        found = True
        yield f"reads neighbours: {', '.join(others)}"
    if unrecorded := [name for name in rule.types if name in UNRECORDED and name not in DOCUMENTS]:
        found = True
        yield f"judges what AWS Config has no items of: {', '.join(unrecorded)}"
    if not found:
        yield "is written as a function, not as predicates"


def _head(rule: Rule, controls: Sequence[str]) -> list[str]:
    serves = f" ({', '.join(controls)})" if controls else ""
    return [
        comment(f"{rule.id}{serves}, averment {__version__}"),
        comment(rule.title),
        comment("Made from the rule: change it there, not here."),
    ]


def _rule(rule: Rule, predicates: Sequence[Predicate], scope: Scope, parameters: Mapping[str, Any]) -> Iterator[str]:
    listed = ", ".join(literal(predicate.type) for predicate in predicates)
    gone = ", ".join(literal(status) for status in _GONE)
    yield f"rule {_name(rule)} when"
    yield f"    resourceType IN [{listed}]"
    yield f"    {_STATUS} !exists or {_STATUS} not IN [{gone}]"
    yield "    configuration is_struct"
    yield "    configuration.* exists"
    yield "{"
    for predicate in predicates:
        yield from (f"    {line}" for line in _predicate(predicate, scope, parameters))
    yield "}"


def _name(rule: Rule) -> str:
    return rule.id.replace("-", "_")


def _predicate(predicate: Predicate, scope: Scope, parameters: Mapping[str, Any]) -> Iterator[str]:
    """The block for one type. Its first line always holds: without one, a block whose other lines are all skipped would be skipped too."""

    def where(path: Path) -> str:
        name = ".".join(path)
        if name not in ITEM_PATHS[predicate.type]:
            raise CannotSayError(f"needs {name} of {predicate.type}, which AWS Config doesn't record as it is")
        return ITEM_PATHS[predicate.type][name]

    body: list[str] = []
    for demand in (demand for chain in predicate.chains for demand in chain):
        body += demanded(with_media(with_scope(demand.holds, parameters), predicate.type, scope), where, demand.says)
    yield "when"
    yield f"    resourceType == {literal(predicate.type)}"
    if known := KNOWN_BY.get(predicate.type):
        yield f"    {' or '.join(f'{place} != {NO_TEXT}' for place in known)}"
    yield from (f"    {place} is_struct" for place in ALWAYS_THERE.get(predicate.type, ()) if any(place in line for line in body))
    asks = with_media(with_scope(predicate.asks, parameters), predicate.type, scope)
    yield from (f"    {line}" for line in asked(asks, where))
    yield "{"
    yield "    resourceType exists"
    yield from (f"    {line}" for line in body)
    yield "}"


def with_media(condition: Condition, kind: str, scope: Scope) -> Condition:
    """``condition`` with the organisation's media scope put in, as the tags and names that say so.

    Raises:
        CannotSayError: the organisation hasn't said which buckets hold media, or the resources aren't buckets.
    """
    if isinstance(condition, Not):
        return Not(with_media(condition.of, kind, scope))
    if isinstance(condition, All | AnyOf):
        return type(condition)(tuple(with_media(part, kind, scope) for part in condition.of))
    if not isinstance(condition, HoldsMedia):
        return condition
    if scope.guesses:
        raise CannotSayError("asks about media buckets, and which hold media is guessed by default: say so in averment.yaml (scope: media)")
    if kind != "AWS::S3::Bucket":
        raise CannotSayError(f"asks whether {kind} holds media, which is known of buckets only")
    tags = [Tagged(key, wanted) for matcher in scope.media for key, wanted in matcher.tags.items()]
    names = tuple(dict.fromkeys(name for matcher in scope.media for name in matcher.names))
    return AnyOf((*tags, *([Named(("BucketName",), names)] if names else [])))
