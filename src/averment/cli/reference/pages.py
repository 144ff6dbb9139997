"""All pages of the reference, and the hook by which MkDocs takes them in.

They are made when the documentation is built and stand in no repository, so that they can't be older than the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from averment.cli.reference.catalogue import controls_page, frameworks_page, records_page, rule_page, rules_page
from averment.cli.reference.commands import commands_page
from averment.cli.reference.exit_codes import exit_codes_page
from averment.cli.reference.settings import settings_page
from averment.policies.rules.registry import all_rules

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

FOLDER = "reference"


def reference_pages() -> dict[str, str]:
    """Every page of the reference: path below the documentation's folder -> Markdown. The pages of single rules are in no menu."""
    pages = {
        "commands.md": commands_page(),
        "settings.md": settings_page(),
        "exit-codes.md": exit_codes_page(),
        "rules.md": rules_page(),
        "controls.md": controls_page(),
        "frameworks.md": frameworks_page(),
        "records.md": records_page(),
    }
    pages |= {f"rules/{rule.id}.md": rule_page(rule) for rule in all_rules()}
    return {f"{FOLDER}/{path}": markdown for path, markdown in pages.items()}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs's hook, once it has found the files of ``docs_dir``: the pages of the reference stand among them."""
    from mkdocs.structure.files import File, InclusionLevel

    for path, markdown in reference_pages().items():
        file = File.generated(config, path, content=markdown)
        if path.count("/") > 1:
            file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files
