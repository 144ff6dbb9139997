"""What a file looks like from its bytes, before anything is parsed or any surface imported."""

from __future__ import annotations

from pathlib import Path

TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template")
MAX_TEMPLATE_BYTES = 64 * 1024 * 1024


def is_plan(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like ``terraform show -json``."""
    return path.name.endswith(".json") and b'"planned_values"' in data and b'"format_version"' in data


def is_template(data: bytes) -> bool:
    """Whether ``data`` looks like a CloudFormation template: its version key, or resources of AWS types."""
    if b"AWSTemplateFormatVersion" in data:
        return True
    if b'"configurationItems"' in data:  # a file of AWS Config, whose trails have DataResources
        return False
    return b"Resources" in data and (b"AWS::" in data or b"Alexa::" in data) and b"schemaVersion" not in data[:200]
