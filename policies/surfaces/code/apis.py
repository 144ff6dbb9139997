"""The operations of Amazon Rekognition that the rules ask about, in every spelling that source code has for them."""

from __future__ import annotations

import re

MATCHES = ("CompareFaces", "SearchFacesByImage", "SearchUsersByImage")
"""Operations that say whose face is in a picture, given the picture."""

RESULT = "GetFaceLivenessSessionResults"
SESSION = "CreateFaceLivenessSession"
ATTRIBUTES = {"DetectFaces": "Attributes", "IndexFaces": "DetectionAttributes", "StartFaceDetection": "FaceAttributes"}
"""Operations that describe faces, with the parameter that says which attributes."""

THRESHOLDS = {
    "CompareFaces": "SimilarityThreshold",
    "SearchFacesByImage": "FaceMatchThreshold",
    "SearchFaces": "FaceMatchThreshold",
    "SearchUsersByImage": "UserMatchThreshold",
    "SearchUsers": "UserMatchThreshold",
}
"""Operations that say which faces are alike, with the parameter that says from which similarity on."""

OPERATIONS = (*MATCHES, RESULT, SESSION, *ATTRIBUTES, *(name for name in THRESHOLDS if name not in MATCHES))

SPECIFIC = {
    "CompareFaces": frozenset({"SourceImage", "TargetImage"}),
    "SearchFacesByImage": frozenset({"CollectionId"}),
    "SearchUsersByImage": frozenset({"CollectionId"}),
    "SearchFaces": frozenset({"CollectionId", "FaceMatchThreshold"}),
    "SearchUsers": frozenset({"CollectionId", "UserMatchThreshold"}),
    RESULT: frozenset({"SessionId"}),
    SESSION: frozenset({"Settings", "ClientRequestToken", "KmsKeyId"}),
    "DetectFaces": frozenset({"Image"}),
    "IndexFaces": frozenset({"CollectionId"}),
    "StartFaceDetection": frozenset({"Video"}),
}
"""Parameters by which a call is Rekognition's, whatever it is called on."""


def snake(operation: str) -> str:
    """boto3's name of an operation: ``compare_faces``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


BY_NAME = {
    name: operation for operation in OPERATIONS for name in (snake(operation), operation[0].lower() + operation[1:], f"{operation}Command")
}
"""An operation by what a client calls it: ``compare_faces`` (boto3), ``compareFaces``, ``CompareFacesCommand`` (JavaScript)."""

_TARGET = re.compile(r"RekognitionService\.([A-Za-z]*)(\0|\Z)?")
_CLI = {snake(operation).replace("_", "-"): operation for operation in OPERATIONS}
LIVENESS_WORD = re.compile(
    r"live_?ness|is_?live(?![a-z])|isLive(?![a-z])|anti_?spoof|spoof_?(?:check|detect)|proof_?of_?life|liveCheck", re.IGNORECASE
)
"""What people call a check that somebody is there."""

OPENING_WORD = re.compile(
    r"create|start|open|init|new|begin|url|route|path|bucket|table|topic|image|bytes|buffer|photo|picture|frame|video|key|id$|config|enabled",
    re.IGNORECASE,
)
"""Such a name is about opening a session, its pictures, or where things lie; not about its outcome."""

MATCH_WORD = re.compile(r"^(?:compare|match|verify|search)_?faces?(?:_?by_?image)?$|^face_?(?:match|compare|verify|search)$", re.IGNORECASE)
"""What a wrapper that compares faces is called."""

LOCAL_LIBRARIES = frozenset(
    {
        "face_recognition",
        "deepface",
        "insightface",
        "dlib",
        "cv2",
        "mtcnn",
        "facenet_pytorch",
        "keras",
        "torch",
        "face-api.js",
        "faceapi",
        "@vladmandic/face-api",
    }
)
"""Libraries that compare faces by themselves, with functions of the same names as Rekognition's."""

MARKS = (b"ekognition", b"REKOGNITION", b"ompareFaces", b"ompare_faces", b"acesByImage", b"aces_by_image", b"sersByImage", b"sers_by_image")
"""Bytes of which a file that is about Rekognition's faces has at least one."""

ASKS = tuple(
    text.encode() for operation in OPERATIONS for text in (operation[1:], snake(operation)[1:], snake(operation).replace("_", "-"))
)
"""Bytes of which a file that asks Rekognition about faces (or leads there by liveness) has at least one."""


def by_target(text: str) -> tuple[str, bool] | None:
    """The operation in the value of an ``X-Amz-Target`` header, and whether it is known; None if ``text`` holds no such value."""
    found = _TARGET.search(text)
    if found is None:
        return None
    return found[1], not (found[2] == "\0" or not found[1])


def by_command_line(texts: list[str]) -> str | None:
    """The operation that a command line of the AWS CLI asks for."""
    words = [word for text in texts for word in text.split()]
    if "rekognition" not in words:
        return None
    return next((_CLI[word] for word in words if word in _CLI), None)


HARMLESS = frozenset(
    [
        "print",
        "log",
        "info",
        "debug",
        "warning",
        "warn",
        "error",
        "exception",
        "dumps",
        "loads",
        "stringify",
        "parse",
        "str",
        "float",
        "int",
        "bool",
        "format",
        "round",
        "number",
        "string",
        "append",
        "push",
        "add",
        "get",
        "items",
        "keys",
        "len",
        "isinstance",
        "json",
        "send",
        "put_item",
        "put_object",
        "b64encode",
        "b64decode",
        "from",
        "toString",
        "toFixed",
        "parseFloat",
        "parseInt",
        "write",
        "promise",
        "then",
        "catch",
        "finally",
        "all",
        "allSettled",
        "gather",
        "resolve",
        "jsonify",
        "Response",
        "update",
        "extend",
        "values",
        "entries",
        "Number",
        "String",
        "Boolean",
        "Decimal",
        "BytesIO",
        "bytes",
    ]
)
"""Names of calls that decide nothing about what they are handed: output, conversion, plain data."""
