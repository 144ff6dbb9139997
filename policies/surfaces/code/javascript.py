"""JavaScript and TypeScript source into the form of ``model``, by tree-sitter: statements, classes and modules.

tree-sitter goes on after what it can't parse; such places are the module's ``faults``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from averment.core.extras import require
from averment.policies.surfaces.code.apis import BY_NAME
from averment.policies.surfaces.code.javascript_syntax import (
    FUNCTIONS,
    apart,
    at_once,
    dotted,
    exported_name,
    faults_in,
    key_of,
    line_of,
    required,
    settles,
    text_of,
)
from averment.policies.surfaces.code.javascript_values import ValueReader
from averment.policies.surfaces.code.model import (
    Class,
    Do,
    Function,
    If,
    Import,
    Loop,
    Module,
    Raise,
    Return,
    Statement,
    Try,
    Value,
    calls_of,
    runs_over,
)
from averment.policies.surfaces.code.python import SourceError

_GRAMMARS = {".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx"}
_ASKED_OF_EACH = frozenset(
    {"then", "map", "filter", "reduce", "find", "findIndex", "some", "every", "catch", "useMemo", "all", "flatMap", "sort"}
)
"""Calls whose answer is none of the function literal's own: it isn't wrapped in them."""
_CHAINED = frozenset({"then", "catch", "finally"})


def parse(path: Path, data: bytes) -> Module:
    """The module in ``data``.

    Raises:
        SourceError: it is nested deeper than can be followed, or not text.
        MissingExtraError: the parsers aren't installed.
    """
    grammar = _GRAMMARS.get(path.suffix, "javascript")
    tree = _parser(grammar).parse(data)
    if tree.root_node.has_error and grammar == "javascript":
        other = _parser("tsx").parse(data)  # Flow's annotations are nearly TypeScript's
        tree = other if not other.root_node.has_error else tree
    try:
        return _Reader(path, "javascript" if grammar == "javascript" else "typescript", data.decode("utf-8", "replace")).read(
            tree.root_node
        )
    except RecursionError as error:
        raise SourceError(None, "is nested too deeply to be read") from error


@cache
def _parser(grammar: str) -> Any:
    needed = "checking JavaScript and TypeScript"
    base = require("tree_sitter", extra="iac", needed_for=needed)
    if grammar == "javascript":
        language = require("tree_sitter_javascript", extra="iac", needed_for=needed).language()
    else:
        package = require("tree_sitter_typescript", extra="iac", needed_for=needed)
        language = package.language_tsx() if grammar == "tsx" else package.language_typescript()
    return base.Parser(base.Language(language))


class _Reader(ValueReader):
    def read(self, root: Any) -> Module:
        own, self.root = self.module.own, root
        own.body = self.block(root.named_children, own)
        if root.has_error:
            self.module.faults += faults_in(root)
        return self.module

    def block(self, nodes: list[Any], function: Function) -> list[Statement]:
        found: list[Statement] = []
        for node in nodes:
            method = getattr(self, f"stmt_{node.type}", None)
            if method is not None:
                found += method(node, function)
            elif node.type not in {"comment", "empty_statement", "interface_declaration", "type_alias_declaration", "hash_bang_line"}:
                found += [Do(self.value(node, function))]
        return found

    def body(self, node: Any, function: Function) -> list[Statement]:
        """The statements of a block, or of the one statement or expression in a block's place."""
        if node is None:
            return []
        if node.type in {"statement_block", "program", "switch_body"}:
            return self.block(node.named_children, function)
        if node.type == "else_clause":
            return self.block(node.named_children, function)
        return self.block([node], function)

    def function_body(self, node: Any, function: Function) -> list[Statement]:
        if node is not None and node.type == "statement_block":
            return self.block(node.named_children, function)
        return [Return(self.value(node, function))] if node is not None else []

    # -- statements ------------------------------------------------------------------------------------------------

    def stmt_expression_statement(self, node: Any, function: Function) -> list[Statement]:
        inner = node.named_children[0] if node.named_children else None
        if inner is None or inner.type == "string":
            return []
        while inner.type == "unary_expression" and text_of(inner.child_by_field_name("operator")) == "void":
            inner = inner.child_by_field_name("argument")
        if inner.type == "sequence_expression":
            return [Do(self.value(part, function)) for part in inner.named_children]
        if inner.type == "assignment_expression":
            return self.assignment(inner, function)
        if inner.type == "augmented_assignment_expression":  # result ??= await read()
            return [self.bind(function, self.targets(inner.child_by_field_name("left"), function), self.value(inner, function))]
        value = self.value(inner, function)
        call = value.outer
        if call is not None and call.receiver is None and call.name in self.settlers:
            settled = call.args[0] if call.args else None
            return [Return(settled) if self.settlers[call.name] else Raise(settled)]
        if call is not None:
            call.floating = call.name in _CHAINED and not call.awaited and not self.settlers and not _goes_back(value, function)
        return [Raise(value)] if call is not None and call.path == "process.exit" else [Do(value)]

    def assignment(self, node: Any, function: Function) -> list[Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        name = dotted(left)
        exported = exported_name(name)
        if right.type in FUNCTIONS:
            short = name.rsplit(".", 1)[-1] if exported is None else exported
            owner = name.partition(".prototype.")[0] if ".prototype." in name else ""
            if owner:
                self.module.classes.setdefault(owner, Class(owner))
            made = self.make(right, function, short or "default", owner=owner)
            if exported is not None:
                self.module.exports[exported or "default"] = made.name
            return []
        if exported is not None and right.type == "object":
            self.members(right, exported or "default", function)
        value = self.value(right, function)
        if exported is not None:
            self.export(exported or "default", right, value)
        targets = self.targets(left, function)
        return [self.bind(function, targets, value)] if targets else [Do(value)]

    def export(self, name: str, node: Any, value: Value) -> None:
        """Note what the expression at ``node`` makes available as ``name``: its members, a name, or what a call gives."""
        if node.type == "object":
            for part in node.named_children:
                key = key_of(part)
                target = part.child_by_field_name("value") if part.type == "pair" else part
                if key and target is not None:
                    inside = f"{name}.{key}"
                    self.module.exports[key] = inside if inside in self.module.functions else dotted(target) or key
        elif value.name:
            self.module.exports[name] = value.name
        elif value.outer is not None and node.type in {"call_expression", "new_expression"}:
            self.module.own.bindings.setdefault(f"export {name}", []).append(value)
            self.module.exports[name] = f"export {name}"

    def stmt_lexical_declaration(self, node: Any, function: Function) -> list[Statement]:
        found: list[Statement] = []
        for part in node.named_children:
            if part.type == "variable_declarator":
                found += self.declarator(part, function)
        return found

    stmt_variable_declaration = stmt_lexical_declaration

    def declarator(self, node: Any, function: Function) -> list[Statement]:
        name, right = node.child_by_field_name("name"), node.child_by_field_name("value")
        if right is None:
            return []
        plain = right
        while plain.type in {"parenthesized_expression", "as_expression", "satisfies_expression"} and plain.named_children:
            plain = plain.named_children[0]
        if name.type == "identifier":
            if plain.type in FUNCTIONS:
                self.make(plain, function, text_of(name))
                return []
            if plain.type == "class":
                self.classes(plain, function, text_of(name))
                return []
            if plain.type == "object" and self.members(plain, text_of(name), function):
                return [Do(self.value(right, function))]
        asked = required(plain)
        if asked is not None:
            for local, key in self.targets(name, function):
                self.module.imports[local] = Import(asked.module, key or asked.name)
            return []
        self.from_namespace(self.targets(name, function), dotted(plain))
        together = self.together(name, plain, function)
        if together:
            return together
        value = self.value(right, function)
        wrapped = self.wrapped(value, plain, function, text_of(name)) if name.type == "identifier" else None
        if wrapped is not None:
            return [Do(value)]
        targets = self.targets(name, function)
        bound = self.bind(function, targets, value)
        bound.settles = settles(plain)
        return [bound] if targets else [Do(value)]

    def together(self, target: Any, node: Any, function: Function) -> list[Statement]:
        """The statements of ``const [a, b] = [x, y]`` and ``const rs = await Promise.all([x, y])``, place by place; none if it is neither."""
        pairs = apart(target, node)
        found = [self.bind(function, self.targets(part, function) if part else [], self.value(item, function)) for part, item in pairs]
        items = at_once(node, waited=True) if target.type == "identifier" else []
        if items and None not in items[:-1]:
            values = [self.value(item, function) for item in items if item is not None]
            found = self.bind_each(function, text_of(target), values, line_of(node))
        for one in found:
            one.settles = settles(node)
        return [*found]

    def from_namespace(self, targets: list[tuple[str, str]], held: str) -> None:
        """Note what of an SDK gets another name here: ``const { CompareFacesCommand: Compare } = sdk``, ``const Compare =
        sdk.CompareFacesCommand``."""
        head, _, member = held.partition(".")
        whole = self.module.imports.get(head)
        if whole is None or whole.name:
            return
        for local, key in targets:
            taken = member or key
            if taken in BY_NAME or taken.startswith("Rekognition"):
                self.module.imports[local] = Import(whole.module, taken)

    def wrapped(self, value: Value, node: Any, function: Function, name: str) -> Function | None:
        """``const handler = middy(async () => ...)``: the function literal has the variable's name."""
        if node.type != "call_expression" or value.outer is None:
            return None
        first = next((part for part in node.child_by_field_name("arguments").named_children if part.type in FUNCTIONS), None)
        if first is None or value.outer.name in _ASKED_OF_EACH:
            return None
        value.outer.inline = []
        return self.make(first, function, name)

    def stmt_function_declaration(self, node: Any, function: Function) -> list[Statement]:
        name = node.child_by_field_name("name")
        self.make(node, function, text_of(name) if name is not None else "default")
        return []

    stmt_generator_function_declaration = stmt_function_declaration

    def stmt_class_declaration(self, node: Any, function: Function) -> list[Statement]:
        name = node.child_by_field_name("name")
        self.classes(node, function, text_of(name) if name is not None else "default")
        return []

    stmt_abstract_class_declaration = stmt_class_declaration

    def stmt_import_statement(self, node: Any, function: Function) -> list[Statement]:  # noqa: ARG002
        source = node.child_by_field_name("source")
        clause = next((part for part in node.named_children if part.type == "import_clause"), None)
        if source is None or clause is None:
            return []
        module = text_of(source).strip("'\"`")
        for part in clause.named_children:
            if part.type == "identifier":
                self.module.imports[text_of(part)] = Import(module, "default")
            elif part.type == "namespace_import":
                self.module.imports[text_of(part.named_children[0])] = Import(module)
            elif part.type == "named_imports":
                for entry in part.named_children:
                    name, alias = entry.child_by_field_name("name"), entry.child_by_field_name("alias")
                    if name is not None:
                        self.module.imports[text_of(alias or name)] = Import(module, text_of(name))
        return []

    def stmt_export_statement(self, node: Any, function: Function) -> list[Statement]:
        declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
        default = any(part.type == "default" for part in node.children)
        if any(part.type == "=" for part in node.children):  # export = { ... }, TypeScript's module.exports
            value = node.named_children[-1]
        if declaration is not None:
            before = set(self.module.functions) | set(self.module.classes)
            found = self.block([declaration], function)
            if default:
                made = [name for name in [*self.module.functions, *self.module.classes] if name not in before]
                if made:
                    self.module.exports["default"] = (
                        made[0].partition(".")[0] if made[0].partition(".")[0] in self.module.classes else made[0]
                    )
            return found
        if value is not None:
            if value.type in FUNCTIONS:
                self.module.exports["default"] = self.make(value, function, "default").name
                return []
            if value.type == "object":
                self.members(value, "default", function)
            read = self.value(value, function)
            self.export("default", value, read)
            return [Do(read)]
        self.reexport(node)
        return []

    def reexport(self, node: Any) -> None:
        source = node.child_by_field_name("source")
        module = text_of(source).strip("'\"`") if source is not None else ""
        clause = next((part for part in node.named_children if part.type == "export_clause"), None)
        if clause is None:
            if module:
                self.module.stars.append(module)
            return
        for entry in clause.named_children:
            name, alias = entry.child_by_field_name("name"), entry.child_by_field_name("alias")
            if name is None:
                continue
            if module:
                local = f"export {text_of(alias or name)}"
                self.module.imports[local] = Import(module, text_of(name))
                self.module.exports[text_of(alias or name)] = local
            else:
                self.module.exports[text_of(alias or name)] = text_of(name)

    def stmt_if_statement(self, node: Any, function: Function) -> list[Statement]:
        test = self.value(node.child_by_field_name("condition"), function)
        parts = [self.body(node.child_by_field_name(name), function) for name in ("consequence", "alternative")]
        return [If(test, parts)]

    def stmt_switch_statement(self, node: Any, function: Function) -> list[Statement]:
        test = self.value(node.child_by_field_name("value"), function)
        arms: list[list[Statement]] = []
        default = False
        for case in node.child_by_field_name("body").named_children:
            default = default or case.type == "switch_default"
            value = case.child_by_field_name("value")
            if value is not None:
                test.take(self.value(value, function))  # switch (true) { case result.Confidence > 90: ... }
            inside = [part for part in case.named_children if value is None or part.id != value.id]
            if inside:
                arms.append(self.block(inside, function))
        return [If(test.compared(), arms if default else [*arms, []])]

    def stmt_while_statement(self, node: Any, function: Function) -> list[Statement]:
        condition = node.child_by_field_name("condition")
        return [Loop(self.value(condition, function), self.body(node.child_by_field_name("body"), function))]

    stmt_do_statement = stmt_while_statement

    def stmt_for_statement(self, node: Any, function: Function) -> list[Statement]:
        first = node.child_by_field_name("initializer")
        return [*self.body(first, function), Loop(None, self.body(node.child_by_field_name("body"), function))]

    def stmt_for_in_statement(self, node: Any, function: Function) -> list[Statement]:
        value = self.value(node.child_by_field_name("right"), function)
        targets = self.targets(node.child_by_field_name("left"), function)
        maybe = not runs_over(value) and (function.name, value.name) not in self.listed
        return [self.bind(function, targets, value), Loop(None, self.body(node.child_by_field_name("body"), function), maybe=maybe)]

    def stmt_try_statement(self, node: Any, function: Function) -> list[Statement]:
        handler, final = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
        handlers = [self.body(handler.child_by_field_name("body"), function)] if handler is not None else []
        last = self.body(final.child_by_field_name("body"), function) if final is not None else []
        return [Try(self.body(node.child_by_field_name("body"), function), handlers, last)]

    def stmt_return_statement(self, node: Any, function: Function) -> list[Statement]:
        inner = [part for part in node.named_children if part.type != "comment"]
        return [Return(self.value(inner[0], function) if inner else None)]

    def stmt_throw_statement(self, node: Any, function: Function) -> list[Statement]:
        return [Raise(self.value(node.named_children[0], function) if node.named_children else None)]

    def stmt_statement_block(self, node: Any, function: Function) -> list[Statement]:
        return self.block(node.named_children, function)

    stmt_labeled_statement = stmt_statement_block

    def stmt_break_statement(self, node: Any, function: Function) -> list[Statement]:  # noqa: ARG002
        return []

    stmt_continue_statement = stmt_break_statement


def _goes_back(chain: Value, function: Function) -> bool:
    """Whether a chain of promises tells what it found to whoever called ``function``, by a function that was handed in (``.catch(next)``)."""
    handed = {param.name for param in function.params if param.name}
    calls = list(calls_of([Do(chain)]))
    called = {call.name for call in calls if call.receiver is None}
    return not handed.isdisjoint(called | {arg.name for call in calls if call.name in _CHAINED for arg in call.args})
