"""What a file looks like from its bytes, before anything is parsed or any surface imported."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template", ".cfn")
"""How templates and plans are called, in lower case: nothing that takes one minds the case."""

MAX_TEMPLATE_BYTES = 64 * 1024 * 1024


def in_utf8(data: bytes) -> bytes:
    """``data``, in UTF-8 where it is marked as UTF-16: what a PowerShell before 6 writes for ``terraform show -json plan > plan.json``."""
    return data.decode("utf-16", "replace").encode() if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else data


def is_plan(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like ``terraform show -json``."""
    data = in_utf8(data)
    return path.name.lower().endswith(".json") and b'"planned_values"' in data and b'"format_version"' in data


_SERVICE, _PROVIDER = (
    re.compile(rb"(?:^|\r)(?:\xef\xbb\xbf)?([\"']?)" + key + rb"\1[ \t]*:", re.MULTILINE) for key in (b"service", b"provider")
)
"""Keys of a ``serverless.yml``, at the left edge: quoted or not, behind a byte order mark, after any end of line that YAML knows."""
_SERVERLESS_JSON = "serverless.json"
_RESOURCES = re.compile(rb"(?<![A-Za-z])Resources\b")
"""The section, or ``Fn::ForEach`` of it; not a key that ends so (``DataResources`` of a trail)."""


_ESCAPED = re.compile(rb"\\(?:u00|x|U000000)([2-7][0-9a-fA-F])|\\(?:\r\n?|\n)[ \t]*")
_ESCAPES = (b"\\u00", b"\\x", b"\\U000000", b"\\\n", b"\\\r")
_DOCUMENT_OF_SSM = re.compile(rb"(?:^|\r)(?:\{\s*)?[\"']?schemaVersion[\"']?\s*:", re.MULTILINE)
"""At the left edge, or first between the outermost braces: the key that documents of Systems Manager begin with, and templates may not have."""
_RESOURCES_AT_THE_EDGE = re.compile(rb"(?:^|\r)(?![ \t\r\n#])[^\r\n]*\bResources\b", re.MULTILINE)


def _unescaped(data: bytes) -> bytes:
    """``data`` with the escapes of plain characters resolved, and lines joined, by which the words that tell a template could be written."""
    return _ESCAPED.sub(lambda found: bytes.fromhex((found[1] or b"").decode()), data) if any(mark in data for mark in _ESCAPES) else data


def _is_document_of_ssm(data: bytes) -> bool:
    """Whether a file that names resources is a document of Systems Manager. A comment or some other key that says so doesn't make it one: who wants
    a template not to be looked at could write it."""
    found = _DOCUMENT_OF_SSM.search(data[:400])
    return found is not None and not (_RESOURCES_AT_THE_EDGE.search(data) or (data.lstrip()[:1] == b"{" and data[: found.start()].strip()))


def is_template(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like a CloudFormation template (its version key, or resources of AWS types) or a ``serverless.yml``, in
    whatever encoding."""
    data = _unescaped(in_utf8(data))
    if b"AWSTemplateFormatVersion" in data or (_PROVIDER.search(data) and _SERVICE.search(data)):
        return True
    if path.name == _SERVERLESS_JSON and b'"service"' in data and b'"provider"' in data:
        return True
    return _RESOURCES.search(data) is not None and (b"AWS::" in data or b"Alexa::" in data) and not _is_document_of_ssm(data)


def may_nest(data: bytes) -> bool:
    """Whether a template may call others as nested stacks, or include files as a ``serverless.yml`` does."""
    return b"AWS::CloudFormation::Stack" in data or b"AWS::Serverless::Application" in data or b"${file(" in data
