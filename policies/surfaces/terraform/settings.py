"""What surrounds a root module: variable files, and the default tags of its providers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Problem, Unknown
from averment.policies.surfaces.terraform.evaluation.blocks import nested
from averment.policies.surfaces.terraform.evaluation.core import evaluate, named
from averment.policies.surfaces.terraform.evaluation.loops import pairs_of
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.syntax.json_form import JsonNode
from averment.policies.surfaces.terraform.syntax.native import Block, Module, parse_expression, read_assignments, text_of
from averment.policies.surfaces.terraform.values import Env, EvaluationLimitError

MAX_TFVARS_BYTES = 16 * 1024 * 1024


def variables(paths: tuple[Path, ...], module: Module, loader: Loader) -> dict[str, Any]:
    """The values that variable files give; what can't be read becomes a problem."""
    given: dict[str, Any] = {}
    scope = Env(ModuleInstance(Module(module.folder), loader))
    for path in paths:
        try:
            if not loader.within(path):
                raise BadInputError(
                    f"is a link that leads out of {loader.boundary.name}, and was not read", fix="put the file itself into the repository"
                )
            given.update(_json_variables(path, loader.observer) if path.name.endswith(".json") else _assigned(path, scope))
        except BadInputError as error:
            loader.problems.append(Problem(error.message, error.where or SourceRef(str(path))))
        except (RecursionError, EvaluationLimitError):
            loader.problems.append(Problem("expands beyond all bounds", SourceRef(str(path))))
    return given


def _assigned(path: Path, scope: Env) -> dict[str, Any]:
    return {name: evaluate(attribute.node, scope) for name, attribute in read_assignments(path, scope.module.loader.observer).items()}


def _json_variables(path: Path, observer: Observer) -> dict[str, Any]:
    try:
        value = json.loads(observer.read(path, limit=MAX_TFVARS_BYTES))
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInputError(
            "is not valid JSON", where=SourceRef(str(path)), fix="mend the syntax; terraform validate shows the place"
        ) from error
    if not isinstance(value, dict):
        raise BadInputError("is not a map of variables", where=SourceRef(str(path), 1), fix="write one variable a line: name = value")
    return value


def default_tags(instance: ModuleInstance, block: Block, env: Env) -> Any:
    """The tags that the provider of ``block`` puts on what it makes: a map, ``Unknown``, or None without any. ``env`` is where the instance stands."""
    found = _provider(instance, block, env)
    return _tags(*found) if found is not None else None


def provider_region(instance: ModuleInstance, block: Block, env: Env) -> Any:
    """The region of the provider of ``block``, as it is written: None where that doesn't say."""
    found = _provider(instance, block, env)
    attribute = found[1].attributes.get("region") if found is not None else None
    return evaluate(attribute.node, found[0]) if found is not None and attribute is not None else None


def _provider(instance: ModuleInstance, block: Block, env: Env) -> tuple[Env, Block] | None:
    """The configuration of the provider of ``block``, with where its expressions stand."""
    attribute = block.attributes.get("provider")
    name, key = _named(text_of(attribute.node).strip('"') if attribute is not None else "aws", env)
    here: ModuleInstance = instance
    while here.caller is not None:
        caller, call = here.caller
        passed = call.attributes.get("providers")
        given = _passed(passed.node).get(name) if passed is not None else None
        if given is not None:
            name, key = _named(given, here.called_in or caller.env)
        elif (own := _called(name, here)) is not None and (own.blocks or own.attributes.keys() - {"alias", "version"}):
            break  # it has one of its own; an empty one stands for its caller's
        here = caller
    provider = _called(name, here)
    return (_instance(provider, key, here.env.within(provider.file)), provider) if provider is not None else None


def _called(name: str, instance: ModuleInstance) -> Block | None:
    """The provider of a module that is called ``name``, with its alias."""
    for provider in instance.providers:
        alias = provider.attributes.get("alias")
        full = provider.labels[0] + (f".{text_of(alias.node).strip(chr(34))}" if alias is not None else "") if provider.labels else ""
        if full == name:
            return provider
    return None


def _named(text: str, env: Env) -> tuple[str, Any]:
    """A provider's name and, as OpenTofu has several of one name, the key of the one that is meant (``aws.by_region[each.key]``)."""
    name, keyed, index = text.partition("[")
    node = parse_expression(index.rstrip().removesuffix("]")) if keyed else None
    return name.strip(), evaluate(node, env) if node is not None else None


def _instance(provider: Block, key: Any, env: Env) -> Env:
    """``env`` for the provider of its ``for_each`` that is called ``key``."""
    each = provider.attributes.get("for_each")
    if each is None:
        return env
    pairs = pairs_of(evaluate(each.node, env))
    known = dict(pairs) if isinstance(pairs, list) and isinstance(key, str) else {}
    if key not in known:
        return env.bind(each=Unknown("which of the providers that for_each makes is meant is not known"))
    return env.bind(each={"key": key, "value": known[key]})


def _tags(env: Env, provider: Block) -> Any:
    for values, _where in nested(provider, env, "default_tags"):
        return values if isinstance(values, Unknown) else values.get("tags")
    return None


def _passed(node: Any) -> dict[str, str]:
    """``{ aws = aws.east }`` as names, each as it is written; these are never expressions."""
    if isinstance(node, JsonNode):
        return {key: str(value) for key, value in node.value.items()} if isinstance(node.value, dict) else {}
    while node.type != "object" and len(inner := named(node)) == 1:
        node = inner[0]
    pairs = [[text_of(part).strip('"') for part in named(entry)[:2]] for entry in named(node) if entry.type == "object_elem"]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
