"""c7n-left on every folder with Terraform below a tree, in one process and off the network: ``python offline.py POLICIES TREE``.

Run by the interpreter of c7n-left's own environment. Two things that its program doesn't offer: it downloads modules (that is written
in its source, without an option), so here the parser is told not to; and it takes one root module at a time, so here one process goes
over all of them, which spares it the start-ups. Exit code: the worst of the folders', 3 where one raised.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from c7n_left.cli import cli
from c7n_left.providers.terraform import provider

_load = provider.load_from_path  # an AttributeError here is right: then nothing would keep it from downloading


def _offline(path: Any, **options: Any) -> Any:
    return _load(path, **{**options, "allow_downloads": False})


def folders(tree: Path) -> Iterator[Path]:
    """The folders below ``tree`` that hold Terraform."""
    for folder, inner, names in os.walk(tree):
        inner.sort()
        if any(name.endswith((".tf", ".tf.json")) for name in names):
            yield Path(folder)


def ran(policies: str, folder: Path) -> int:
    """The exit code of c7n-left on one folder; its results are thrown away."""
    arguments = ["run", "--policy-dir", policies, "--directory", str(folder), "--output", "json", "--output-file", os.devnull]
    try:
        return int(cli.main(arguments, standalone_mode=False) or 0)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 3
    except Exception as error:  # noqa: BLE001  (whatever it raises: the figure is then no figure)
        print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
        return 3


def main() -> int:
    """Run it."""
    provider.load_from_path = _offline
    policies, tree = sys.argv[1:]
    return max((ran(policies, folder) for folder in folders(Path(tree))), default=0)


if __name__ == "__main__":
    sys.exit(main())
