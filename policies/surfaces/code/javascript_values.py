"""Expressions, functions and classes of JavaScript and TypeScript into the form of ``model``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from averment.policies.surfaces.code.javascript_syntax import (
    FUNCTIONS,
    TRANSPARENT,
    callable_at_once,
    declared_once,
    dotted,
    key_of,
    leaves,
    line_of,
    places,
    racing,
    text_of,
    type_name,
)
from averment.policies.surfaces.code.model import MODULE, Builder, Call, Class, Function, Inline, Param, Statement, Value
from averment.policies.surfaces.code.telling import SCRIPT_HANDLERS, about_liveness, registers

_IN_PLACE = frozenset(
    {"then", "catch", "finally", "map", "forEach", "filter", "reduce", "some", "every", "find", "flatMap", "all", "allSettled", "race"}
    | {"Promise", "setTimeout", "setImmediate", "nextTick", "retry", "promisify", "waterfall", "series", "parallel"}
)
"""Callees whose function literals run as part of the call, even at module level."""

_GETTERS = frozenset({"get", "prop", "path"})
_COMPARISONS = frozenset({"==", "===", "!=", "!==", "<", "<=", ">", ">=", "in", "instanceof"})


class ValueReader(Builder, ABC):
    """Reads expressions; statements are its subclass's."""

    def __init__(self, path: Path, language: str, text: str) -> None:
        super().__init__(path, language, text)
        self.settlers: dict[str, bool] = {}
        """Names that settle the promise being made, with whether they fulfil it."""
        self.made: set[int] = set()
        """The syntax nodes that were registered as functions already."""
        self.root: Any = None
        self._declared: dict[str, Any] | None = None

    def declared(self) -> dict[str, Any]:
        """What stands under each name that the file declares once."""
        if self._declared is None:
            self._declared = declared_once(self.root) if self.root is not None else {}
        return self._declared

    @abstractmethod
    def function_body(self, node: Any, function: Function) -> list[Statement]:
        """The statements of a function's body, or of the expression in its place."""

    # -- functions and classes ---------------------------------------------------------------------------------------

    def make(self, node: Any, outer: Function, name: str, *, owner: str = "", entry: str = "") -> Function:
        """Register the function at ``node``."""
        self.made.add(node.id)
        prefix = f"{owner}." if owner else "" if outer.name == MODULE else f"{outer.name}."
        start, end = node.start_point[0] + 1, node.end_point[0] + 1
        entry = entry or ("a handler by its name" if name in SCRIPT_HANDLERS and not owner else "")
        function = self.add(Function(self.module, prefix + name, start, end, owner=owner or outer.owner, outer=outer, entry=entry))
        function.waited = any(part.type == "async" for part in node.children)
        function.params = self.params(node, function)
        function.body = self.function_body(node.child_by_field_name("body"), function)
        return function

    def params(self, node: Any, function: Function) -> list[Param]:
        single = node.child_by_field_name("parameter")
        if single is not None:
            return [Param(text_of(single))]
        listed = node.child_by_field_name("parameters")
        return [self.param(part, function) for part in listed.named_children if part.type != "comment"] if listed is not None else []

    def param(self, node: Any, function: Function) -> Param:
        pattern = node.child_by_field_name("pattern") or node
        annotation = type_name(node.child_by_field_name("type"))
        default: Value | None = None
        if pattern.type == "assignment_pattern":
            right = pattern.child_by_field_name("right")
            pattern = pattern.child_by_field_name("left")
            default = self.value(right, function)
        else:
            given = node.child_by_field_name("value")
            default = self.value(given, function) if given is not None and given.id != pattern.id else None
        name = text_of(pattern) if pattern.type == "identifier" else ""
        kept = any(part.type in {"accessibility_modifier", "readonly"} for part in node.children)
        if kept and annotation and function.owner in self.module.classes:
            self.module.classes[function.owner].types[name] = annotation
        return Param(name, annotation, default, [] if name else self.targets(pattern, function))

    def classes(self, node: Any, outer: Function, name: str) -> None:
        """Register the class at ``node`` and its methods."""
        found = self.module.classes.setdefault(name, Class(name))
        heritage = next((part for part in node.children if part.type == "class_heritage"), None)
        if heritage is not None:
            found.bases = [text_of(part).rsplit(".", 1)[-1] for part in leaves(heritage)]
        decorators: list[str] = []
        for part in node.child_by_field_name("body").named_children:
            if part.type == "decorator":
                decorators.append(text_of(part)[:80])
                continue
            key = part.child_by_field_name("name") or part.child_by_field_name("property")
            value = part.child_by_field_name("value")
            if part.type == "method_definition" and key is not None:
                registering = next(filter(registers, decorators), "")
                made = self.make(part, outer, text_of(key).lstrip("#"), owner=name, entry=registering and f"decorated with {registering}")
                made.guard = next(filter(about_liveness, decorators), "")
                made.getter = any(child.type == "get" for child in part.children)
            elif key is not None and value is not None and value.type in FUNCTIONS:
                self.make(value, outer, text_of(key).lstrip("#"), owner=name)
            elif key is not None:
                if value is not None:
                    found.bindings.setdefault(text_of(key).lstrip("#"), []).append(self.value(value, outer))
                annotation = type_name(part.child_by_field_name("type"))
                if annotation:
                    found.types[text_of(key).lstrip("#")] = annotation
            decorators = []

    def members(self, node: Any, name: str, outer: Function) -> bool:
        """Register the functions in an object literal as methods of ``name``; whether there is any."""
        found = False
        for part in node.named_children:
            value = part if part.type == "method_definition" else part.child_by_field_name("value") if part.type == "pair" else None
            key = key_of(part)
            if value is None or not key or (value.type not in FUNCTIONS and value.type != "method_definition"):
                continue
            if f"{name}.{key}" not in self.module.functions:
                self.module.classes.setdefault(name, Class(name))
                self.make(value, outer, key, owner=name)
            found = True
        return found

    def targets(self, node: Any, function: Function) -> list[tuple[str, str]]:
        """The names that a pattern binds, each with the key that it is taken from."""
        if node.type == "object_pattern":
            return [pair for part in node.named_children for pair in self._picked(part, function)]
        if node.type == "array_pattern":
            return [
                (name, inner or f"#{index}")
                for index, part in enumerate(places(node))
                if part is not None
                for name, inner in self.targets(part, function)
            ]
        if node.type == "rest_pattern":
            return [pair for part in node.named_children for pair in self.targets(part, function)]
        if node.type == "assignment_pattern":
            return self.targets(node.child_by_field_name("left"), function)
        name = dotted(node)
        return [(name, "")] if name else []

    def _picked(self, node: Any, function: Function) -> list[tuple[str, str]]:
        if node.type == "shorthand_property_identifier_pattern":
            return [(text_of(node), text_of(node))]
        if node.type == "object_assignment_pattern":
            name = text_of(node.child_by_field_name("left"))
            return [(name, name)]
        if node.type == "pair_pattern":
            key = text_of(node.child_by_field_name("key")).strip("'\"")
            return [(name, inner or key) for name, inner in self.targets(node.child_by_field_name("value"), function)]
        return self.targets(node, function) if node.type == "rest_pattern" else []

    # -- expressions -------------------------------------------------------------------------------------------------

    def value(self, node: Any, function: Function) -> Value:
        """The expression at ``node``."""
        awaited = False
        while node.type in TRANSPARENT and node.named_children:
            awaited = awaited or node.type == "await_expression"
            node = next((part for part in node.named_children if part.type != "comment"), node.named_children[0])
        method = getattr(self, f"expr_{node.type}", None)
        if method is not None:
            found: Value = method(node, function)
            if awaited and found.outer is not None:
                found.outer.awaited = True
            return found
        if node.type in FUNCTIONS:
            self.make(node, function, f"function on line {node.start_point[0] + 1}")
            return Value(line_of(node))
        return Value(line_of(node)).take(*(self.value(part, function) for part in node.named_children if not part.type.startswith("type_")))

    def expr_identifier(self, node: Any, function: Function) -> Value:  # noqa: ARG002
        name = text_of(node)
        return Value(line_of(node), name=name, reads=[name], own=[name])

    expr_this = expr_shorthand_property_identifier = expr_identifier

    def expr_comment(self, node: Any, function: Function) -> Value:  # noqa: ARG002
        return Value(line_of(node))

    expr_class_body = expr_comment

    def expr_class(self, node: Any, function: Function) -> Value:
        self.classes(node, function, f"class on line {line_of(node)}")
        return Value(line_of(node))

    def expr_string(self, node: Any, function: Function) -> Value:  # noqa: ARG002
        text = text_of(node)[1:-1]
        return Value(line_of(node), literal=text, constant=True, texts=[(text, line_of(node))])

    def expr_template_string(self, node: Any, function: Function) -> Value:
        holes = [part for part in node.named_children if part.type == "template_substitution"]
        made = Value(line_of(node)).take(*(self.value(part, function) for hole in holes for part in hole.named_children))
        text = text_of(node)[1:-1]
        for hole in holes:
            text = text.replace(text_of(hole), "\0", 1)
        made.texts = [(text, line_of(node))]
        if not holes:
            made.literal, made.constant = text, True
        return made

    def expr_number(self, node: Any, function: Function) -> Value:  # noqa: ARG002
        return Value(line_of(node), literal=text_of(node), constant=True).take()

    def expr_true(self, node: Any, function: Function) -> Value:  # noqa: ARG002
        return Value(line_of(node), literal={"true": True, "false": False}.get(node.type), constant=True)

    expr_false = expr_null = expr_true

    def expr_member_expression(self, node: Any, function: Function) -> Value:
        name = dotted(node)
        if name:
            return Value(line_of(node), name=name, reads=[name], own=[name], keys=set(name.split(".")[1:]))
        made = Value(line_of(node)).take(self.value(node.child_by_field_name("object"), function))
        made.keys.add(text_of(node.child_by_field_name("property")))
        return made

    def expr_subscript_expression(self, node: Any, function: Function) -> Value:
        base, index = (self.value(node.child_by_field_name(name), function) for name in ("object", "index"))
        if (entry := self.entry(base, index, function)) is not None:
            return entry
        made = Value(line_of(node)).take(base, index)
        if (key := self.key(index)) is not None:
            made.keys.add(key)
            made.name = f"{base.name}.{key}" if base.name else ""
        return made

    def expr_binary_expression(self, node: Any, function: Function) -> Value:
        left, operator, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
        inner = left.named_children[0] if left.type == "non_null_expression" else None
        if inner is not None and inner.type == "binary_expression":  # the grammar takes `a && b! < c` for `(a && b)! < c`
            first, second = (self.value(inner.child_by_field_name(name), function) for name in ("left", "right"))
            last = self.binary(node, text_of(operator), [second, self.value(right, function)])
            return self.binary(node, text_of(inner.child_by_field_name("operator")), [first, last])
        return self.binary(node, text_of(operator), [self.value(left, function), self.value(right, function)])

    @staticmethod
    def binary(node: Any, operator: str, parts: list[Value]) -> Value:
        """``parts`` with ``operator`` between them, at ``node``."""
        made = Value(line_of(node), choices=parts if operator in {"||", "??", "&&"} else []).take(*parts)
        nothing = any((part.constant and part.literal is None) or part.name == "undefined" for part in parts)  # asks only if it is there
        made.bars = parts if operator in {"<", "<=", ">", ">="} else []
        if operator in _COMPARISONS and not nothing:
            made.tests = [*made.tests, made]
        elif operator in {"&&", "||"}:
            made.of_logic("and" if operator == "&&" else "or", *parts)
        elif operator == "??":
            made.perhaps(parts[1])
        elif operator == "+" and any(part.texts for part in parts):
            made.texts = [("".join(part.text if part.text is not None else "\0" for part in parts), line_of(node)), *made.texts]
        return made

    def expr_ternary_expression(self, node: Any, function: Function) -> Value:
        names = ("condition", "consequence", "alternative")
        test, body, other = (self.value(node.child_by_field_name(name), function) for name in names)
        made = Value(line_of(node), choices=[body, other], operands=[test]).take(test, body, other)
        made.decides = [*made.decides, test]
        return made.perhaps(body, other)

    def expr_unary_expression(self, node: Any, function: Function) -> Value:
        inner = self.value(node.child_by_field_name("argument"), function)
        made, operator = Value(line_of(node)).take(inner), text_of(node.child_by_field_name("operator"))
        if operator == "typeof":
            made.own, made.roots = [], []  # of what kind it is, and not what it says
        return made.of_logic("not", inner) if operator == "!" else made

    def expr_assignment_expression(self, node: Any, function: Function) -> Value:
        made = self.value(node.child_by_field_name("right"), function)
        self.bind(function, self.targets(node.child_by_field_name("left"), function), made)
        return made

    def expr_augmented_assignment_expression(self, node: Any, function: Function) -> Value:
        left, right = (self.value(node.child_by_field_name(name), function) for name in ("left", "right"))
        made = Value(line_of(node), choices=[left, right]).take(left, right)
        return made.perhaps(right) if text_of(node.child_by_field_name("operator")) in {"??=", "||=", "&&="} else made

    def expr_array(self, node: Any, function: Function) -> Value:
        items = [self.value(part, function) for part in node.named_children if part.type != "comment"]
        spread = any(part.type == "spread_element" for part in node.named_children)
        return Value(line_of(node), literal=None if spread else items, constant=not spread).take(*items)

    def expr_object(self, node: Any, function: Function) -> Value:
        made = Value(line_of(node), literal={}, constant=True)
        entries: dict[str, Value] = {}
        for part in node.named_children:
            if part.type == "comment":
                continue
            target = part.child_by_field_name("value") if part.type == "pair" else part
            if part.type == "method_definition" or (target is not None and target.type in FUNCTIONS):
                self._member(part, target, function)
                continue
            value = self.value(target, function)
            made.take(value)
            key = key_of(part)
            if not key:
                made.constant = False
            else:
                entries[key] = value
                made.keys.add(key)
        made.literal = entries
        return made

    def _member(self, part: Any, target: Any, function: Function) -> None:
        """A function in an object literal that has no name of its own: it is called by whoever gets the object."""
        line = part.start_point[0] + 1
        if target.id not in self.made:
            self.make(target, function, key_of(part) or f"function on line {line}")

    def expr_call_expression(self, node: Any, function: Function) -> Value:
        callee, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        made = self._call(node, self.callee(callee, function), listed, function)
        first = racing(node, self.declared)
        items = made.outer.args[0].literal if first and made.outer is not None else None
        return made.perhaps(*(items[place] for place in first)) if isinstance(items, list) else made

    def expr_new_expression(self, node: Any, function: Function) -> Value:
        call = self.callee(node.child_by_field_name("constructor"), function)
        call.new = True
        return self._call(node, call, node.child_by_field_name("arguments"), function)

    def _call(self, node: Any, call: Call, listed: Any, function: Function) -> Value:
        parts = [part for part in listed.named_children if part.type != "comment"] if listed is not None else []
        if listed is not None and listed.type == "template_string":
            parts = [listed]
        literals = [part for part in parts if part.type in FUNCTIONS]
        for part in parts:
            if part.type == "spread_element":
                call.spread = True
            call.args.append(Value(line_of(part)) if part.type in FUNCTIONS else self.value(part, function))
        call.rejects = any(self.settlers.get(arg.name) is False for arg in call.args if arg.outer is None)
        registered = bool(call.args) and call.args[0].text is not None
        in_place = call.name in _IN_PLACE or (function.name != MODULE and not registered) or callable_at_once(node)
        for part in literals:
            if in_place:
                call.inline.append(self.inline(part, call, function))
            else:
                name = f"{call.path}({call.args[0].text!r})" if registered else f"{call.path or 'function'} on line {line_of(part)}"
                self.make(part, function, name, entry=f"registered by {call.path}")
        made = Value(line_of(node)).take(*call.parts()).as_call(call)
        if call.name in _GETTERS:  # _.get(result, "Confidence", 0)
            made.keys |= {arg.text for arg in call.args if arg.text is not None}
        return made

    def inline(self, node: Any, call: Call, function: Function) -> Inline:
        """A function literal that runs as part of ``call``."""
        params = self.params(node, function)
        before = dict(self.settlers)
        if call.new and call.name == "Promise":
            self.settlers.update({param.name: index == 0 for index, param in enumerate(params[:2])})
        waited = any(part.type == "async" for part in node.children)
        made = Inline(params, self.function_body(node.child_by_field_name("body"), function), waited)
        self.settlers = before
        return made

    def callee(self, node: Any, function: Function) -> Call:
        while node.type in TRANSPARENT and node.named_children:
            node = node.named_children[0]
        line = node.end_point[0] + 1
        if node.type == "identifier":
            return Call(text_of(node), line)
        if node.type == "member_expression":
            base = self.value(node.child_by_field_name("object"), function)
            return Call(text_of(node.child_by_field_name("property")).lstrip("#"), line, base)
        if node.type == "subscript_expression":
            base = self.value(node.child_by_field_name("object"), function)
            index = self.value(node.child_by_field_name("index"), function)
            return Call(index.text or "", line, base, chosen_by="" if index.text else text_of(node)[:60])
        if node.type in FUNCTIONS:
            call = Call("", line)
            call.inline.append(self.inline(node, call, function))
            return call
        return Call("", line, self.value(node, function))
