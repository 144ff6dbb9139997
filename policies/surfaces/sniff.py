"""What a file looks like from its bytes, before anything is parsed or any surface imported."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template")
MAX_TEMPLATE_BYTES = 64 * 1024 * 1024


def in_utf8(data: bytes) -> bytes:
    """``data``, in UTF-8 where it is marked as UTF-16: what a PowerShell before 6 writes for ``terraform show -json plan > plan.json``."""
    return data.decode("utf-16", "replace").encode() if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else data


def is_plan(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like ``terraform show -json``."""
    data = in_utf8(data)
    return path.name.endswith(".json") and b'"planned_values"' in data and b'"format_version"' in data


_SERVICE, _PROVIDER = (
    re.compile(rb"(?:^|\r)(?:\xef\xbb\xbf)?([\"']?)" + key + rb"\1[ \t]*:", re.MULTILINE) for key in (b"service", b"provider")
)
"""Keys of a ``serverless.yml``, at the left edge: quoted or not, behind a byte order mark, after any end of line that YAML knows."""
_SERVERLESS_JSON = "serverless.json"
_RESOURCES = re.compile(rb"(?<![A-Za-z])Resources\b")
"""The section, or ``Fn::ForEach`` of it; not a key that ends so (``DataResources`` of a trail)."""


_ESCAPED = re.compile(rb"\\(?:u00|x)([2-7][0-9a-fA-F])")


def _unescaped(data: bytes) -> bytes:
    """``data`` with the escapes of plain characters resolved, by which the words that tell a template could be written."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data) if b"\\u00" in data or b"\\x" in data else data


def is_template(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like a CloudFormation template (its version key, or resources of AWS types) or a ``serverless.yml``, in whatever encoding."""
    data = _unescaped(in_utf8(data))
    if b"AWSTemplateFormatVersion" in data or (_PROVIDER.search(data) and _SERVICE.search(data)):
        return True
    if path.name == _SERVERLESS_JSON and b'"service"' in data and b'"provider"' in data:
        return True
    return _RESOURCES.search(data) is not None and (b"AWS::" in data or b"Alexa::" in data) and b"schemaVersion" not in data[:200]


def may_nest(data: bytes) -> bool:
    """Whether a template may call others as nested stacks, or include files as a ``serverless.yml`` does."""
    return b"AWS::CloudFormation::Stack" in data or b"AWS::Serverless::Application" in data or b"${file(" in data
