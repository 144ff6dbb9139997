"""Variables of the Serverless Framework (``${self:custom.bucket}``), as far as the repository tells.

A variable with alternatives has the first that is known: what only a command line or an environment knows gives way to the default behind
it, as a CloudFormation parameter does. Where the file has a value for each stage, and which stage isn't known, none of them counts, nor does the
default behind them. ``${file(...)}`` is read where it names YAML or JSON (``serverless_files``). Source: the
framework's documentation, "Variables".
"""

from __future__ import annotations

import re
from typing import Any

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Unknown
from averment.policies.graph.text import plain
from averment.policies.surfaces.cloudformation.serverless_files import Files
from averment.policies.surfaces.lined import LinedList, LinedMap

_VARIABLE = re.compile(r"\$\{((?:self|opt|env|sls|file|ssm|cf|s3|aws|strToBool|git)[:(.][^{}]*|[A-Za-z][\w-]*:(?!:)[^{}]*)\}")
"""The framework's own sources, and whatever a stage's ``resolvers`` call theirs (``${tf:outputs:bucket}``); not CloudFormation's ``${AWS::Region}``."""
_PSEUDO = re.compile(r"#\{(AWS::\w+)\}")
_FILE = re.compile(r"file\(([^()]*)\)(?::(.*))?")
_QUOTED = re.compile(r"""^(?:'([^']*)'|"([^"]*)")$""")
_COMMA = re.compile(r",(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)")
_MARK = "\ue001"
MAX_VALUES = 200_000
"""A file that expands to more values than this is refused."""

_MOST_STEPS = 50
_MOST_DEPTH = 8

_ELSEWHERE = {
    "opt": "is given on the command line",
    "env": "is an environment variable",
    "param": "is a parameter of the deployment",
}
_AT_DEPLOYMENT = "is known only at deployment"
_SYMBOLS = {"aws:accountId": "${AWS::AccountId}", "aws:region": "${AWS::Region}"}


class _Open(Unknown):
    """One of several values that stand here, and which of them can't be told: what stands behind it is for where there is none."""


class Variables:
    """The variables of one ``serverless.yml``; ``files`` reads what it includes."""

    def __init__(self, document: LinedMap, file: str, files: Files) -> None:
        self.document, self.file, self.files = document, file, files
        self._left = MAX_VALUES

    def resolve(self, value: Any, *, verbatim: bool = False, depth: int = 0, origin: str | None = None) -> Any:
        """``value`` with its variables resolved, places kept; what isn't known is an Unknown (left as written within ``Fn::Sub``).

        ``origin`` is the file in which ``value`` stands, where that isn't the document's own: every map and list then says where it is from.

        Raises:
            BadInputError: the file expands to more than ``MAX_VALUES`` values.
        """
        self._left -= 1
        if self._left < 0:
            raise BadInputError("expands to too many values", where=SourceRef(self.file), fix="remove variables that repeat whole sections")
        if isinstance(value, str):
            return self._text(value, verbatim, depth)
        if isinstance(value, LinedMap):
            made = LinedMap(value.line)
            made.end, made.key_lines, made.file = value.end, value.key_lines, value.file or origin or self.file
            for key, item in value.items():
                made[key] = self.resolve(item, verbatim=verbatim or key == "Fn::Sub", depth=depth, origin=made.file)
            return made
        if isinstance(value, LinedList):
            items = LinedList(value.line)
            items.file = value.file or origin or self.file
            items.extend(self.resolve(item, verbatim=verbatim, depth=depth, origin=items.file) for item in value)
            items.item_lines = value.item_lines
            return items
        return value

    def _text(self, text: str, verbatim: bool, depth: int) -> Any:
        unknown: list[Unknown] = []
        raw: list[str] = []
        text = _PSEUDO.sub(r"${\1}", text)
        for _ in range(_MOST_STEPS):
            match = _VARIABLE.search(text)
            if match is None:
                break
            value = self._value(match[1], depth)
            if isinstance(value, LinedMap | LinedList) and match.span() == (0, len(text)):
                return value
            if isinstance(value, LinedMap | LinedList):
                value = Unknown(f"${{{match[1]}}} is a map or list within a text")
            if isinstance(value, str) and "${" in value and _stands_within(text[: match.start()]):
                value = Unknown(f"the variable '{match[1]}' {_AT_DEPLOYMENT}")  # as text it would hide the one around it
            if isinstance(value, Unknown):
                unknown.append(value)
                raw.append(match[0])
                shown = f"{_MARK}{len(unknown) - 1}{_MARK}"
            else:
                if match.span() == (0, len(text)) and not isinstance(value, str):
                    return value
                shown = plain(value)
            text = text[: match.start()] + shown + text[match.end() :]
        pieces = text.split(_MARK)
        if verbatim:
            return "".join(raw[int(piece)] if index % 2 else piece for index, piece in enumerate(pieces))
        joined = join_parts(unknown[int(piece)] if index % 2 else piece for index, piece in enumerate(pieces))
        inner = depth > 0 and isinstance(joined, Unknown) and any(isinstance(part, _Open) for part in unknown)
        return _Open(joined.reason, joined.template) if inner else joined

    def _value(self, expression: str, depth: int) -> Any:
        """The first of the alternatives that is known, else why the first isn't."""
        reasons: list[Unknown] = []
        for alternative in _COMMA.split(expression):
            value = self._one(alternative.strip(), depth)
            if not isinstance(value, Unknown):
                return value
            if isinstance(value, _Open):
                return _Open(value.reason, f"${{{expression}}}")
            reasons.append(value)
        return Unknown(reasons[0].reason, f"${{{expression}}}")

    def _one(self, text: str, depth: int) -> Any:
        quoted = _QUOTED.match(text)
        if quoted is not None:
            return quoted[1] if quoted[1] is not None else quoted[2]
        if text in ("true", "false"):
            return text == "true"
        if text.isdigit():
            return int(text)
        if _MARK in text:
            chosen = text.startswith(("self:", "param:", "file("))
            return (_Open if chosen else Unknown)("a variable within it is not known")
        if text in _SYMBOLS:
            return _SYMBOLS[text]
        source, _, name = text.partition(":")
        if source == "self" and depth < _MOST_DEPTH:
            return self._own(name.strip(), depth)
        if text == "sls:stage":
            return self._own("provider.stage", depth)
        if source == "param" and depth < _MOST_DEPTH:
            return self._parameter(name.strip(), depth)
        included = _FILE.fullmatch(text)
        if included is not None and depth < _MOST_DEPTH:
            return self._included(text, included[1].strip(), included[2] or "", depth)
        reason = _ELSEWHERE.get(source.partition("(")[0], _AT_DEPLOYMENT)
        return Unknown(f"the variable '{text}' {reason}")

    def _parameter(self, name: str, depth: int) -> Any:
        """What the file itself gives for a parameter: for its stage, else for all. A command line may give another, as for any default."""
        elsewhere = Unknown(f"the variable 'param:{name}' {_ELSEWHERE['param']}")
        stage = self._own("provider.stage", depth)
        if isinstance(stage, Unknown) and self._has_by_stage(name):
            return _Open(f"the variable 'param:{name}' hangs on the stage, which is not known")
        for section in (stage, "default") if isinstance(stage, str) else ("default",):
            for path in (f"stages.{section}.params.{name}", f"params.{section}.{name}"):
                value = self._within(self.document, path, depth, self.file, elsewhere)
                if value is not elsewhere:
                    return value
        return elsewhere

    def _has_by_stage(self, name: str) -> bool:
        """Whether the file gives a parameter for some stage by itself."""
        stages, params = self.document.get("stages"), self.document.get("params")
        named = (
            [(stage, part.get("params")) for stage, part in stages.items() if isinstance(part, LinedMap)]
            if isinstance(stages, LinedMap)
            else []
        )
        named += params.items() if isinstance(params, LinedMap) else []
        return any(stage != "default" and isinstance(part, LinedMap) and name in part for stage, part in named)

    def _own(self, path: str, depth: int) -> Any:
        absent = _DEFAULTS.get(path, Unknown(f"the variable 'self:{path}' has no value in this file"))
        return self._within(self.document, path, depth, self.file, absent)

    def _included(self, text: str, path: str, key: str, depth: int) -> Any:
        """What another file holds, or what it holds under ``key``; its own variables are those of this service."""
        value, origin = self.files.read(path)
        if isinstance(value, Unknown):
            return Unknown(f"the variable '{text}' {value.reason}")
        if key in ("", "Resources"):
            self.files.whole(origin)
        return self._within(value, key, depth, origin, Unknown(f"the variable '{text}' has no value in that file"))

    def _within(self, value: Any, path: str, depth: int, origin: str, absent: Any) -> Any:
        for step in path.split(".") if path else ():
            if isinstance(value, str):
                value = self.resolve(value, depth=depth + 1, origin=origin)
            if isinstance(value, LinedList) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, LinedMap) and step in value:
                value = value[step]
            else:
                return absent
        return self.resolve(value, depth=depth + 1, origin=origin)


def _stands_within(before: str) -> bool:
    """Whether what follows on ``before`` stands within another variable."""
    return before.rfind("${") > before.rfind("}")


_DEFAULTS: dict[str, Any] = {"provider.stage": "dev", "provider.region": "${AWS::Region}"}
