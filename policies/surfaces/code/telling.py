"""What a value, a name or a return says of liveness, by how it is written."""

from __future__ import annotations

import re
from enum import IntEnum

from averment.policies.surfaces.code.apis import HARMLESS, LIVENESS_WORD, OPENING_WORD
from averment.policies.surfaces.code.model import Call, Do, If, Inline, Raise, Return, Statement, Value


class Level(IntEnum):
    """How much of a liveness result a value is: all of it, that the session ended, how probable it is that the person was live, or whether."""

    NOTHING = 0
    RAW = 1
    ENDED = 2
    SCORE = 3
    TELLING = 4


FIELDS = {"status": Level.ENDED, "confidence": Level.SCORE}
"""The fields of a liveness result that say what it was, in lower case.

Source: the Amazon Rekognition API reference, "GetFaceLivenessSessionResults": a session whose Status is SUCCEEDED was analysed; how
probable it is that the person was live is its Confidence.
"""


PICTURES = frozenset({"referenceimage", "auditimages"})
"""The fields of a liveness result that hold pictures of the session: what is found in them is no answer of the session's."""

PYTHON_HANDLERS = frozenset({"handler", "lambda_handler", "main"})
SCRIPT_HANDLERS = frozenset({"handler", "lambdaHandler", "main", "GET", "POST", "PUT", "PATCH", "DELETE"})
HANDLERS = PYTHON_HANDLERS | SCRIPT_HANDLERS
"""What functions are called that a platform calls by their names."""

SETTLED = frozenset({"fulfilled", "rejected"})
"""What the status of a promise is that nothing else waited for."""
_ASKING = frozenset({"isinstance", "hasattr", "bool", "Boolean", "isFinite", "isNaN", "isNumber"})
"""Functions that ask what kind of thing something is, or whether it is there."""
_LISTENING = re.compile(
    r"on|once|add_?(?:event_?)?(?:listener|handler)|add_\w*(?:rule|route)|register(?:_?(?:handler|route|task))?|subscribe|consume",
    re.IGNORECASE,
)
"""Names of calls that register the functions that they are handed."""
_NOTING = frozenset(
    {"print", "log", "info", "debug", "warn", "warning", "error", "exception", "trace", "critical"}
    | {"increment", "incr", "count", "add_metric", "addMetric", "captureMessage"}
)
_NOTEBOOK = re.compile(r"(?:^|[._])(?:_?console|_?log(?:ger|ging)?|metrics?|statsd|sentry)$", re.IGNORECASE)
"""Functions that write something down, and what they are called on."""
_ROUTED = re.compile(r"""\(\s*["'`]/""")
_REGISTERING = re.compile(
    r"(?:api_?)?routes?|get|post|put|patch|delete|head|options|all|websocket|(?:shared_|periodic_)?task|command|group|consumer|job|mutation"
    r"|query|resolve\w*|action|api_view|tool|on_?\w*|subscri\w*|cron\w*|schedule\w*|(?:lambda_|http_|cloud_)?function"
    r"|(?:event|message)?_?(?:handler|listener|pattern|source)|lambda_?handler",
    re.IGNORECASE,
)
"""Names of decorators that register a function with a framework."""


_COMMENT = re.compile(r"^\s*(?:#|//|/?\*|[\"']{3}).*|(?:\s#|\s//).*")


def code_of(line: str) -> str:
    """What of a line isn't a comment, as far as one line tells."""
    return _COMMENT.sub("", line)


def tells(literal: object) -> bool:
    """Whether a map that is written down looks like a liveness result."""
    return isinstance(literal, dict) and any(str(key).lower() in FIELDS for key in literal)


def answer_of(value: Value | None) -> bool | None:
    """Whether a returned ``value`` says yes (True), or no (nothing, False), itself or by an entry; None if that can't be told."""
    if value is None or value.name == "undefined" or (value.constant and (value.literal is None or value.literal is False)):
        return False
    if isinstance(value.literal, dict | list):
        said = {answer_of(entry) for entry in parts_of(value).values() if entry.constant and isinstance(entry.literal, bool)}
        return False if False in said else True if said else None
    return True if value.constant and value.literal is True else None


def parts_of(value: Value) -> dict[str, Value]:
    """The entries of a map that is written down; of a tuple, what stands first, where functions say yes or no (``#0``)."""
    if isinstance(value.literal, list):
        return {f"#{index}": item for index, item in enumerate(value.literal[:1])}
    return {str(key): entry for key, entry in value.literal.items()} if isinstance(value.literal, dict) else {}


def makes_up(inline: Inline) -> bool:
    """Whether a function literal gives a map that looks like a liveness result."""
    returned = (statement.value for statement in inline.body if isinstance(statement, Return) and statement.value is not None)
    return any(tells(value.literal) for value in returned)


def goes_on(body: list[Statement]) -> bool:
    """Whether what follows a function goes on after it, as far as its last statement tells: it neither throws nor rejects."""
    last = body[-1] if body else None
    value = last.value if isinstance(last, Return) else None
    return not isinstance(last, Raise) and not (value is not None and value.outer is not None and value.outer.name == "reject")


def only_notes(arms: list[list[Statement]]) -> bool:
    """Whether whatever a condition says is only written down, in a log or a metric: nothing is decided by it."""
    inside = [statement for arm in arms for statement in arm]
    return bool(inside) and all(_notes(statement) for statement in inside)


def _notes(statement: Statement) -> bool:
    if isinstance(statement, If):
        return only_notes(statement.arms)
    call = statement.value.outer if isinstance(statement, Do) else None
    if call is None or call.name not in _NOTING:
        return False
    return call.name == "print" if call.receiver is None else _NOTEBOOK.search(call.receiver.name) is not None


def decides_nothing(call: Call) -> bool:
    """Whether ``call``, of somebody else's, decides nothing about what it is handed; a schema that parses it may refuse it (not so JSON's)."""
    refuses = call.name == "parse" and call.receiver is not None and call.receiver.name != "JSON"
    return call.name in HARMLESS and not refuses


def mere_presence(test: Value) -> bool:
    """Whether ``test`` asks only if there is a confidence or status at all (``if result.Confidence``), not what it is."""
    if not SETTLED.isdisjoint(text for text, _ in test.texts):
        return True  # of Promise.allSettled: the promise's own status
    if test.tests:
        return False
    if test.roots and all(call.name in _ASKING for call in test.roots):
        return True
    looked_up = [arg.text or "" for call in test.roots if call.name == "get" for arg in call.args[:1]]
    names = [name.rsplit(".", 1)[-1] for name in test.own] + looked_up
    return len(looked_up) == len(test.roots) and all(name.lower() in FIELDS for name in names)


def registers(decorator: str) -> bool:
    """Whether a decorator, as it is written, makes a function one that a framework calls: it names a route or an event, or says so.

    Others (a retry, a tracer, a cache) are wrapped around what the code itself calls.
    """
    name = decorator.lstrip("@").partition("(")[0].rpartition(".")[2]
    return bool(_ROUTED.search(decorator)) or _REGISTERING.fullmatch(name) is not None


def registers_by(name: str, first: str | None) -> bool:
    """Whether a call of ``name`` registers the functions that it is handed, by what it is called or by the route that comes ``first``."""
    return (first or "").startswith("/") or _LISTENING.fullmatch(name) is not None


def about_liveness(name: str) -> bool:
    """Whether ``name`` is about the outcome of a check that somebody is there."""
    return bool(LIVENESS_WORD.search(name)) and not OPENING_WORD.search(name)
