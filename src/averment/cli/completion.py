"""``averment completion``: the script by which a shell completes commands, options and names."""

from __future__ import annotations

from importlib import resources

import click
from click.shell_completion import CompletionItem, get_completion_class

from averment.core.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


def control_ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The controls as shipped that begin so, by their files' names: completion reads no YAML."""
    catalog = resources.files("averment").joinpath("controls", "catalog")
    names = (file.name.removesuffix(".yaml") for family in catalog.iterdir() if family.is_dir() for file in family.iterdir())
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete.upper())]


def rule_ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shipped rules that begin so, by their folders' names: completion imports no rule."""
    rules = resources.files("averment").joinpath("policies", "rules")
    names = (item.name.replace("_", "-") for item in rules.iterdir() if item.joinpath("rule.py").is_file())
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def things(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What can be explained and has a name of its own: controls and rules."""
    return [*control_ids(context, parameter, incomplete), *rule_ids(context, parameter, incomplete)]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print what SHELL has to read to complete averment's commands, options and names (controls, rules, collectors).

    \b
    Examples:
      averment completion bash > ~/.local/share/bash-completion/completions/averment
      averment completion zsh > ~/.zfunc/_averment        # with ~/.zfunc in fpath
      averment completion fish > ~/.config/fish/completions/averment.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise LookupError(f"click knows no completion for {shell}")
    program = click.get_current_context().find_root().command
    click.echo(kind(program, {}, "averment", "_AVERMENT_COMPLETE").source())
    return int(ExitCode.CLEAN)
