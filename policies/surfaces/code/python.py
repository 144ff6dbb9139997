# ruff: noqa: N802, N815  (methods are named after the classes of the syntax tree, as in ast.NodeVisitor)
"""Python source into the form of ``model``, by the standard library's parser."""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

from averment.policies.surfaces.code.apis import BY_NAME
from averment.policies.surfaces.code.fstrings import tree_of
from averment.policies.surfaces.code.model import (
    Bind,
    Builder,
    Call,
    Class,
    Do,
    Function,
    If,
    Import,
    Inline,
    Loop,
    Module,
    Param,
    Raise,
    Return,
    Statement,
    Try,
    Value,
    runs_over,
)
from averment.policies.surfaces.code.python_syntax import all_done, apart, dotted, gathered, keys_of, lambdas, settles, type_name
from averment.policies.surfaces.code.telling import PYTHON_HANDLERS, about_liveness, registers

SUFFIXES = (".py",)
_LEAVING = frozenset({"sys.exit", "exit", "quit", "os._exit", "abort"})
_GETTERS = frozenset({"get", "pop", "setdefault", "getattr"})


class SourceError(Exception):
    """The file isn't Python that can be parsed: the line (or None) and the reason."""

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def parse(path: Path, data: bytes) -> Module:
    """The module in ``data``.

    Raises:
        SourceError: a syntax error, a wrong encoding, or nesting deeper than the parser takes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escapes and comparisons are none of ours
            tree = tree_of(data, path)
        text = data.decode("utf-8", "replace")
        return _Reader(path, text).read(tree)
    except SyntaxError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        older = (error.msg or "").startswith("Missing parentheses in call to")
        hint = "as Python 2 it isn't read" if older else "newer syntax needs a newer Python to be checked"
        raise SourceError(error.lineno, f"is not valid Python {version}: {error.msg}; {hint}") from error
    except (ValueError, LookupError) as error:
        raise SourceError(None, f"is not valid Python: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise SourceError(None, "is nested too deeply to be read") from error


class _Reader(Builder):
    def __init__(self, path: Path, text: str) -> None:
        super().__init__(path, "python", text)
        self.done: set[tuple[str, str]] = set()
        """Names of what ``asyncio.wait`` has waited for to the end, each with the function in which it is bound."""

    def read(self, tree: ast.Module) -> Module:
        own = self.module.own
        own.body = self.block(tree.body, own)
        return self.module

    # -- statements ------------------------------------------------------------------------------------------------

    def block(self, nodes: list[ast.stmt], function: Function) -> list[Statement]:
        found: list[Statement] = []
        for node in nodes:
            method = getattr(self, f"stmt_{type(node).__name__}", None)
            if method is not None:
                found += method(node, function)
        return found

    def stmt_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, function: Function) -> list[Statement]:
        self.function(node, function, owner="")
        return [Do(self.value(decorator, function)) for decorator in node.decorator_list]

    stmt_AsyncFunctionDef = stmt_FunctionDef

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, outer: Function, owner: str) -> None:
        prefix = f"{owner}." if owner else "" if outer.name == "<module>" else f"{outer.name}."
        decorators = [ast.unparse(entry)[:80] for entry in node.decorator_list]
        made = [text for text in decorators if registers(text)]
        entry = f"decorated with @{made[0]}" if made else "a handler by its name" if node.name in PYTHON_HANDLERS and not owner else ""
        function = self.add(
            Function(self.module, prefix + node.name, node.lineno, node.end_lineno or node.lineno, owner=owner, outer=outer, entry=entry)
        )
        function.owner = owner or outer.owner
        function.getter = any(text.endswith("property") for text in decorators)
        function.waited = isinstance(node, ast.AsyncFunctionDef)
        function.params = self.params(node.args, function)
        injected = (name for param in function.params if param.default is not None for name in param.default.reads)
        function.guard = next((f"@{text}" for text in decorators if about_liveness(text)), "") or next(filter(about_liveness, injected), "")
        if owner and "staticmethod" not in decorators:
            del function.params[:1]
        function.body = self.block(node.body, function)

    def params(self, node: ast.arguments, function: Function) -> list[Param]:
        plain = [*node.posonlyargs, *node.args]
        defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(node.defaults)), *node.defaults, *node.kw_defaults]
        both = zip([*plain, *node.kwonlyargs], defaults, strict=False)
        return [Param(arg.arg, type_name(arg.annotation), self.value(default, function) if default else None) for arg, default in both]

    def stmt_ClassDef(self, node: ast.ClassDef, function: Function) -> list[Statement]:
        found = self.module.classes.setdefault(node.name, Class(node.name))
        found.bases = [ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases]
        rest: list[ast.stmt] = []
        for entry in node.body:
            if isinstance(entry, ast.FunctionDef | ast.AsyncFunctionDef):
                self.function(entry, function, owner=node.name)
            else:
                rest.append(entry)
            if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name):
                found.types[entry.target.id] = type_name(entry.annotation)
            if isinstance(entry, ast.Assign | ast.AnnAssign) and entry.value is not None:
                targets = entry.targets if isinstance(entry, ast.Assign) else [entry.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        found.bindings.setdefault(target.id, []).append(self.value(entry.value, function))
        return self.block(rest, function)

    def stmt_Assign(self, node: ast.Assign, function: Function) -> list[Statement]:
        pairs = apart(node.targets[0], node.value) if len(node.targets) == 1 else []
        found = [self.bind(function, self.targets(target), self.value(value, function)) for target, value in pairs]
        items = gathered(node.value) if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) else []
        if items:
            found = self.bind_each(function, dotted(node.targets[0]), [self.value(item, function) for item in items], node.lineno)
        if found:
            for one in found:
                one.settles = settles(node.value)
            return [*found]
        value = self.value(node.value, function)
        targets = [pair for target in node.targets for pair in self.targets(target)]
        self.done.add((function.name, all_done(node)))
        bound = self.bind(function, targets, value)
        bound.settles = settles(node.value)
        return [bound] if targets else [Do(value)]

    def stmt_AnnAssign(self, node: ast.AnnAssign, function: Function) -> list[Statement]:
        if isinstance(node.target, ast.Attribute) and function.owner in self.module.classes:
            self.module.classes[function.owner].types.setdefault(node.target.attr, type_name(node.annotation))
        if node.value is None:
            return []
        return [self.bind(function, self.targets(node.target), self.value(node.value, function))]

    def stmt_AugAssign(self, node: ast.AugAssign, function: Function) -> list[Statement]:
        bound = self.bind(function, self.targets(node.target), self.value(node.value, function))
        return [Bind(bound.targets, Value(node.lineno).take(self.value(node.target, function), bound.value))]

    def targets(self, node: ast.expr) -> list[tuple[str, str]]:
        if isinstance(node, ast.Tuple | ast.List):
            placed = not any(isinstance(item, ast.Starred) for item in node.elts)
            return [
                (name, inner or (f"#{index}" if placed else ""))
                for index, item in enumerate(node.elts)
                for name, inner in self.targets(item)
            ]
        if isinstance(node, ast.Starred):
            return self.targets(node.value)
        name = dotted(node)
        return [(name, "")] if name else []

    def stmt_Expr(self, node: ast.Expr, function: Function) -> list[Statement]:
        if isinstance(node.value, ast.Constant):
            return []  # a docstring
        value = self.value(node.value, function)
        leaving = value.outer is not None and value.outer.path in _LEAVING
        return [Raise(value)] if leaving else [Do(value)]

    def stmt_Return(self, node: ast.Return, function: Function) -> list[Statement]:
        return [Return(self.value(node.value, function) if node.value else None)]

    def stmt_Raise(self, node: ast.Raise, function: Function) -> list[Statement]:
        return [Raise(self.value(node.exc, function) if node.exc else None)]

    def stmt_Assert(self, node: ast.Assert, function: Function) -> list[Statement]:
        return [If(self.value(node.test, function), [[], [Raise(None)]])]

    def stmt_If(self, node: ast.If, function: Function) -> list[Statement]:
        return [If(self.value(node.test, function), [self.block(node.body, function), self.block(node.orelse, function)])]

    def stmt_While(self, node: ast.While, function: Function) -> list[Statement]:
        return [Loop(self.value(node.test, function), self.block(node.body, function)), *self.unbroken(node, function)]

    def unbroken(self, node: ast.While | ast.For | ast.AsyncFor, function: Function) -> list[Statement]:
        """The ``else`` of a loop: it runs, unless the loop was left by ``break``."""
        return [If(Value(node.lineno), [self.block(node.orelse, function), []])] if node.orelse else []

    def stmt_For(self, node: ast.For | ast.AsyncFor, function: Function) -> list[Statement]:
        bound = self.bind(function, self.targets(node.target), self.value(node.iter, function))
        name = bound.value.name
        done = bool(name) and (function.name, name) in self.done | self.listed and len(function.bindings.get(name, [])) == 1
        loop = Loop(None, self.block(node.body, function), maybe=not (done or runs_over(bound.value)))
        return [bound, loop, *self.unbroken(node, function)]

    stmt_AsyncFor = stmt_For

    def stmt_With(self, node: ast.With | ast.AsyncWith, function: Function) -> list[Statement]:
        found: list[Statement] = []
        for item in node.items:
            value = self.value(item.context_expr, function)
            targets = self.targets(item.optional_vars) if item.optional_vars else []
            found.append(self.bind(function, targets, value) if targets else Do(value))
            if value.outer is not None and value.outer.name == "suppress":  # of contextlib: as try, with an except that does nothing
                return [*found, Try(self.block(node.body, function), [[]], [])]
        return found + self.block(node.body, function)

    stmt_AsyncWith = stmt_With

    def stmt_Try(self, node: ast.Try, function: Function) -> list[Statement]:
        handlers = [self.block(handler.body, function) for handler in node.handlers]
        return [Try(self.block([*node.body, *node.orelse], function), handlers, self.block(node.finalbody, function))]

    stmt_TryStar = stmt_Try

    def stmt_Match(self, node: ast.Match, function: Function) -> list[Statement]:
        arms = [self.block(case.body, function) for case in node.cases]
        last = node.cases[-1]
        if not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None):
            arms.append([])
        guards = [self.value(case.guard, function) for case in node.cases if case.guard is not None]
        subject = Value(node.lineno).take(self.value(node.subject, function), *guards).compared()
        subject.keys |= {key for case in node.cases for key in keys_of(case.pattern)}
        return [If(subject, arms)]

    def stmt_Import(self, node: ast.Import, function: Function) -> list[Statement]:  # noqa: ARG002
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            self.module.imports[name] = Import(alias.name if alias.asname else alias.name.split(".")[0])
            if not alias.asname and "." in alias.name:
                self.module.imports[alias.name] = Import(alias.name)
        return []

    def stmt_ImportFrom(self, node: ast.ImportFrom, function: Function) -> list[Statement]:  # noqa: ARG002
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.module.stars.append(module)
            else:
                self.module.imports[alias.asname or alias.name] = Import(module, alias.name)
        return []

    # -- expressions -----------------------------------------------------------------------------------------------

    def value(self, node: ast.expr, function: Function) -> Value:
        method = getattr(self, f"expr_{type(node).__name__}", None)
        if method is not None:
            found: Value = method(node, function)
            return found
        made = Value(node.lineno)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                made.take(self.value(child, function))
            elif isinstance(child, ast.comprehension):
                made.take(*(self.value(part, function) for part in (child.iter, *child.ifs)))
                made.decides = [*made.decides, *made.tests] if child.ifs else made.decides
        return made

    def expr_Constant(self, node: ast.Constant, function: Function) -> Value:  # noqa: ARG002
        made = Value(node.lineno, literal=node.value, constant=True)
        if isinstance(node.value, str):
            made.texts.append((node.value, node.lineno))
        return made

    def expr_JoinedStr(self, node: ast.JoinedStr, function: Function) -> Value:
        parts = [self.value(part, function) for part in node.values]
        made = Value(node.lineno).take(*parts)
        made.texts = [("".join(part.text or "\0" for part in parts), node.lineno)]
        return made

    def expr_Name(self, node: ast.Name, function: Function) -> Value:  # noqa: ARG002
        return Value(node.lineno, name=node.id, reads=[node.id], own=[node.id])

    def expr_Attribute(self, node: ast.Attribute, function: Function) -> Value:
        name = dotted(node)
        if name:
            return Value(node.lineno, name=name, reads=[name], own=[name], keys=set(name.split(".")[1:]))
        made = Value(node.lineno).take(self.value(node.value, function))
        made.keys.add(node.attr)
        return made

    def expr_Subscript(self, node: ast.Subscript, function: Function) -> Value:
        base = self.value(node.value, function)
        index = self.value(node.slice, function)
        if (entry := self.entry(base, index, function)) is not None:
            return entry
        made = Value(node.lineno).take(base, index)
        if (key := self.key(index)) is not None:
            made.keys.add(key)
            made.name = f"{base.name}.{key}" if base.name else ""
        made.texts = [entry for entry in made.texts if entry not in index.texts]
        return made

    def expr_List(self, node: ast.List | ast.Tuple | ast.Set, function: Function) -> Value:
        items = [self.value(item, function) for item in node.elts]
        spread = any(isinstance(item, ast.Starred) for item in node.elts)
        return Value(node.lineno, literal=None if spread else items, constant=not spread).take(*items)

    expr_Tuple = expr_Set = expr_List

    def expr_Dict(self, node: ast.Dict, function: Function) -> Value:
        keys = [self.value(key, function) if key is not None else None for key in node.keys]
        values = [self.value(value, function) for value in node.values]
        known = all(key is not None and key.text is not None for key in keys)
        literal = {key.text: value for key, value in zip(keys, values, strict=True) if key is not None and key.text is not None}
        made = Value(node.lineno, literal=literal, constant=known).take(*(key for key in keys if key is not None), *values)
        made.keys |= set(literal)
        return made

    def expr_Compare(self, node: ast.Compare, function: Function) -> Value:
        parts = [self.value(part, function) for part in (node.left, *node.comparators)]
        made = Value(node.lineno).take(*parts)
        made.bars = parts if all(isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for operator in node.ops) else []
        if not any(isinstance(part, ast.Constant) and part.value is None for part in node.comparators):  # that asks only if it is there
            made.tests = [*made.tests, made]
        return made

    def expr_BoolOp(self, node: ast.BoolOp, function: Function) -> Value:
        parts = [self.value(part, function) for part in node.values]
        logic = "and" if isinstance(node.op, ast.And) else "or"
        return Value(node.lineno, choices=parts).take(*parts).of_logic(logic, *parts)

    def expr_UnaryOp(self, node: ast.UnaryOp, function: Function) -> Value:
        inner = self.value(node.operand, function)
        made = Value(node.lineno).take(inner)
        return made.of_logic("not", inner) if isinstance(node.op, ast.Not) else made

    def expr_IfExp(self, node: ast.IfExp, function: Function) -> Value:
        test, body, other = (self.value(part, function) for part in (node.test, node.body, node.orelse))
        made = Value(node.lineno, choices=[body, other], operands=[test]).take(test, body, other)
        made.decides = [*made.decides, test]
        return made.perhaps(body, other)

    def expr_Await(self, node: ast.Await, function: Function) -> Value:
        made = self.value(node.value, function)
        if made.outer is not None:
            made.outer.awaited = True
        return made

    def expr_NamedExpr(self, node: ast.NamedExpr, function: Function) -> Value:
        made = self.value(node.value, function)
        self.bind(function, [(node.target.id, "")], made)
        return made

    def expr_Lambda(self, node: ast.Lambda, function: Function) -> Value:
        return Value(node.lineno).take(self.value(node.body, function))

    def expr_Call(self, node: ast.Call, function: Function) -> Value:
        call = self.callee(node.func, function)
        call.args = [self.value(arg, function) for arg in node.args if not isinstance(arg, ast.Starred)]
        call.spread = any(isinstance(arg, ast.Starred) for arg in node.args)
        starred = [self.value(arg.value, function) for arg in node.args if isinstance(arg, ast.Starred)]
        for keyword in node.keywords:
            call.keywords[keyword.arg or f"**{len(call.keywords)}"] = self.value(keyword.value, function)
        call.inline = [Inline(self.params(arg.args, function), [Return(self.value(arg.body, function))]) for arg in lambdas(node)]
        made = Value(node.lineno).take(*call.parts(), *starred).as_call(call)
        handed = next((arg for arg in node.args if isinstance(arg, ast.Attribute) and arg.attr in BY_NAME), None)
        if handed is not None:  # asyncio.to_thread(client.compare_faces, ...), pool.submit, partial, somebody's retry: it is called there
            made.as_call(Call(handed.attr, handed.lineno, self.value(handed.value, function), keywords=call.keywords, spread=call.spread))
        if call.name in _GETTERS:
            made.keys |= {arg.text for arg in call.args if arg.text is not None}
        if call.name == "getattr" and call.receiver is None and len(call.args) > 1:
            made.name = f"{call.args[0].name}.{call.args[1].text}" if call.args[0].name and call.args[1].text else ""
        return made

    def callee(self, node: ast.expr, function: Function) -> Call:
        if isinstance(node, ast.Name):
            return Call(node.id, node.lineno)
        if isinstance(node, ast.Attribute):
            return Call(node.attr, node.end_lineno or node.lineno, self.value(node.value, function))
        found = self.value(node, function)
        inner = found.outer
        if inner is not None and inner.name == "getattr" and inner.receiver is None and len(inner.args) > 1:
            named = inner.args[1].text
            return Call(named or "", node.lineno, inner.args[0], chosen_by="" if named else ast.unparse(node)[:60])
        return Call("", node.lineno, found)
