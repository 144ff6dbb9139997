"""Finding a provision by how people write it: ``50(2)``, ``AI Act Art. 50(2)``, ``GDPR 9``, ``eu-ai-act art-50-2``, ``MANAGE 3.1``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from averment.controls.model import Catalogue, Framework, Provision

_TOKENS = re.compile(r"[a-z]+|\d+")
_FILLERS = frozenset({"art", "arts", "article", "articles", "section", "sec", "of", "the", "para", "paragraph", "and", "with"})


@dataclass(frozen=True)
class Match:
    """A provision that a text may mean. ``exact`` unless the text names only the beginning of its number (``50`` for ``50(2)``);
    ``draft`` if it is the number that the drafts of the law gave it."""

    framework: Framework
    provision: Provision
    exact: bool
    draft: bool = False


def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers of ``text`` in lower case, without "Article" and the like: ``Art. 50(2)`` is ``50 2``."""
    return tuple(word for word in _TOKENS.findall(text.lower()) if word not in _FILLERS)


def matches(catalogue: Catalogue, text: str) -> tuple[Match, ...]:
    """The provisions that ``text`` means: those that it names in full, else by their drafts' numbers, else by a beginning.

    A whole article of the drafts (``52``) is all of its paragraphs: where one of them has its bare number, the others are meant too.
    """
    wanted = tokens(text)
    found = list(_all(catalogue, wanted)) if wanted else []
    for exact, draft in (((True,), False), ((True, False), True), ((False,), False)):
        chosen = tuple(item for item in found if item.exact in exact and item.draft is draft)
        if chosen and (not draft or any(item.exact for item in chosen)):
            return chosen
    return tuple(found)


def _all(catalogue: Catalogue, wanted: Sequence[str]) -> Iterator[Match]:
    for framework in catalogue.frameworks.values():
        known = framework_words(framework)
        for provision in framework.provisions.values():
            for label, draft in ((provision.label, False), (provision.ref, False), (provision.draft, True)):
                exact = _meant(wanted, tokens(label), known) if label else None
                if exact is not None:
                    yield Match(framework, provision, exact, draft)
                    break


def _meant(wanted: Sequence[str], label: Sequence[str], known: frozenset[str]) -> bool | None:
    """Whether ``wanted`` is ``label`` (True) or a beginning of it (False), with words of the framework before or behind; None if neither."""
    if not label or label[0] not in wanted:
        return None
    best: bool | None = None
    for start in range(len(wanted)):
        for end in range(len(wanted), start, -1):
            part = tuple(wanted[start:end])
            if part != tuple(label[: len(part)]) or not all(word in known for word in (*wanted[:start], *wanted[end:])):
                continue
            best = best or len(part) == len(label)
    return best


def framework_words(framework: Framework) -> frozenset[str]:
    """The words by which people call a framework: those of its id and title."""
    return frozenset((*tokens(framework.id), *tokens(framework.title)))
