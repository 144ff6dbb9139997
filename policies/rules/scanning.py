"""Whether new objects of a bucket reach something that may scan them, and who writes to a bucket from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.scope import MediaRole
from averment.policies.graph.memo import per_graph
from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.iam.carriers import doors_to
from averment.policies.iam.document import Statement
from averment.policies.iam.gates import Gate, allow_gates
from averment.policies.iam.principals import Who, principals_of
from averment.policies.iam.truth import Truth, all_of, any_of
from averment.policies.interface import NOT_APPLICABLE, Context, Outcome
from averment.policies.rules.apis import (
    FUNCTION,
    Door,
    another_takes_uploads,
    asks_for_uploads,
    function_at,
    functions_behind_doors,
    grant_of,
    role_at,
    role_of,
    takes_uploads,
)
from averment.policies.rules.events import enabled, reaches, s3_rules, takes_in, targets
from averment.policies.rules.looking import Unclear, look, perhaps
from averment.policies.rules.media import BROWSER_WRITES, media_buckets, media_role
from averment.policies.rules.media_usage import handed_in
from averment.policies.rules.notifications import describe, direct_listeners, eventbridge_on, notifications_unknown, notified
from averment.policies.rules.replication import replicated_from
from averment.policies.rules.storage import bucket_policies, listed, own_reach, setting
from averment.policies.rules.takers import (
    BUS,
    MACHINE,
    MAPPING,
    PIPE,
    QUEUE,
    SUBSCRIPTION,
    TOPIC,
    lets_through,
    polled_by,
    reads,
    source_of,
    target_of,
    targets_on,
    tells_people,
)
from averment.policies.rules.through_cdn import viewers

_NAMES = {QUEUE: "QueueName", TOPIC: "TopicName", MACHINE: "StateMachineName"}
_DEFINING = ("Definition", "DefinitionString", "DefinitionSubstitutions")
_ELSEWHERE = ("DefinitionUri", "DefinitionS3Location")
_MISSED = Unknown("it reads a dead-letter queue alone, so it hears only of what others failed to take up")
_PASSING_ON = (FUNCTION, QUEUE, TOPIC, MACHINE)
_COMPUTING = re.compile(r"(?:::|_)(?:ecs|batch|codebuild)(?:::|_)", re.IGNORECASE)
"""Types of what a rule starts that works on objects, in the words of CloudFormation and of Terraform."""
_WORKING = re.compile(
    r":(?:aws-sdk:)?(?:rekognition|bedrock(?:runtime)?|sagemaker(?:runtime)?|ecs|eks|batch|codebuild|mediaconvert)(?:[:.]|$)|:activity:"
)
"""Integrations by which a state machine looks at objects, or has them looked at, without a function."""


def scanned(bucket: Resource, context: Context) -> Truth:
    """Whether a target that exists is told of new objects in ``bucket``, directly or through EventBridge."""
    direct = any_of(listener.exists for listener in direct_listeners(bucket, context.graph))
    if direct is True:
        return True
    rules = [_led(rule, bucket, context.graph) for rule in s3_rules(context.graph)]
    if eventbridge_on(bucket, context.graph) is True and not rules:
        rules.append(Unknown("its events go to EventBridge, but no rule on them is part of what was read"))
    doubt = notifications_unknown(bucket)
    return any_of((direct, *rules, doubt if doubt is not None else False))


def _led(rule: Resource, bucket: Resource, graph: Graph) -> Truth:
    """Whether the rule leads new objects in ``bucket`` to somebody."""
    sent = reaches(rule, bucket, graph)
    return sent if sent is False else all_of((sent, enabled(rule), targets(rule, graph)))


def hearing(bucket: Resource, context: Context) -> dict[str, Truth]:
    """The functions, by address, that new objects in ``bucket`` lead to, directly or through what passes them on; whether word reaches them.

    It doesn't where a rule or an event source mapping is disabled, or a filter lets nothing of S3 through.
    """
    found, _ = _heard(bucket, context, perhaps=True)
    return {address: told for address, (resource, told) in found.items() if resource.type == FUNCTION}


@dataclass(frozen=True)
class Worker:
    """What takes new objects up and is no function: whoever receives from a queue, a task, a job, a state machine.

    ``told`` says whether word reaches it, ``roles`` what it runs as (by address; empty where that isn't known).
    """

    who: str
    told: Truth
    roles: frozenset[str] = frozenset()


def workers(bucket: Resource, context: Context) -> list[Worker]:
    """What new objects in ``bucket`` lead to, or may lead to, besides functions; of what wasn't read ``told`` is unknown."""
    found, lost = _heard(bucket, context, perhaps=True)
    known = [worker for resource, told in found.values() for worker in _workers(resource, told, context.graph)]
    known += [Worker(describe(value), all_of((told, _not_read(value)))) for value, told in lost]
    return [worker for worker in known if worker.told is not False]


def _not_read(value: object) -> Unknown:
    return value if isinstance(value, Unknown) else Unknown(f"{describe(value)} is not part of what was read")


def _workers(resource: Resource, told: Truth, graph: Graph) -> Iterator[Worker]:
    if resource.type == QUEUE:
        if (roles := polled_by(graph).get(resource.address)) is not None:
            yield Worker(f"whoever receives from {resource.address}", told, roles)
        elif told is True and resource.address not in _fed(graph):
            nobody = Unknown(f"nobody who reads the queue {resource.address} is part of what was read")
            yield Worker(resource.address, all_of((told, nobody)))
    elif resource.type == MACHINE:
        role = role_at(resource.get("RoleArn"), graph)
        yield Worker(resource.address, all_of((told, _works(resource))), frozenset({role.address} if role is not None else ()))
    elif _COMPUTING.search(resource.type):
        yield Worker(resource.address, told)


def _works(machine: Resource) -> Truth:
    """Whether the state machine looks at objects by itself; not known where its definition isn't."""
    values = [parsed_json(machine.get(key)) for key in _DEFINING[:2]]
    doubt = next((value for value in values if isinstance(value, Unknown)), None)
    if doubt is not None or any(machine.get(key) is not None for key in _ELSEWHERE):
        why = doubt.reason if doubt is not None else "it stands in a file of its own"
        return Unknown(f"the definition of {machine.address}, which new objects start, could not be resolved: {why}")
    return any(_WORKING.search(text) for value in values for text in _texts_in(value))


def _texts_in(definition: Any) -> Iterator[str]:
    if isinstance(definition, Mapping | list):
        for part in definition.values() if isinstance(definition, Mapping) else definition:
            yield from _texts_in(part)
    elif isinstance(definition, str):
        yield definition


def pipeline(bucket: Resource, context: Context) -> list[Resource]:
    """What stands between a new object in ``bucket`` and its verdict: rules, queues with their dead-letter queues, topics, functions."""
    found, _ = _heard(bucket, context)
    return [resource for resource, _ in found.values()]


def _heard(
    bucket: Resource, context: Context, *, perhaps: bool = False
) -> tuple[dict[str, tuple[Resource, Truth]], list[tuple[object, Truth]]]:
    """What ``pipeline`` is made of, by address, and whether what is told of new objects reaches it; then the targets that weren't found.

    With ``perhaps`` also what rules lead to of which it can't be told whether they take in the bucket's objects.
    """
    graph = context.graph
    found: dict[str, tuple[Resource, Truth]] = {}
    lost: list[tuple[object, Truth]] = []
    todo: list[tuple[object, Truth]] = list(notified(bucket, graph))
    for rule in s3_rules(graph):
        takes = takes_in(rule, bucket, graph, some=True)
        if takes is True or (perhaps and takes is not False):
            on = all_of((enabled(rule), reaches(rule, bucket, graph, some=True)))
            found[rule.address] = (rule, on)
            entries = [entry for entry in listed(rule.get("Targets")) if isinstance(entry, Mapping)]
            todo.extend((entry.get("Arn"), on) for entry in entries)
            letters = [entry["DeadLetterConfig"] for entry in entries if isinstance(entry.get("DeadLetterConfig"), Mapping)]
            todo.extend((letter.get("Arn"), all_of((on, _MISSED))) for letter in letters)
    while todo:
        value, told = todo.pop()
        resource = function_at(value, graph) or _at(value, graph)
        if resource is None:
            lost += [(value, told)] if value not in (None, "") else []
            continue
        before = found.get(resource.address)
        if before is not None and (before[1] is True or any_of((before[1], told)) == before[1]):
            continue
        found[resource.address] = (resource, told)
        todo.extend((onward, all_of((told, passes))) for onward, passes in _onward(resource, graph))
    return found, lost


def _at(value: object, graph: Graph) -> Resource | None:
    """What a link or an ARN means; ARNs are known by address (a deployed resource) or by their last part."""
    if not isinstance(value, str):
        found = graph.target(value)
        return found if isinstance(found, Resource) else None
    name = value.rsplit(":", 1)[-1]
    named = (resource for kind, key in _NAMES.items() for resource in graph.holding(kind, key, name))
    return graph.get(value) or next(named, None)


def _onward(resource: Resource, graph: Graph) -> Iterator[tuple[object, Truth]]:
    """Where ``resource`` passes on what it is told (subscribers, readers of a queue, what a state machine runs, dead-letter queues), and
    whether it does."""
    yield from _fed(graph).get(resource.address, ())
    for key, inner in (("RedrivePolicy", "deadLetterTargetArn"), ("DeadLetterConfig", "TargetArn")):
        value = resource.get(key)
        if isinstance(value, Mapping):
            yield value.get(inner), _MISSED
    if resource.type == BUS:
        yield from ((entry.get("Arn"), asked) for entry, asked in targets_on(resource, graph))
    for key in _DEFINING if resource.type == MACHINE else ():
        yield from ((value, True) for value in _named_in(resource.get(key)) if _passes_on(value, graph))


def _passes_on(value: object, graph: Graph) -> bool:
    found = function_at(value, graph) or _at(value, graph)
    return found is not None and found.type in _PASSING_ON


def _named_in(definition: Any) -> Iterator[object]:
    """The links and the ARNs of functions in a state machine's definition, whichever state they stand in."""
    definition = parsed_json(definition)
    if isinstance(definition, Mapping | list):
        for part in definition.values() if isinstance(definition, Mapping) else definition:
            yield from _named_in(part)
    elif isinstance(definition, Reference) or (isinstance(definition, str) and ":function:" in definition):
        yield definition


@per_graph
def _fed(graph: Graph) -> dict[str, list[tuple[object, Truth]]]:
    """What subscribes to each topic and reads each queue (links and ARNs) and whether it is told, by the address of the topic or queue."""
    found: dict[str, list[tuple[object, Truth]]] = {}
    for subscription in graph.of_type(SUBSCRIPTION):
        topic = _at(subscription.get("TopicArn"), graph)
        if topic is not None and not tells_people(subscription):
            found.setdefault(topic.address, []).append((subscription.get("Endpoint"), lets_through(subscription, graph)))
    for topic in graph.of_type(TOPIC):  # what is subscribed where the topic itself is written has no filter
        inline = (entry for entry in listed(topic.get("Subscription")) if isinstance(entry, Mapping) and not tells_people(entry))
        found.setdefault(topic.address, []).extend((entry.get("Endpoint"), True) for entry in inline)
    for link in graph.of_type(MAPPING, PIPE):
        queue = _at(source_of(link), graph)
        if queue is not None:
            on = reads(link, graph)
            onward = [target_of(link)] + ([link.get("Enrichment")] if link.type == PIPE and link.get("Enrichment") else [])
            found.setdefault(queue.address, []).extend((value, on) for value in onward)
    return found


def upload_role(bucket: Resource, context: Context) -> tuple[MediaRole, str] | None:
    """The bucket's media role and the reason, as ``media_role`` tells; a published one into which a function presigns takes uploads.

    So does one into which a CDN writes for its viewers. CORS for browsers ``media_role`` looks at itself: either way people put there what
    nobody has seen.
    """
    found = media_role(bucket, context.scope, context.graph)
    if found is None or found[0] is not MediaRole.PUBLISHED or not context.scope.guesses or found[1].startswith("tag "):
        return found
    if (sent := next((text for text, sure in viewers(bucket, context) if sure is True), None)) is not None:
        return MediaRole.UPLOAD, f"{found[1]}, and {sent}"
    for function, door in _writing_functions(bucket, context):
        if asks_for_uploads(door, function) and look(function, door, context.graph) is None:
            return MediaRole.UPLOAD, f"{found[1]}, and {function.address}, behind {door.label}, may write to it or presign for it"
    return found


def of_uploads(bucket: Resource, context: Context, judge: Callable[[str], Outcome]) -> Outcome:
    """What ``judge`` says, given why ``bucket`` takes uploads; of a published one it is a question where browsers may upload, and it fails."""
    found = upload_role(bucket, context)
    if found is None or found[0] is MediaRole.GENERATED:
        return NOT_APPLICABLE
    if found[0] is MediaRole.UPLOAD:
        return judge(found[1])
    doubt = writers_unclear(bucket, context, asking=True) if context.scope.guesses and not found[1].startswith("tag ") else None
    return perhaps(judge(found[1]), bucket, doubt) if doubt is not None else NOT_APPLICABLE


def writers_unclear(bucket: Resource, context: Context, *, asking: bool = False) -> Unclear | None:
    """Why it can't be told whether people upload to ``bucket`` themselves, if it can't.

    Methods of its CORS rules, or of a CDN's behaviour, aren't resolved; or the function that takes uploads may look at pictures, and so may
    do that before it writes (``asking``: only one that is called after uploading).
    """
    cors = bucket.properties.get("CorsConfiguration")
    for rule in listed(cors.get("CorsRules") if isinstance(cors, Mapping) else cors):
        for method in listed(rule.get("AllowedMethods") if isinstance(rule, Mapping) else rule):
            if isinstance(method, Unknown):
                why = f"whether browsers upload to it: its CORS rules could not be resolved: {method.reason}"
                return Unclear(Unknown(why), "if they do")
    for sent, sends in viewers(bucket, context):
        if isinstance(sends, Unknown):
            return Unclear(Unknown(f"whether {sent}: {sends.reason}"), "if it does")
    for function, door in _writing_functions(bucket, context):
        found = None if asking and not asks_for_uploads(door, function) else look(function, door, context.graph)
        if found is not None:
            why = f"whether {function.address}, which takes {door.label} and may call {found}, looks at what it is sent before it writes"
            return Unclear(Unknown(f"{why} can't be told"), "if it doesn't")
    return None


def _writing_functions(bucket: Resource, context: Context) -> Iterator[tuple[Resource, Door]]:
    """Functions behind an API that may write to ``bucket``, with the way in through which uploads can come."""
    graph = context.graph
    for function, door, role in _taking_uploads(graph):
        if grant_of(role, "s3:PutObject", bucket, graph, function) is None:
            continue
        if not asks_for_uploads(door, function) and another_takes_uploads(function, role, graph):
            continue
        if not _uploads_elsewhere(bucket, function, role, context):
            yield function, door


@per_graph
def _taking_uploads(graph: Graph) -> list[tuple[Resource, Door, Resource]]:
    """The functions behind an API through which uploads can come, each with the way in and the role that it runs as."""
    found: list[tuple[Resource, Door, Resource]] = []
    behind = functions_behind_doors(graph)
    for function in graph.of_type(FUNCTION):
        entries = [door for door in behind.get(function.address, ()) if takes_uploads(door, function)]
        door = next((door for door in entries if asks_for_uploads(door, function)), entries[0] if entries else None)
        role = role_of(function, graph) if door is not None else None
        if door is not None and role is not None:
            found.append((function, door, role))
    return found


def _uploads_elsewhere(bucket: Resource, function: Resource, role: Resource, context: Context) -> bool:
    """Whether the function may write to a bucket that is for uploads, too: then this one is where it, or what shares its role, puts results."""
    own = media_role(bucket, context.scope, context.graph)
    if own is not None and own[0] is MediaRole.UPLOAD:
        return False
    uploads = media_buckets(context.graph, context.scope, MediaRole.UPLOAD)
    return any(other is not bucket and grant_of(role, "s3:PutObject", other, context.graph, function) is not None for other, *_ in uploads)


def direct_writers(bucket: Resource, context: Context, *, sure: bool = False) -> Iterator[str]:
    """What shows that people upload to ``bucket`` themselves: CORS for browsers, a policy, AWS Transfer Family, a CDN, or a function behind an
    API.

    ``sure``: without functions that may look at what they are sent (``writers_unclear``).
    """
    cors = setting(bucket, context.graph, "CorsConfiguration")
    for rule in listed(cors.get("CorsRules")) if isinstance(cors, Mapping) else ():
        methods = listed(rule.get("AllowedMethods")) if isinstance(rule, Mapping) else []
        if found := next((method for method in methods if isinstance(method, str) and method in BROWSER_WRITES), None):
            yield f"its CORS rules let browsers {found}"
            break
    for _, document in bucket_policies(bucket, context.graph):
        for statement in document.of_effect("Allow"):
            who = _outsider(statement, context)
            if who and statement.covers_action("s3:PutObject") is True and own_reach(statement, bucket) is True:
                yield f"{statement.name} of its policy lets {who} write"
    for point in doors_to(bucket, context.graph):
        for statement in point.document.of_effect("Allow"):
            who = _outsider(statement, context)
            if who and statement.covers_action(point.action("s3:PutObject")) is True:
                yield f"{statement.name} of {point.label} lets {who} write"
    if (partners := handed_in(context.graph).get(bucket.address)) is not None:
        yield partners
    yield from (sent for sent, sends in viewers(bucket, context) if sends is True)
    for function, door in _writing_functions(bucket, context):
        if sure and look(function, door, context.graph) is not None:
            continue
        yield f"{function.address}, which takes {door.label}, may write to it"


def is_sink(bucket: Resource, context: Context) -> bool:
    """Whether nobody uploads to ``bucket``, and what lies there has been seen elsewhere.

    Such is where the scanner puts what it rejected, a bucket called quarantine while another is scanned; and the replica of one that is.
    """
    if (sources := replicated_from(bucket, context.graph)) and next(direct_writers(bucket, context), None) is None:
        return all(scanned(source, context) is True for source in sources)
    found = media_role(bucket, context.scope, context.graph)
    if found is None or "quarantine" not in found[1] or next(direct_writers(bucket, context), None) is not None:
        return False
    others = (other for other, *_ in media_buckets(context.graph, context.scope, MediaRole.UPLOAD) if other is not bucket)
    return any(scanned(other, context) is True for other in others)


def _outsider(statement: Statement, context: Context) -> str | None:
    """Who from outside a statement lets in: not anyone where it is tied to one's own account, organisation or network."""
    tied = allow_gates(statement, (Gate.IDENTITY, Gate.NETWORK), context.scope, context.graph) is True
    for principal in principals_of(statement, context.scope, context.graph):
        if principal.who is Who.OUTSIDER or (principal.who is Who.ANYONE and not tied):
            return "anyone" if principal.who is Who.ANYONE else principal.text
    return None
