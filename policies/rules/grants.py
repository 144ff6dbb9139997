"""What identities are allowed, as rules on inference, signing and biometrics ask: by which words, where written, how widely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from averment.core.source import SourceRef
from averment.policies.graph.model import Unknown
from averment.policies.iam.carriers import Carrier
from averment.policies.iam.document import Statement
from averment.policies.iam.patterns import action_matches, is_wildcard

MATCHING = (
    "rekognition:CompareFaces",
    "rekognition:SearchFacesByImage",
    "rekognition:SearchUsersByImage",
    "rekognition:SearchFaces",
    "rekognition:SearchUsers",
)
"""Actions that say whose face it is."""

INVOKING = (
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointAsync",
    "sagemaker:InvokeEndpointWithResponseStream",
)
"""Actions that ask a model behind a SageMaker endpoint."""

_NO_MATCHING = re.compile(
    r"(?:start|create|get)?[-_ ]?(?:face[-_ ]?)?liveness|detect[-_ ]?faces?|faces?[-_ ]?detect(?:ion|or)?", re.IGNORECASE
)
_IDENTITY = re.compile(r"(?<!inter)(?<!sur)(?<!type)face(?!book)|selfie|biometric|kyc|idv|identity.?verif|id.?verif", re.IGNORECASE)
_MATCHING_WORD = re.compile(r"compar|match|search|recogni[sz]|verif|authenticat|log-?in|sign-?in", re.IGNORECASE)
_PROBE = "AnActionThatNoServiceHas"


@dataclass(frozen=True)
class Grant:
    """A permission for ``action``: the ``statement`` that gives it, and the ``text`` by which it does (``rekognition:*``)."""

    action: str
    text: str
    statement: Statement
    carrier: Carrier

    @property
    def where(self) -> SourceRef:
        """Where the statement stands."""
        return self.carrier.resource.where(*self.statement.path)

    @property
    def name(self) -> str:
        """The statement and its policy, for messages."""
        return self.carrier.label if self.managed else f"{self.statement.name} of {self.carrier.label}"

    @property
    def managed(self) -> bool:
        """Whether it comes from a policy that AWS manages."""
        return self.carrier.path[:1] == ("ManagedPolicyArns",)

    @property
    def everything(self) -> bool:
        """Whether it is administration: ``*``, or all but some (``NotAction``)."""
        return is_wildcard(self.text) or self.text == "NotAction"

    @property
    def service_wide(self) -> bool:
        """Whether it allows the whole service (``rekognition:*``), so that nothing says which of its actions is meant."""
        return self.everything or action_matches(self.text, f"{self.action.partition(':')[0]}:{_PROBE}")

    @property
    def explicit(self) -> bool:
        """Whether the action was meant: written in a policy of one's own by more than the service's name."""
        return not self.managed and not self.service_wide


def grants_of(carriers: Sequence[Carrier], actions: Iterable[str]) -> Iterator[Grant]:
    """The permissions for ``actions`` in ``carriers`` that no unconditional Deny among them takes back."""
    for carrier in carriers:
        for statement in carrier.document:
            if statement.effect != "Allow":
                continue
            for action in actions:
                if statement.covers_action(action) is True and not _taken_back(carriers, action):
                    yield Grant(action, statement.action_text(action), statement, carrier)


def unclear_actions(carriers: Iterable[Carrier], service: str) -> Unknown | None:
    """Why it can't be excluded that ``carriers`` allow more of ``service``: an entry beside its actions was not resolved."""
    for carrier in carriers:
        for statement in carrier.document.of_effect("Allow"):
            words = [action.lower() for action in statement.actions or () if isinstance(action, str)]
            doubt = next((action for action in statement.actions or () if isinstance(action, Unknown)), None)
            if doubt is not None and any(word.startswith(f"{service}:") for word in words):
                return doubt
    return None


def about_identity(text: str) -> bool:
    """Whether ``text`` is about knowing people by their face, and not only about liveness or finding faces: names, each on a line of its own."""
    return _IDENTITY.search(_NO_MATCHING.sub(" ", text)) is not None


def about_matching(text: str) -> bool:
    """Whether ``text`` says that faces are matched (``compare-faces``), which is more than that it is about faces."""
    return about_identity(text) and _MATCHING_WORD.search(text) is not None


def _taken_back(carriers: Iterable[Carrier], action: str) -> bool:
    return any(
        statement.effect == "Deny"
        and not statement.conditions
        and statement.conditions_unknown is None
        and "*" in (statement.resources or ())
        and statement.covers_action(action) is True
        for carrier in carriers
        for statement in carrier.document
    )
