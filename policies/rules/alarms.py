"""Whether an alarm tells somebody when it goes off: by itself, or through a composite alarm that goes off with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from averment.policies.graph.model import Graph, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.iam.truth import Truth, all_of, any_of, negate
from averment.policies.rules.recipients import SUBSCRIPTION, TOPIC, reached

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
TELLING = (ALARM, TOPIC, SUBSCRIPTION, COMPOSITE)
"""What has to be read to answer ``tells``."""

_WORD = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\((?:\s*\"(?P<quoted>(?:[^\"\\]|\\.)*)\"\s*|(?P<bare>[^()\"]*))\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<mark>[()]))"
)
_OPEN = re.compile(r"\$\{(?!AWS::)")
"""A part of a rule that may stand for any alarm's name."""

_DEPTH = 100
"""Parentheses and negations within each other that are followed; a rule of CloudWatch has at most 10,240 characters and 100 alarms."""


def tells(alarm: Resource, graph: Graph) -> Truth:
    """Whether somebody is told when ``alarm`` goes off, by its own actions or by those of a composite alarm that then goes off as well."""
    if (own := _tells_itself(alarm, graph)) is True:
        return True
    for sure in (
        True,
        False,
    ):  # first those that go off with it for sure: a way of which that can't be told must not hide one of which it can
        found = any_of((own, *_above(alarm, graph, sure=sure)))
        if found is True:
            return True
    return found


def _tells_itself(alarm: Resource, graph: Graph) -> Truth:
    on = alarm.get("ActionsEnabled")
    return all_of((on if isinstance(on, Unknown) else on is not False, reached(alarm.get("AlarmActions"), graph)))


def _above(alarm: Resource, graph: Graph, *, sure: bool) -> Iterator[Truth]:
    """What each composite alarm says to ``tells`` that goes off with ``alarm``, over any number of steps, each looked at once; those that may do so
    unless ``sure``. One whose actions another alarm suppresses is silent where that goes off with ``alarm``, too."""
    waiting = list(graph.of_type(COMPOSITE))
    queue: list[tuple[Resource, Truth]] = [(alarm, True)]
    for below, link in queue:
        follow = {
            parent.address: found for parent in waiting if (found := _follows(parent, below)) is True or (found is not False and not sure)
        }
        queue += [(parent, all_of((link, follow[parent.address]))) for parent in waiting if parent.address in follow]
        waiting = [parent for parent in waiting if parent.address not in follow]
    along = frozenset().union(*(_names(below) for below, link in queue if link is True))
    yield from (all_of((link, _tells_itself(parent, graph), _acts(parent, along))) for parent, link in queue[1:])


def _acts(composite: Resource, along: frozenset[str]) -> Truth:
    """Whether ``composite`` acts when the alarms of the names ``along`` are in ALARM: not while its suppressor is."""
    suppressor = composite.get("ActionsSuppressor")
    if suppressor is None:
        return True
    name = hole(suppressor)
    if name in along or name.rpartition(":alarm:")[2] in along:
        return False
    called = f"'{name}'" if not isinstance(suppressor, Unknown) else f"an alarm that could not be resolved ({suppressor.reason})"
    return Unknown(f"{composite.address}, which tells of it, doesn't while {called} is in ALARM")


def always_with(rule: str, names: frozenset[str]) -> bool:
    """Whether a composite alarm of this ``rule`` is in ALARM only while the alarm of these ``names`` is.

    Raises:
        ValueError: the rule isn't in the language of CloudWatch's ``AlarmRule``.
    """
    return all(_Expression(rule, names, state).whole() is False for state in ("OK", "INSUFFICIENT_DATA"))


def goes_off(rule: str, names: frozenset[str]) -> bool | None:
    """Whether a composite alarm of this ``rule`` goes to ALARM whenever the alarm of these ``names`` (its name and its ARN) does.

    None: it hangs on other alarms, too. False: it doesn't look at this alarm, never goes off with it, or is in ALARM in any case, which
    tells nobody anything: actions are for changes of state.

    Raises:
        ValueError: the rule isn't in the language of CloudWatch's ``AlarmRule`` (PutCompositeAlarm, API reference).
    """
    found = _Expression(rule, names)
    truth = found.whole()
    if not found.mentioned or (truth is True and _Expression(rule, names, "OK").whole() is True):
        return False
    return None if isinstance(truth, Unknown) else truth


def _follows(composite: Resource, alarm: Resource) -> Truth:
    rule = composite.get("AlarmRule")
    try:
        found = goes_off(hole(rule), _names(alarm))
    except ValueError as error:
        if isinstance(rule, Unknown):
            return Unknown(f"the rule of {composite.address} could not be resolved: {rule.reason}")
        return Unknown(f"the rule of {composite.address} could not be read: {error}")
    if found is None:
        return Unknown(f"{composite.address}, which tells of it, hangs on other alarms as well")
    if not found and _OPEN.search(hole(rule)):
        return Unknown(f"the alarms of {composite.address} could not be resolved")
    return found


def _names(alarm: Resource) -> frozenset[str]:
    """What an alarm's rule or suppressor calls ``alarm``."""
    name = alarm.get("AlarmName")
    links = {f"${{{alarm.address}.{attribute}}}" for attribute in ("Ref", "Arn", "AlarmName")}
    return frozenset(links | {alarm.address} | ({hole(name)} if name is not None else set()))


class _Expression:
    """A composite alarm's rule, while the one alarm is in ``state`` and nothing is known of the others."""

    def __init__(self, text: str, names: frozenset[str], state: str = "ALARM") -> None:
        self._text, self._at, self._names, self._depth, self._held = text, 0, names, 0, state
        self.mentioned = False

    def whole(self) -> Truth:
        """The value of all of it; ValueError where it can't be read."""
        found = self._either()
        if self._text[self._at :].strip():
            raise ValueError(f"{self._text[self._at : self._at + 40].strip()!r} is not expected there")
        return found

    def _either(self) -> Truth:
        found = [self._both()]
        while self._next("OR"):
            found.append(self._both())
        return any_of(found)

    def _both(self) -> Truth:
        found = [self._one()]
        while self._next("AND"):
            found.append(self._one())
        return all_of(found)

    def _one(self) -> Truth:
        word = _WORD.match(self._text, self._at)
        self._depth += 1
        if word is None or self._depth > _DEPTH:
            raise ValueError(f"no alarm stands at {self._text[self._at : self._at + 40].strip()!r}")
        self._at = word.end()
        found = self._value(word)
        self._depth -= 1
        return found

    def _value(self, word: re.Match[str]) -> Truth:
        if word["state"]:
            return self._state(word["state"], word["quoted"] if word["quoted"] is not None else word["bare"].strip())
        if word["word"] == "NOT":
            return negate(self._one())
        if word["word"] in ("TRUE", "FALSE"):
            return word["word"] == "TRUE"
        if word["mark"] != "(":
            raise ValueError(f"{word[0].strip()!r} is not expected there")
        found = self._either()
        if not self._next(")"):
            raise ValueError("a parenthesis isn't closed")
        return found

    def _state(self, state: str, name: str) -> Truth:
        plain = name.replace('\\"', '"')
        if plain in self._names or plain.rpartition(":alarm:")[2] in self._names:
            self.mentioned = True
            return state == self._held
        return Unknown("another alarm")

    def _next(self, wanted: str) -> bool:
        word = _WORD.match(self._text, self._at)
        if word is None or word[0].strip() != wanted:
            return False
        self._at = word.end()
        return True
