"""Rekognition: Face Liveness sessions, which moto lacks. A session succeeds with confidence 99 unless a test says otherwise.

Played by nobody: ``play`` sets what the session's result will be. Results expire after three minutes, as AWS says of its own.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.rekognition.responses import RekognitionResponse

LIFETIME_SECONDS = 180.0


@dataclass
class _Session:
    status: str = "SUCCEEDED"
    confidence: float = 99.0
    made: float = field(default_factory=time.monotonic)


_sessions: dict[tuple[str, str, str], _Session] = {}
_tokens: dict[tuple[str, str, str], str] = {}


def play(session: str, *, status: str = "SUCCEEDED", confidence: float = 99.0) -> None:
    """Let the session end so: CREATED, IN_PROGRESS, SUCCEEDED, FAILED or EXPIRED, with a confidence of 0 to 100."""
    for (_, _, name), found in _sessions.items():
        if name == session:
            found.status, found.confidence = status, confidence
            return
    raise KeyError(session)


def forget() -> None:
    """Forget every session."""
    _sessions.clear()
    _tokens.clear()


class CorrectedRekognition(RekognitionResponse):  # type: ignore[misc]
    """moto's Rekognition with Face Liveness."""

    def create_face_liveness_session(self) -> str:
        """A new session; the same ``ClientRequestToken`` gives the same one."""
        where = (self.current_account, self.region)
        token = self._get_param("ClientRequestToken")
        session = _tokens.get((*where, token)) if token else None
        if session is None:
            session = str(uuid.uuid4())
            _sessions[(*where, session)] = _Session()
            if token:
                _tokens[(*where, token)] = session
        return json.dumps({"SessionId": session})

    def get_face_liveness_session_results(self) -> Any:
        """The result, with images as AWS gives them (one byte each here)."""
        session = str(self._get_param("SessionId"))
        found = _sessions.get((self.current_account, self.region, session))
        if found is None or time.monotonic() - found.made > LIFETIME_SECONDS:
            body = json.dumps({"__type": "SessionNotFoundException", "message": "Session was not found"})
            return body, {"status": 400, "x-amzn-ErrorType": "SessionNotFoundException"}
        answer: dict[str, Any] = {"SessionId": session, "Status": found.status}
        if found.status == "SUCCEEDED":
            box = {"Width": 0.5, "Height": 0.5, "Left": 0.25, "Top": 0.25}
            answer |= {"Confidence": found.confidence, "ReferenceImage": {"Bytes": "AA==", "BoundingBox": box}, "AuditImages": []}
        return json.dumps(answer)


url_paths = {"{0}/$": CorrectedRekognition.dispatch}
