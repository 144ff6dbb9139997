"""The proposal as the text of ``averment.yaml``: what was seen is stated with its place, what only a person can say is a question.

Names in it come from a stranger's files, so whatever goes into a comment or a value is made harmless first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from averment.core.scope import DEFAULT_MEDIA, MediaRole
from averment.core.showing import printable
from averment.core.words import counted, first_of
from averment.governance.onboarding.proposal import ASK, LawState, Proposal, fact_words, grouped, shown, unmade

_PLACEHOLDER = re.compile(r"@@(\w+)@@")
_WIDEST = 220
_WAIVED_FOR = timedelta(days=60)
"""How long the waiver accepts that is shown as an example."""
_ROLES = {
    MediaRole.UPLOAD: "user media before a verdict: the quarantine side",
    MediaRole.GENERATED: "what your own models made",
    MediaRole.PUBLISHED: "what the CDN serves",
}
_SHOWN = 40
"""Buckets of a role that are named in the file."""


def filled(template: str, proposal: Proposal) -> str:
    """``template`` with what is proposed in the places of its ``@@names@@``."""
    parts = {
        "head": _lines(_head(proposal)),
        "profile": _lines(_profile(proposal)),
        "accounts": _lines(_accounts(proposal)),
        "media": _lines(_media(proposal)),
        "iac": json.dumps(list(proposal.survey.iac) or ["."]),
        "until": str(proposal.day + _WAIVED_FOR),
    }
    return _PLACEHOLDER.sub(lambda match: parts[match[1]], template)


def _lines(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def comment(text: str) -> str:
    """``text`` for one comment: a single line of printable characters, cut where it is endless."""
    clean = printable(" ".join(text.split()))
    return clean if len(clean) <= _WIDEST else f"{clean[: _WIDEST - 4]} ..."


def _head(proposal: Proposal) -> Iterator[str]:
    survey = proposal.survey
    yield f"# Proposed by averment init on {proposal.day} from {counted(survey.files, 'file')} with {counted(survey.resources, 'resource')}. Correct what is wrong."
    if survey.problems:
        yield f"# {counted(survey.problems, 'place')} could not be read or resolved, so something may be missing here; averment check names them."
    for app in unmade(survey):
        yield f"# Not seen: {comment(app)}"
    for note in survey.traces.unread[:5]:
        yield f"# Not read: {comment(note)}"
    if len(survey.traces.unread) > 5:
        yield f"# Not read: {counted(len(survey.traces.unread) - 5, 'more file')}."
    if proposal.account is not None:
        for reason in proposal.account.refused[:20]:
            yield f"# In the account {proposal.account.account} could not be looked at: {comment(reason)}"
        if len(proposal.account.refused) > 20:
            yield f"# In the account {proposal.account.account} could not be looked at: {len(proposal.account.refused) - 20} more."


def law_line(law: LawState) -> str:
    """What a law is by the proposed facts, in a line."""
    parts = []
    if law.binds:
        parts.append(f"binds you by {first_of(law.binds, 6)}")
    if law.later:
        parts.append(f"later by {first_of(law.later, 6)}")
    if law.open:
        asked = f", which hangs on {', '.join(law.missing)}" if law.missing else ""
        parts.append(f"may bind you by {first_of(law.open, 6)}{asked}")
    return f"{law.law}: {'; '.join(parts)}"


def _profile(proposal: Proposal) -> Iterator[str]:
    told = {fact.name: fact.why for fact in proposal.facts}
    if told:
        yield "  profile:"
        yield "    # Stated because it was seen; take out what isn't so."
    else:  # a key without a value isn't a profile
        yield "  # profile:                # take away the sign here too, once you state something"
    for name in ASK:
        if name in told:
            yield f"    {name}: true  # {fact_words(name)}. Seen: {comment(told[name])}"
    yield "    # Code can't tell these, or doesn't show them. Take away the sign and say true or false."
    for name, question in ASK.items():
        if name not in told:
            yield f"    # {name}: false  # {question}"
    yield f"  # Law on {proposal.day}, by what is stated above (averment controls list --binding-on DAY; not legal advice):"
    for law in proposal.laws:
        yield f"  #   {law_line(law)}"
    for hint in proposal.hints:
        yield f"  # {comment(hint)}."


def _accounts(proposal: Proposal) -> Iterator[str]:
    account, traces = proposal.account, proposal.survey.traces
    mine = [account.account] if account is not None else []
    yield f"  accounts: {json.dumps(mine)}" + ("  # the one whose credentials were used" if mine else '                 # ["111122223333"]')
    for number, where in list(traces.accounts.items())[:10]:
        if number not in mine:
            yield f'  #   "{number}" stands in {comment(shown(proposal.survey, where))}: yours, or a third party\'s?'
    if account is not None and account.organisation:
        yield f"  organisation_id: {account.organisation}"
    else:
        yield "  # organisation_id: o-exampleorgid"
    if not proposal.regions:
        yield "  # regions: [eu-west-1]      # no region is named in what was read"
        return
    yield f"  regions: [{', '.join(proposal.regions)}]"
    for region, where in traces.regions.items():
        yield f"  #   {region}: {comment(shown(proposal.survey, where))}"


def _media(proposal: Proposal) -> Iterator[str]:
    """The default patterns, under each role what they (and the buckets' use) found; then the exact list as a comment."""
    exact: list[str] = []
    for matcher in DEFAULT_MEDIA:
        yield f"    - role: {matcher.role:<19}# {_ROLES[matcher.role]}"
        yield f"      tags: {{{', '.join(f'{key}: {value}' for key, value in matcher.tags.items())}}}"
        yield from _names(matcher.names)
        names: list[str] = []
        for line, name in _found(proposal, matcher.role):
            yield f"      #   {comment(line)}"
            names += [name] if name else []
        if names:
            exact += [f"    # - role: {matcher.role}", f"    #   listed: {json.dumps(list(dict.fromkeys(names)))}"]
    others = proposal.survey.others + (proposal.account.others if proposal.account else 0)
    if others:
        few = "1 further bucket is" if others == 1 else f"{others} further buckets are"
        yield f"    # {few} taken for none of these: neither tag, name nor use speaks of media."
    if exact:
        yield "    # To say it exactly, put this in the place of the three above. Names that the code doesn't spell out are missing,"
        yield "    # and new buckets are then media only if they are listed:"
        yield from exact


def _names(names: Sequence[str]) -> Iterator[str]:
    """The patterns as a list, folded at the width of the file."""
    lead, line = "      names: [", ""
    for name in names:
        part = f'"{name}"'
        if line and len(lead) + len(line) + len(part) > 130:
            yield f"{lead}{line},"
            lead, line = "              ", part
        else:
            line = f"{line}, {part}" if line else part
    yield f"{lead}{line}]"


def _found(proposal: Proposal, role: MediaRole) -> Iterator[tuple[str, str | None]]:
    """What was found in ``role``, each as a line and, where it is spelt out, the bucket's name."""
    found = grouped(proposal.survey, proposal.survey.media(role))
    for bucket, where in found[:_SHOWN]:
        name = f" ({bucket.name or bucket.pattern})" if bucket.name or bucket.pattern else ""
        yield f"{bucket.address}{name}, {where}: {bucket.why}", bucket.name
    for held in proposal.account.buckets if proposal.account else ():
        if held.role is role:
            yield f"{held.name}, in the account: {held.why}", held.name
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more", None
