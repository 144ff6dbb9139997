"""How templates are written down: YAML that people can read, and the same every time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  (a template that says a thing twice shows it twice)
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(template: Mapping[str, Any]) -> str:
    """``template`` as YAML: keys in their order, texts of several lines as blocks, no aliases."""
    return yaml.dump(dict(template), Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)
