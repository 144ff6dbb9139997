"""What the rules about source code share: reading the calls of a function, and fixes in its language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Resource

FUNCTION = "Averment::Code::Function"


def entries(resource: Resource, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The entries of the list ``name`` of ``resource``, with their positions."""
    found = resource.get(name)
    if isinstance(found, list):
        yield from ((index, entry) for index, entry in enumerate(found) if isinstance(entry, Mapping))


AS_JSON = ("api-gateway", "step-functions")
"""What asks Rekognition without a program: its requests are written in JSON."""


def in_language(resource: Resource, *, python: str, javascript: str, states: str = "") -> str:
    """The fix in the language of ``resource``; TypeScript reads JavaScript's, and an API that asks the service itself needs a function."""
    language = resource.get("Language")
    if language == "step-functions" and states:
        return states
    if language in AS_JSON:
        return (
            f"// in a function that stands between {'the API' if language == 'api-gateway' else 'the state'} and Rekognition\n{javascript}"
        )
    return python if language == "python" else javascript
