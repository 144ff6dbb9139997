"""Whether what is told of new objects is there, and whether it ever takes anything up: a function that may not run scans nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Dialect, Graph, Resource, Unknown
from averment.policies.iam.carriers import ATTACHED_TYPES, HOLDER_TYPES, carriers_of, trust
from averment.policies.iam.partitions import plain, service_of
from averment.policies.iam.truth import Truth, all_of
from averment.policies.rules.apis import FUNCTION, function_at
from averment.policies.rules.filters import (
    BY_EVENTBRIDGE,
    BY_TRAIL,
    IN_ENVELOPE,
    MESSAGES,
    Message,
    let_by_criteria,
    let_by_pattern,
    let_by_policy,
)
from averment.policies.rules.storage import listed

QUEUE, TOPIC = "AWS::SQS::Queue", "AWS::SNS::Topic"
MAPPING, SUBSCRIPTION = "AWS::Lambda::EventSourceMapping", "AWS::SNS::Subscription"
MACHINE = "AWS::StepFunctions::StateMachine"
PIPE = "AWS::Pipes::Pipe"
BUS = "AWS::Events::EventBus"
TAKERS = (QUEUE, TOPIC, MAPPING, PIPE, SUBSCRIPTION, MACHINE)
"""What a rule names as neighbours, besides functions, that asks whether somebody takes up what is told."""

NAME_KEYS = {FUNCTION: "FunctionName", QUEUE: "QueueName", TOPIC: "TopicName"}
_HOLDING = (HOLDER_TYPES[0], *ATTACHED_TYPES)
_CALLED_BY = frozenset({"lambda", "pipes"})
"""Services that receive from a queue with the role of a function or of a pipe, where a mapping or the pipe tells them to."""
_OF_FUNCTION = 7
"""Parts of a function's ARN; an eighth is an alias or a version."""

_RUN = (
    "# in @\nreserved_concurrent_executions = -1",
    "# in @, instead of 0, or take it out\nReservedConcurrentExecutions: 10",
    "aws lambda delete-function-concurrency --function-name @",
)
_READ = ("# in @\nenabled = true", "# in @\nEnabled: true", "aws lambda update-event-source-mapping --uuid @ --enabled")
_PEOPLE = frozenset({"email", "email-json", "sms", "application"})
"""Protocols by which a topic tells people or their telephones."""
_TELLS = "tells people, by mail or telephone, who look at no object"
_LOG_GROUP = "AWS::Logs::LogGroup"
_SCANNER = (
    "# a target or subscriber that scans, such as\naws_sqs_queue.<scanner>.arn",
    "# a target or subscriber that scans, such as\n!GetAtt <Scanner>.Arn",
    "# add a target (aws events put-targets) or subscribe one (aws sns subscribe) that scans, such as the queue <scanner>",
)
_START = ('# in @\ndesired_state = "RUNNING"', "# in @\nDesiredState: RUNNING", "aws pipes start-pipe --name @")
_CRITERIA = (
    "# take filter_criteria out of @: nothing that comes there about a new object is like that",
    "# take FilterCriteria out of @: nothing that comes there about a new object is like that",
    "aws lambda update-event-source-mapping --uuid @ --filter-criteria '{}'",
)
_FILTER = (
    "# take filter_policy out of @: what it is told of a new object has no attributes, and no body like that",
    "# take FilterPolicy out of @: what it is told of a new object has no attributes, and no body like that",
    "aws sns set-subscription-attributes --subscription-arn @ --attribute-name FilterPolicy --attribute-value '{}'",
)


@dataclass(frozen=True)
class Idle:
    """Why something that is told never takes anything up, and how that is mended: in Terraform, CloudFormation, by a command."""

    why: str
    fix: tuple[str, str, str]


def exists(value: Any, graph: Graph) -> Truth:
    """Whether ``value`` (a link or an ARN) points to something that is there."""
    if value is None or value == "":
        return False
    found = graph.target(value)
    if found is not None:
        return found if isinstance(found, Unknown) else True
    if not isinstance(value, str):
        return False
    if _by_arn(value, graph) is not None:
        return True
    return Unknown(f"{value} is not part of what was read")


def found_at(value: Any, graph: Graph) -> Resource | None:
    """The function, queue or topic (or whatever is linked to) that ``value`` means; of an alias or version, its function."""
    if (function := function_at(value, graph)) is not None:
        return function
    found = graph.target(value)
    if isinstance(found, Resource):
        return found
    return _by_arn(value, graph) if isinstance(value, str) else None


def idle(value: Any, graph: Graph, *messages: Message) -> Idle | Unknown | None:
    """Why whatever ``value`` means never takes up any of ``messages``, as it is told; None if it does, or isn't among what was read."""
    return _idle(found_at(value, graph), graph, frozenset(), messages)


def takes(found: Idle | Unknown | None) -> Truth:
    """Whether something ever takes up what it is told, by what ``idle`` says of it."""
    return found if isinstance(found, Unknown) else found is None


def runs(function: Resource) -> Truth:
    """Whether ``function`` may run at all."""
    return takes(_stopped(function))


def reads(link: Resource, graph: Graph, messages: Sequence[Message] = MESSAGES) -> Truth:
    """Whether an event source mapping or a pipe hands on what its source holds: any of ``messages``, as far as it is known how they come."""
    on, name = (link.get("DesiredState"), "is to run") if link.type == PIPE else (link.get("Enabled"), "is enabled")
    if isinstance(on, Unknown):
        return Unknown(f"whether {link.address} {name} could not be resolved: {on.reason}")
    let_by = let_by_criteria(link.get("SourceParameters", "FilterCriteria") if link.type == PIPE else link.get("FilterCriteria"), messages)
    if let_by is False and (source := _source(source_of(link), QUEUE, graph)) is not None:
        let_by = _rewritten(graph).get(source.address, False)
    if isinstance(let_by, Unknown):
        let_by = Unknown(f"whether the filters of {link.address} let events of S3 through: {let_by.reason}")
    return all_of((on not in (False, "STOPPED"), let_by))


def source_of(link: Resource) -> Any:
    """Where an event source mapping or a pipe takes from."""
    return link.get("Source" if link.type == PIPE else "EventSourceArn")


def target_of(link: Resource) -> Any:
    """Where an event source mapping or a pipe hands on to."""
    return link.get("Target" if link.type == PIPE else "FunctionName")


def lets_through(subscription: Resource, graph: Graph, messages: Sequence[Message] = MESSAGES) -> Truth:
    """Whether the subscription's filter policy lets any of ``messages`` about a new object through."""
    scope = subscription.get("FilterPolicyScope")
    found = let_by_policy(subscription.get("FilterPolicy"), scope, messages)
    if found is False and scope == "MessageBody" and (source := _source(subscription.get("TopicArn"), TOPIC, graph)) is not None:
        found = _rewritten(graph).get(source.address, False)
    if not isinstance(found, Unknown):
        return found
    return Unknown(f"whether the filter policy of {subscription.address} lets events of S3 through: {found.reason}")


@per_graph
def _rewritten(graph: Graph) -> dict[str, Unknown]:
    """The queues and topics that a rule of EventBridge or a pipe tells something of its own making, by address."""
    found: dict[str, Unknown] = {}
    for rule in graph.of_type("AWS::Events::Rule"):
        for entry in listed(rule.get("Targets")):
            changes = isinstance(entry, Mapping) and any(entry.get(key) for key in ("Input", "InputPath", "InputTransformer"))
            target = found_at(entry.get("Arn"), graph) if changes else None
            if target is not None:
                found[target.address] = Unknown(f"{rule.address} tells {target.address} something of its own making")
    for pipe in graph.of_type(PIPE):
        target = found_at(pipe.get("Target"), graph)
        if target is not None:
            found[target.address] = Unknown(f"{pipe.address} tells {target.address} something of its own making")
    return found


def _idle(taker: Resource | None, graph: Graph, seen: frozenset[str], messages: Sequence[Message]) -> Idle | Unknown | None:
    if taker is None or taker.outside or taker.address in seen:
        return None
    on = seen | {taker.address}
    if taker.type == FUNCTION:
        return _stopped(taker)
    if taker.type == _LOG_GROUP:
        return _no_scanner(taker, "is a log group, which keeps what it is told and looks at no object")
    if taker.type == BUS:
        other = Unknown(f"no rule on {taker.address} that tells somebody is part of what was read")
        told = ((found_at(entry.get("Arn"), graph), asked) for entry, asked in targets_on(taker, graph))
        handed = (
            asked if isinstance(asked, Unknown) else _idle(target, graph, on, messages) for target, asked in told if target is not None
        )
        return _least(handed, lambda: other)
    if taker.type == QUEUE:
        nobody = Unknown(f"nobody who reads the queue {taker.address} is part of what was read")
        polled = taker.address in polled_by(graph)
        found = _least(_readers(taker, graph, on, messages), lambda: None if polled else nobody)
        if isinstance(found, Idle) and polled:
            return Unknown(f"{found.why}; whether whoever else may receive from {taker.address} reads it can't be told")
        return found
    if taker.type == TOPIC:
        return _least(_subscribers(taker, graph, on, messages), lambda: Unknown(f"nobody subscribes to {taker.address} in what was read"))
    return None


def targets_on(bus: Resource, graph: Graph) -> Iterator[tuple[Mapping[str, Any], Truth]]:
    """The targets of the rules on a bus that are on, and whether what each rule asks for is what comes of new objects."""
    for rule in graph.of_type("AWS::Events::Rule"):
        name = rule.get("EventBusName")
        same = graph.target(name) is bus or (isinstance(name, str) and name in (bus.get("Name"), bus.address))
        asked = let_by_pattern(rule.get("EventPattern"), BY_EVENTBRIDGE, BY_TRAIL) if same and rule.get("State") != "DISABLED" else False
        if isinstance(asked, Unknown):
            asked = Unknown(f"whether the pattern of {rule.address} takes in events of S3: {asked.reason}")
        if asked is not False:
            yield from ((entry, asked) for entry in listed(rule.get("Targets")) if isinstance(entry, Mapping))


def _stopped(function: Resource) -> Idle | Unknown | None:
    reserved = function.get("ReservedConcurrentExecutions")
    if isinstance(reserved, Unknown):
        return Unknown(f"whether {function.address} may run: its reserved concurrency could not be resolved: {reserved.reason}")
    if reserved is None or isinstance(reserved, bool) or str(reserved) != "0":
        return None
    return Idle(f"{function.address} has a reserved concurrency of 0, so it never runs", _named_in(_RUN, function))


def _least(takers: Iterator[Idle | Unknown | None], otherwise: Callable[[], Unknown | None]) -> Idle | Unknown | None:
    """What holds of all of ``takers`` together: None if one takes up; else what isn't known, else why not. Of none, ``otherwise``."""
    found = list(takers)
    if not found:
        return otherwise()
    if None in found:
        return None
    return next((one for one in found if isinstance(one, Unknown)), found[0])


def _readers(queue: Resource, graph: Graph, seen: frozenset[str], messages: Sequence[Message]) -> Iterator[Idle | Unknown | None]:
    """How it stands with what each event source mapping and each pipe reads ``queue`` for."""
    for link in _by_source(graph).get(queue.address, ()):
        on = reads(link, graph, messages)
        if on is False:
            off = link.get("Enabled") is False or link.get("DesiredState") == "STOPPED"
            why = ("is stopped" if link.type == PIPE else "is disabled") if off else "has filters that let no event of S3 through"
            mend = (_START if link.type == PIPE else _READ) if off else _CRITERIA
            yield Idle(f"{link.address}, by which {queue.address} is read, {why}", _named_in(mend, link))
        elif isinstance(on, Unknown):
            yield on
        else:
            yield _idle(found_at(target_of(link), graph), graph, seen, messages)


def _subscribers(topic: Resource, graph: Graph, seen: frozenset[str], messages: Sequence[Message]) -> Iterator[Idle | Unknown | None]:
    """How it stands with each subscriber of ``topic``."""
    for entry in listed(topic.get("Subscription")):
        if isinstance(entry, Mapping) and tells_people(entry):
            yield _no_scanner(topic, _TELLS)
        else:
            yield _subscribed(entry.get("Endpoint"), topic, None, graph, seen, messages) if isinstance(entry, Mapping) else None
    for subscription in _by_source(graph).get(topic.address, ()):
        let_through = lets_through(subscription, graph, messages)
        if tells_people(subscription):
            yield _no_scanner(subscription, _TELLS)
        elif let_through is False:
            why = f"the filter policy of {subscription.address} lets no event of S3 through"
            yield Idle(why, _named_in(_FILTER, subscription))
        elif isinstance(let_through, Unknown):
            yield let_through
        else:
            raw = subscription.get("RawMessageDelivery")
            yield _subscribed(subscription.get("Endpoint"), subscription, raw, graph, seen, messages)


def tells_people(subscription: Resource | Mapping[str, Any]) -> bool:
    """Whether a topic tells people by it, who scan nothing."""
    protocol = subscription.get("Protocol")
    return isinstance(protocol, str) and protocol in _PEOPLE


def _no_scanner(told: Resource, why: str) -> Idle | Unknown:
    """What is told and scans nothing. Before a deployment somebody else may be told by what stands elsewhere."""
    text = f"{told.address} {why}"
    return Idle(text, _SCANNER) if told.dialect is Dialect.CONFIG else Unknown(f"{text}, and nobody else is told by what was read")


def _subscribed(
    endpoint: Any, by: Resource, raw: Any, graph: Graph, seen: frozenset[str], messages: Sequence[Message]
) -> Idle | Unknown | None:
    """How it stands with one subscriber, which is sent ``messages`` as they are (``raw``) or in the topic's envelope.

    Where it isn't known which, it is what holds either way: a filter that lets one of them through need never see it.
    """
    bare, enveloped = (_idle(found_at(endpoint, graph), graph, seen, sent) for sent in (messages, (IN_ENVELOPE,)))
    if raw in (True, "true"):
        return bare
    if raw in (False, "false") or (raw is None and by.dialect is not Dialect.CONFIG):
        return enveloped
    for stopped, other, when in ((bare, enveloped, "does"), (enveloped, bare, "does not")):
        if isinstance(stopped, Idle) and not isinstance(other, Idle):
            return Unknown(f"whether {by.address} delivers raw isn't known; if it {when}, {stopped.why}")
    return bare if bare is not None else enveloped


@per_graph
def _by_source(graph: Graph) -> dict[str, list[Resource]]:
    """What reads each queue and subscribes to each topic, by the address of that."""
    found: dict[str, list[Resource]] = {}
    for kind, key, source in ((MAPPING, "EventSourceArn", QUEUE), (PIPE, "Source", QUEUE), (SUBSCRIPTION, "TopicArn", TOPIC)):
        for link in graph.of_type(kind):
            resource = _source(link.get(key), source, graph)
            if resource is not None:
                found.setdefault(resource.address, []).append(link)
    return found


@per_graph
def polled_by(graph: Graph) -> dict[str, frozenset[str]]:
    """The queues, by address, from which a policy lets somebody receive that names them, and whom (by address; nobody who is known: empty).

    That is a worker of which nothing else tells. A function or a pipe isn't one by its role alone: Lambda receives for the one, and an event
    source mapping tells it to; the other may be stopped.
    """
    found: dict[str, frozenset[str]] = {}
    for resource in graph.of_type(*_HOLDING):
        for carrier in carriers_of(resource, graph):
            if carrier.holders and all(_only_called(holder) for holder in carrier.holders):
                continue
            holders = frozenset(holder.address for holder in carrier.holders if isinstance(holder, Resource))
            for statement in carrier.document.of_effect("Allow"):
                if statement.covers_action("sqs:ReceiveMessage") is True:
                    named = (_source(value, QUEUE, graph) for value in statement.resources or ())
                    found |= {queue.address: found.get(queue.address, frozenset()) | holders for queue in named if queue is not None}
    return found


def _only_called(holder: Resource | Unknown) -> bool:
    """Whether nobody but functions and pipes can have the role ``holder``."""
    if isinstance(holder, Unknown) or holder.type != HOLDER_TYPES[0]:
        return False
    document = trust(holder)
    named = [value for statement in document.of_effect("Allow") for _, value in statement.principals or (("", None),)]
    return bool(named) and not list(document.unknown) and all(isinstance(value, str) and service_of(value) in _CALLED_BY for value in named)


def _source(value: Any, kind: str, graph: Graph) -> Resource | None:
    """The queue or topic that ``value`` means. A deployed one's address says whose it is: another account may have one of the name."""
    if isinstance(value, Unknown) and value.template is not None and ":sqs:" in value.template:
        value = value.template  # an ARN of which the region or the account is open
    found = graph.target(value)
    if isinstance(found, Resource) or not isinstance(value, str):
        return found if isinstance(found, Resource) else None
    named = graph.holding(kind, NAME_KEYS[kind], value.rsplit(":", 1)[-1])
    return next((one for one in named if plain(one.address) == plain(value) or not one.address.startswith("arn:")), None)


def _named_in(texts: tuple[str, str, str], resource: Resource) -> tuple[str, str, str]:
    """``texts`` for ``resource``, which isn't the one that is judged: a fix's ``@`` is that one's name."""
    name = resource.address.partition("#")[0].rsplit(":", 1)[-1].rsplit("/", 1)[-1]
    first, second, third = (text.replace("@", name) for text in texts)
    return first, second, third


def _by_arn(value: str, graph: Graph) -> Resource | None:
    """The resource at the address ``value``, or the function, queue or topic with this ARN."""
    return graph.get(value) or named_by(value, graph)


def named_by(arn: str, graph: Graph) -> Resource | None:
    """The function, queue or topic with this ``arn``, or of which it is a version or an alias.

    The address of one that is deployed says whose it is: another account may have one of the name.
    """
    whole = ":".join(arn.split(":")[:_OF_FUNCTION]) if ":function:" in arn else arn
    name = whole.rsplit(":", 1)[-1]
    named = (one for kind, key in NAME_KEYS.items() for one in graph.holding(kind, key, name) if not one.address.startswith("arn:"))
    return graph.at(whole, *NAME_KEYS) or next(named, None)
