"""Whether a text is Guard 2 and nothing later: the few forms that the emitter writes, all of which Guard 2.0 has.

An allow-list, not a parser of the language: variables, functions (``json_parse``, ``count``, ``regex_replace`` ... are Guard 3's), ranges,
named rules as conditions, and type blocks are refused like anything else that isn't known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>[ \n]+)"
    r"|(?P<comment>\#[^\n]*)"
    r'|(?P<string>"[^"\'\\\n]*")'
    r"|(?P<regex>/(?:[^/\\\n]|\\(?:d|x[0-9A-F]{2}|x\{[0-9A-F]{2,6}\}))+/)"
    r"|(?P<message><<[^<>\n]*>>)"
    r"|(?P<every>\[\*\])"
    r"|(?P<operator>==|!=)"
    r"|(?P<mark>[{}\[\],.!*])"
    r"|(?P<number>-?[0-9]+)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LATER = re.compile(r"\(\?(?!:|s\)|i\)|si\)|is\))|\\[1-9]")
"""In a regular expression: look-around and references back, which Guard 2.0's engine hasn't."""

_UNARY = frozenset({"exists", "empty", "is_string", "is_list", "is_struct"})
_RESERVED = _UNARY | {"rule", "when", "or", "not", "IN", "let", "some", "true", "false", "null"}


class NotGuard2Error(ValueError):
    """A text isn't in the subset of Guard 2; the message names the line."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def is_name(text: str) -> bool:
    """Whether a rule can be called ``text``."""
    return _NAME.fullmatch(text) is not None and text not in _RESERVED


def check_guard2(text: str) -> None:
    """Check that ``text`` holds rules of the known forms, and nothing else.

    Raises:
        NotGuard2Error: it doesn't.
    """
    reader = _Reader(_tokens(text))
    reader.rule()
    while reader.kind != "end":
        reader.rule()


def _tokens(text: str) -> list[_Token]:
    found, position, line = [], 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise NotGuard2Error(f"line {line}: '{text[position : position + 20]}' is not of Guard 2's forms")
        if match.lastgroup == "regex" and (later := _LATER.search(match.group())):
            raise NotGuard2Error(f"line {line}: '{later.group()}' in a regular expression is not known to every Guard 2")
        if match.lastgroup not in ("space", "comment"):
            found.append(_Token(match.lastgroup, match.group(), line))
        line += match.group().count("\n")
        position = match.end()
    return [*found, _Token("end", "the end", line)]


class _Reader:
    """A recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at = tokens, 0

    @property
    def kind(self) -> str:
        """The kind of the token that is next."""
        return self._tokens[self._at].kind

    @property
    def text(self) -> str:
        """The token that is next."""
        return self._tokens[self._at].text

    def rule(self) -> None:
        """``rule name when conditions { body }``."""
        self._take("rule")
        self._name()
        self._take("when")
        self._conditions()
        self._body()

    def _body(self) -> None:
        self._take("{")
        first = True
        while first or self.text != "}":
            first = False
            if self.text == "when":
                self._take("when")
                self._conditions()
                self._body()
            else:
                self._line()
                if self.kind == "message":
                    self._at += 1
        self._take("}")

    def _conditions(self) -> None:
        self._line()
        while self.text != "{":
            self._line()

    def _line(self) -> None:
        self._clause()
        while self.text == "or":
            self._take("or")
            self._clause()

    def _clause(self) -> None:
        self._path()
        if self.kind == "operator":
            self._at += 1
            self._literal()
        elif self.text in ("IN", "not"):
            if self.text == "not":
                self._take("not")
            self._take("IN")
            self._list()
        else:
            negated = self._optional("!")
            if self.text == "empty" and not (negated and self._filtered):
                self._refuse("'empty' fails on what isn't a collection; ask for '!empty' of a filter only")
            if self.text not in _UNARY:
                self._refuse("an operator of Guard 2 is expected")
            self._at += 1

    def _path(self) -> None:
        self._filtered = False
        self._name()
        while self.text in (".", "[") or self.kind == "every":
            if self._optional("."):
                if not self._optional("*"):
                    self._name()
            elif self.kind == "every":
                self._at += 1
            else:
                self._filter()

    def _filter(self) -> None:
        self._take("[")
        if self.text == "keys":
            self._take("keys")
            if self.text != "==":
                self._refuse("keys are compared by == only")
            self._at += 1
            self._literal()
        else:
            self._line()
            while self.text != "]":
                self._line()
        self._take("]")
        self._filtered = True

    def _literal(self) -> None:
        if self.kind not in ("string", "regex", "number") and self.text not in ("true", "false"):
            self._refuse("a text, a number, true, false or a regular expression is expected")
        self._at += 1

    def _list(self) -> None:
        self._take("[")
        self._literal()
        while self._optional(","):
            self._literal()
        self._take("]")

    def _name(self) -> None:
        if self.kind != "word" or self.text in _RESERVED:
            self._refuse("a name is expected")
        self._at += 1

    def _optional(self, text: str) -> bool:
        if self.text != text:
            return False
        self._at += 1
        return True

    def _take(self, text: str) -> None:
        if self.text != text:
            self._refuse(f"'{text}' is expected")
        self._at += 1

    def _refuse(self, why: str) -> None:
        token = self._tokens[self._at]
        raise NotGuard2Error(f"line {token.line}: '{token.text}' is not of Guard 2's forms: {why}")
