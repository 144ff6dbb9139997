"""Whether all that tfparse may look at for a root module is noted.

tfparse reads files by itself, in another process. What it says hangs on nothing but the files of the modules, as long as every call is of
a local folder and no expression reads another file, the clock, or chance. A false alarm costs a second reading next time, no more.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.syntax.native import MAX_BYTES, Module, text_of

_OPEN = re.compile(rb"\b(?:file\w*|template\w+|\w*timestamp|uuid\w*|bcrypt|rsadecrypt|abspath|pathexpand)\s*\(|\bprovider::")
"""Calls whose value isn't told by their arguments."""


def told_by_files(module: Module, loader: Loader) -> bool:
    """Whether tfparse's answer for the root ``module`` is settled by what ``loader.observer`` has seen, which this adds to."""
    observer = loader.observer
    loader.installed("")  # tfparse looks at the manifest, whether a module is called or not
    waiting, done = [module], {module.folder}
    while waiting:
        here = waiting.pop()
        observer.add(here.observer)
        if not _plain(here, loader):
            return False
        for block in here.of("module"):
            source = block.attributes.get("source")
            text = text_of(source.node).strip('"') if source is not None else ""
            if not text.startswith(("./", "../")) or "${" in text:
                return False
            folder = Path(os.path.normpath(here.folder / text))
            if observer.is_dir(folder):
                called = loader.shared.read(folder, observer.real(folder))
                if called.folder not in done:
                    done.add(called.folder)
                    waiting.append(called)
    return True


def _plain(module: Module, loader: Loader) -> bool:
    files = [question.subject for question in module.observer.seen if question.kind == "content"]
    for name in files:
        data = loader.observer.read(Path(name), limit=MAX_BYTES)
        if _OPEN.search(data) or (name.endswith(".json") and b"\\u" in data):  # escapes could spell any name
            return False
    return True
