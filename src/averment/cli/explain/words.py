"""The product's own words and codes, each in a sentence or two: what a result says, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from averment.cli.explain.topics import Section, Topic

VERDICTS: Mapping[str, str] = {
    "pass": "A rule looked at the resource and found it right. Only what was looked at can pass.",
    "fail": "A rule looked at the resource and found a deviation. Mend it, or accept it by a waiver with an owner and an expiry.",
    "not-applicable": "The rule has nothing to say of the resource: its type fits, what it is for doesn't.",
    "unknown": "A rule could not tell, and says why: a variable without a value, a module that isn't here. It never counts as a pass; "
    "averment check --fail-on unknown makes it fail.",
}
STATUSES: Mapping[str, str] = {
    "satisfied": "It was looked at, recently enough, and was right.",
    "not-satisfied": "A deviation was seen, and no valid waiver accepts it. averment status names it.",
    "not-assessed": "Nobody looked, the look failed, the evidence is too old or cut short, or it didn't decide. The gap says which: "
    "never-run, not-scoped, stale, expired, could-not-collect, partial, undecided, superseded.",
    "waived": "Deviations exist, and a waiver with an owner, a reason and an expiry accepts each of them. In averment.yaml it has an approver, too; a comment "
    "in the code may name none.",
    "not-applicable": "Everything was looked at, and nothing of the kind exists; or whoever is asked says so, and the reason names them.",
}
GAPS: Mapping[str, str] = {
    "never-run": "Nobody has looked: no record of this assessment is in the ledger. Run what it names: averment collect, prove or attest.",
    "not-scoped": "averment.yaml doesn't say what counts (which keys, roles, endpoints), so there is nothing to look at. "
    "averment controls lint says what to write.",
    "stale": "The evidence is older than the control allows. Run averment collect or averment prove again.",
    "expired": "What a person stated has expired. Ask again: averment attest.",
    "could-not-collect": "The source refused or was out of reach when it was asked. The record says why; mend that and collect again.",
    "partial": "Only part of what there is was seen (a page was refused, a region out of reach, a bucket from which no claim was drawn), and what was seen was right.",
    "undecided": "It was looked at, and the look didn't decide: a rule could not tell, or a claim was inconclusive.",
    "superseded": "The evidence answers a question that the control no longer asks in this form, or is of another detector than the one that runs. "
    "Run it again.",
}
CLAIM_VERDICTS: Mapping[str, str] = {
    "supported": "The whole confidence interval lies on the right side of the bar.",
    "refuted": "The whole confidence interval lies on the wrong side of the bar.",
    "inconclusive": "The interval straddles the bar, or there was too little data. The claim says how many samples would settle it "
    "(averment prove --plan).",
}
STANDINGS: Mapping[str, str] = {
    "binds": "By the facts of the profile, the provision obliges the organisation on that day.",
    "binds-later": "By the facts of the profile it will oblige the organisation, from a later day.",
    "open": "A fact of the profile or a judgement is missing, so it may bind. State the fact under organisation.profile in averment.yaml.",
    "does-not-bind": "By the facts of the profile, the provision doesn't oblige the organisation.",
    "voluntary": "The organisation follows it by choice.",
}
EXITS: Mapping[str, str] = {
    "exit 0": "Clean: everything was looked at, and nothing is open.",
    "exit 1": "Findings: a failure that nobody accepted, a refuted claim, or evidence that doesn't verify.",
    "exit 2": "Usage or bad input: an unknown option or id, or a file that can't be used. The message names file, line and fix.",
    "exit 3": "Could not complete: something could not be checked or reached, so the rest of the result isn't all there is to say.",
}
MEDIA: Mapping[str, str] = {
    "clean": "The detector scored the media below its threshold in each of its families. It is no proof that the media is genuine.",
    "flagged": "The detector scored the media at or above its threshold in at least one family. averment media explain shows why.",
    "could-not-scan": "The media could not be scored, or not by every family; the reason stands beside it. It never counts as clean.",
    "disclosed": "A signer that is trusted says in the content credentials that AI made the media.",
    "review": "The media gate's detector can't say, or the credentials are broken, so a person must decide: averment review.",
    "released": "A person let through what the media gate held.",
}
METHODS: Mapping[str, str] = {
    "examine": "An assessment by looking: at configuration (a rule) or at facts (a collector). NIST SP 800-53A.",
    "test": "An assessment by measuring: a claim with a bar, an interval and a sample. NIST SP 800-53A.",
    "interview": "An assessment by asking: what a responsible person states, with a role and an expiry. NIST SP 800-53A.",
}
LINT: Mapping[str, str] = {
    "void-waiver": "A waiver names neither a control nor a rule, or an account or region that the scope doesn't have: it accepts nothing there.",
    "expired-waiver": "A waiver's last day is past, so it accepts nothing any more.",
    "wide-waiver": "A waiver covers every resource, so whatever is built later is accepted too. Name the resource.",
    "self-approved": "A waiver's owner approved it. Let somebody else look at it.",
    "not-scoped": GAPS["not-scoped"],
    "wide-scope": "What counts is given as everything, so that the assessment can't tell the organisation's own from others'.",
    "misspelt-parameter": "A parameter in averment.yaml is one letter or so from one that is known, and is read by nobody.",
    "rests-on-word": "The control is assessed by statements of people alone: only a no, or an expired statement, can show that it fails.",
    "cannot-fail": "Nothing can make the control fail, so that its being satisfied says nothing.",
    "unknown-framework": "A control refers to a law or standard that isn't among the frameworks.",
    "dangling-reference": "A control refers to a provision that its framework doesn't have.",
    "double-reference": "A control refers to the same provision twice.",
    "unknown-rule": "An assessment names a rule that doesn't exist.",
    "unknown-collector": "An assessment names a collector that doesn't exist.",
    "unknown-claim-type": "An assessment names a type of claim that doesn't exist.",
    "unknown-runbook": "A control's remediation names a runbook that isn't shipped.",
    "unknown-blueprint": "A control's remediation names a blueprint that isn't shipped.",
    "unknown-assessment": "An assessment goes with another one of its control that the control doesn't have.",
    "unknown-parameter": "An assessment needs a parameter that the schema of averment.yaml doesn't describe.",
    "never-stale": "An assessment that looks at run-time facts has no max_age: last year's evidence would still satisfy it.",
    "untestable-claim": "A claim's statement can't be tested as it stands.",
    "empty-bar": "A claim's bar can't be missed by any outcome, so that it proves nothing.",
    "no-remediation": "A control doesn't say how to put it right.",
    "rule-never-fails": "A rule has no case in which it fails, so nothing shows that it can.",
    "unused-rule": "No control has an assessment by this rule, so its findings would serve nothing.",
}

_KINDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("verdict of a rule", VERDICTS),
    ("status of an assessment", STATUSES),
    ("reason why something is not assessed", GAPS),
    ("verdict of a claim", CLAIM_VERDICTS),
    ("standing of a provision", STANDINGS),
    ("exit code", EXITS),
    ("verdict on media", MEDIA),
    ("method of an assessment", METHODS),
    ("code of averment controls lint", LINT),
)


def names() -> tuple[str, ...]:
    """Every word and code that is explained here."""
    return tuple(dict.fromkeys(name for _, words in _KINDS for name in words))


def word_topics(thing: str) -> tuple[Topic, ...]:
    """What ``thing`` means as a word or code of the product; more than one where two vocabularies share it."""
    name = " ".join(thing.lower().split())
    asked = {name, name.replace(" ", "-"), name.replace("_", "-")}
    if name.isdigit():
        asked.add(f"exit {name}")
    return tuple(
        Topic(kind, word, word, (Section("Meaning", (meaning,)),))
        for kind, words in _KINDS
        for word, meaning in words.items()
        if word in asked
    )
