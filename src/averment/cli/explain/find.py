"""What a thing is: each kind of name is asked in turn, and a thing that nothing knows gets the nearest names.

The kinds share no name (a test holds them to it), so the first that knows the thing answers; those that need most of the program to be
imported are asked last.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path

from averment.cli.explain import words
from averment.cli.explain.catalogue import Shelf
from averment.cli.explain.topics import Topic
from averment.core.errors import BadInputError

_NEAREST = 5
_LONGEST = 500
"""Characters of a name; a place in a deep folder has some two hundred. A page that was pasted would be compared for minutes."""


def explained(thing: str, shelf: Shelf, where: Path) -> tuple[Topic, ...]:
    """What ``thing`` means: one topic, or several where it names several provisions or findings.

    Raises:
        BadInputError: nothing is called so (the nearest names are in the fix), or it is a finding's place without a finding.
    """
    thing = " ".join(thing.split())
    if len(thing) > _LONGEST:
        raise BadInputError(
            f"nothing has a name of {len(thing):,} characters", fix="name one thing: a control, a rule, an article, a finding"
        )
    for ask in (shelf.control, words.word_topics):
        if found := ask(thing):
            return found
    from averment.cli.explain import incidents

    if found := shelf.law(thing):
        return (*found, *incidents.duty_of_law(thing, shelf))
    from averment.cli.explain import findings, parts

    if findings.looks_like_finding(thing):
        return findings.finding_topics(thing, shelf.organisation, shelf.catalogue, where)
    heavy: tuple[Callable[[], tuple[Topic, ...]], ...] = (
        lambda: parts.rule_topics(thing, shelf.organisation, shelf.catalogue),
        lambda: parts.remedy_topics(thing),
        lambda: parts.claim_topics(thing),
        lambda: parts.collector_topics(thing),
        lambda: incidents.incident_topics(thing, shelf),
    )
    for look in heavy:
        if found := look():
            return found
    left_out = thing.upper() in shelf.catalogue.left_out
    more = " (a control that averment.yaml does not select)" if left_out else ""
    raise BadInputError(f"nothing is called '{thing}'{more}", fix=_suggestion(thing, shelf))


def names(shelf: Shelf) -> Iterator[str]:
    """Every name that can be explained, but for findings and for other spellings of an article."""
    from averment.cli.explain.incidents import incident_names
    from averment.detector.claims.registry import CLAIM_TYPES
    from averment.evidence.collectors.registry import names as collector_names
    from averment.governance.remediation.blueprints import all_blueprints
    from averment.governance.remediation.runbooks import runbook_names
    from averment.policies.own_rules import own_folders
    from averment.policies.rules.registry import all_rules

    for control in shelf.catalogue:
        yield control.id
        yield from (f"{control.id}/{item.id}" for item in control.assessments)
    yield from (rule.id for rule in all_rules())
    yield from own_folders(shelf.organisation)
    for framework in shelf.catalogue.frameworks.values():
        yield framework.id
        yield from (f"{framework.title} {provision.label}" for provision in framework.provisions.values())
    yield from (kind.name for kind in CLAIM_TYPES)
    yield from collector_names()
    yield from runbook_names()
    yield from all_blueprints()
    yield from incident_names(shelf)
    yield from words.names()


def _suggestion(thing: str, shelf: Shelf) -> str:
    every = {name.lower(): name for name in names(shelf)}
    near = difflib.get_close_matches(thing.lower(), every, n=_NEAREST, cutoff=0.6)
    inside = [name for name in every if len(thing) > 2 and thing.lower() in name]
    chosen = list(dict.fromkeys(every[name] for name in (*near, *sorted(inside))))[:_NEAREST]
    if chosen:
        return f"did you mean {', '.join(chosen)}?"
    return (
        "name a control (SM-UPL-03), a rule, an article ('AI Act 50(2)'), a framework, a claim, a finding (main.tf:12) or a word of a result; "
        "see averment controls list and averment rules list"
    )
