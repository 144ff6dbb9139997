"""Whose statements in a manifest store count: those of the active manifest, and of ingredients whose own signers are trusted.

A trusted signer vouches for having used an ingredient as it came, not for what that says of itself: whoever made its manifest may be anybody.
What the validator finds of an ingredient today stands in the results as differences from what its user wrote down then, which nobody has to
believe: where it finds another standing of the signer, that is a difference. Whether the ingredient's content was as signed, only its user
could see, for it isn't in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from averment.detector.credentials.stamps import ENDED

_TRUSTED = "signingCredential.trusted"
_ENDED_THEN = frozenset({"signingCredential.expired"})
"""What they may have found besides if they didn't know the authority of its time-stamp either: that its certificate had ended."""
_SIGNERS = re.compile(r"found in \[?system", re.IGNORECASE)
"""How c2pa says that the anchor of a signer is one of ``trust_anchors``; others are the user's (``user_anchors``), here those of time-stamps."""
_UNKNOWN_THEN = frozenset({"signingCredential.untrusted"})
"""What an ingredient's user may have found against it: that they didn't know its signer, whom whoever asks today does."""


def vouched_manifests(store: Mapping[str, Any], alone: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The labels of the manifests in ``store`` whose statements count, the active one first.

    What an ingredient is made of counts if each on the way to it is trusted: an untrusted one can enclose any manifest. Where ``store`` was
    read with roots for time-stamps as well, ``alone`` is the same file read with those for signers: an ingredient is trusted by what stands
    there, or if the validator names the signers' anchors for it.
    """
    manifests: Mapping[str, Any] = store.get("manifests") or {}
    deltas, strict = _deltas(store), _deltas(store if alone is None else alone)
    counted: dict[str, None] = {}
    pending = [str(store.get("active_manifest", ""))]
    while pending:
        label = pending.pop(0)
        if label in counted or label not in manifests:
            continue
        counted[label] = None
        for uri, ingredient in _ingredients(label, manifests[label]):
            below = ingredient.get("active_manifest")
            if not isinstance(below, str) or below in (store.get(ENDED) or ()):
                continue
            if _is_trusted(below, ingredient, strict.get(uri) or {}) or (
                alone is not None and _is_trusted(below, ingredient, deltas.get(uri) or {}, named=True)
            ):
                pending.append(below)
    return tuple(counted)


def by_signers_anchors(results: Mapping[str, Any], label: str) -> bool:
    """Whether the validator says that the signer of the manifest ``label`` is trusted, and by the first list of anchors, which is that of signers.

    c2pa asks every list for every certificate, whatever a list is for, and says only in words where it found one; words of another version
    are taken for no.
    """
    return any(
        entry.get("code") == _TRUSTED and entry.get("url") == _signature(label) and _SIGNERS.search(str(entry.get("explanation")))
        for entry in results.get("success") or ()
    )


def ingredient_failures(store: Mapping[str, Any]) -> list[str]:
    """The codes that speak against ingredients today, and didn't when they were used."""
    return [code for delta in _deltas(store).values() for code in _codes(delta, "failure")]


def _deltas(store: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    results: Mapping[str, Any] = store.get("validation_results") or {}
    return {
        str(delta.get("ingredientAssertionURI")): delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or ()
    }


def _signature(label: str) -> str:
    return f"self#jumbf=/c2pa/{label}/c2pa.signature"


def _ingredients(label: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each ingredient with the address of the assertion that it stands in."""
    for ingredient in manifest.get("ingredients") or ():
        yield f"self#jumbf=/c2pa/{label}/c2pa.assertions/{ingredient.get('label')}", ingredient


def _is_trusted(label: str, ingredient: Mapping[str, Any], delta: Mapping[str, Any], *, named: bool = False) -> bool:
    """Whether the manifest ``label`` of an ingredient held when it was used, and its signer is trusted today; ``named``: by the signers' anchors."""
    then: Mapping[str, Any] = (ingredient.get("validation_results") or {}).get("activeManifest") or {}
    held_against = {*_codes(then, "failure"), *(str(entry.get("code")) for entry in ingredient.get("validation_status") or ())}
    stamped = "timeStamp.trusted" in _codes(delta, "success", _signature(label))
    if _codes(delta, "failure") or held_against - _UNKNOWN_THEN - (_ENDED_THEN if stamped else set()):
        return False
    if named:
        return by_signers_anchors(delta, label)
    if _TRUSTED in _codes(delta, "success", _signature(label)):
        return True
    return not held_against and _TRUSTED in _codes(then, "success", _signature(label))


def _codes(results: Mapping[str, Any], kind: str, url: str | None = None) -> set[str]:
    return {str(entry.get("code")) for entry in results.get(kind) or () if url is None or entry.get("url") == url}
