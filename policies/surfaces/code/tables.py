"""Functions that are reached by what they stand under: registered with a framework by name, or taken out of a table of functions."""

from __future__ import annotations

from collections.abc import Iterator

from averment.policies.surfaces.code.model import MODULE, Bind, Call, Do, Function, Return, Statement, Value, statements_of
from averment.policies.surfaces.code.project import Project
from averment.policies.surfaces.code.telling import HANDLERS, registers, registers_by


def registered(project: Project, function: Function) -> Iterator[tuple[Function, str]]:
    """The functions of the project that ``function`` hands to a framework by their names (``app.post("/match", match)``), and to what.

    In a module's own code that is whatever is handed to a call that is made for its effect, or that stands in a list (``urlpatterns``), and
    what is wrapped under a name that is a way in (``handler = with_auth(match)``) or by what makes one (``task = app.task(match)``);
    elsewhere what is handed to a call that says so.
    """
    for statement in statements_of(function.body):
        value = statement.value if isinstance(statement, Bind | Do | Return) else None
        for call in value.calls if value is not None else ():
            wrapped = isinstance(statement, Bind | Return) and value is not None and value.outer is call  # retried = retry(compare)
            first = call.args[0].text if call.args else None
            ways_in = function.name == MODULE and (not wrapped or registers(_made_by(call)) or _is_way_in(project, statement, function))
            if not registers_by(call.name, first) and not ways_in:
                continue
            for arg in [*call.args, *call.keywords.values()]:
                handed = _named(project, arg, function)
                if handed is not None and handed is not function:
                    yield handed, call.path


def _made_by(call: Call) -> str:
    """What is called, or what gives it: ``app.task`` of ``app.task(match)`` and of ``app.task(bind=True)(match)``."""
    maker = call.receiver.outer if call.receiver is not None and not call.name else None
    return (maker or call).path


def _is_way_in(project: Project, statement: Statement, function: Function) -> bool:
    """Whether what ``statement`` binds is called from outside by its name: as a handler, or as all that a file exports."""
    names = [name for name, _ in statement.targets] if isinstance(statement, Bind) else []
    stem = function.module.path.stem
    lasts = [name.removeprefix("module.").removeprefix("exports.") for name in names]
    return any(last in {*HANDLERS, "exports"} or (stem, last) in project.handlers for last in lasts)


def _named(project: Project, value: Value, function: Function) -> Function | None:
    """The function of the project that ``value`` names, bound to its object (``this.match.bind(this)``) or not."""
    outer = value.outer
    if outer is not None and outer.name == "bind" and outer.receiver is not None:
        value = outer.receiver
    return project.name(value.name, function).function if value.name and value.outer is None and not value.constant else None


def dispatched(project: Project, call: Call, function: Function) -> Iterator[Function]:
    """The functions that ``call`` may run by a table: ``ROUTES[path](event)``, ``run = ROUTES.get(path)`` and then ``run(event)``."""
    if call.receiver is None:
        for value in project.bound(call.name, function):
            if value.outer is not None or not value.name:
                yield from _in_tables(project, value, function)
    elif not call.name:
        yield from _in_tables(project, call.receiver, function)


def _in_tables(project: Project, value: Value, function: Function) -> Iterator[Function]:
    looked_up = [root for root in value.roots if root.name == "get" and root.receiver is not None]
    names = [*value.own, *(name for root in looked_up if root.receiver is not None for name in root.receiver.own)]
    others = (_named(project, arg, function) for root in looked_up for arg in root.args[1:])  # ROUTES.get(path, otherwise)
    yield from (one for one in others if one is not None)
    for name in dict.fromkeys(names):
        for bound in project.bound(name, function):
            if id(bound) not in project.tables:
                listed = (
                    bound.literal.values() if isinstance(bound.literal, dict) else bound.literal if isinstance(bound.literal, list) else ()
                )
                found = (_named(project, entry, function) for entry in listed)
                project.tables[id(bound)] = list(dict.fromkeys(one for one in found if one is not None))
            yield from project.tables[id(bound)]
        held = project.name(name, function).cls if "." not in name else None
        if held is not None and function.module.language != "python":  # const routes = { match: async (e) => ... }
            yield from (one for one in held[0].functions.values() if one.owner == held[1].name)
