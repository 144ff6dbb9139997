"""Whether all that tfparse may look at for a root module is noted.

tfparse reads files by itself, in another process. What it says hangs on nothing but the files of the modules, as long as every call is of
a local folder and no expression reads another file, the clock, or chance. A false alarm costs a second reading next time, no more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from averment.core.errors import BadInputError
from averment.policies.surfaces.terraform.modules.loader import MANIFEST, Loader
from averment.policies.surfaces.terraform.syntax.native import MAX_BYTES, Module, text_of

_OPEN = re.compile(
    rb"\b(?:file(?:exists|set|md5|sha1|sha256|sha512|base64|base64sha256|base64sha512)?|templatefile|templatestring"
    rb"|timestamp|plantimestamp|uuid|uuidv5|bcrypt|rsadecrypt|abspath|pathexpand|provider)\b"
)
"""Names of functions whose value isn't told by their arguments, wherever they stand: a comment may come before the bracket."""


def told_by_files(module: Module, loader: Loader, variable_files: Iterable[Path]) -> bool:
    """Whether tfparse's answer for the root ``module`` is settled by what ``loader.observer`` has seen, which this adds to."""
    observer = loader.observer
    if observer.is_file(module.folder / MANIFEST):
        return False  # tfparse follows it wherever it leads
    if not _plain(variable_files, loader):
        return False
    waiting, done = [module], {module.folder}
    while waiting:
        here = waiting.pop()
        observer.add(here.observer)
        if not _plain(_files(here), loader):
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


def _files(module: Module) -> Iterator[Path]:
    return (Path(question.subject) for question in module.observer.seen if question.kind == "content")


def _plain(files: Iterable[Path], loader: Loader) -> bool:
    """Whether none of ``files`` names such a function; in JSON, escapes could spell any name."""
    try:
        texts = [(path.name, loader.observer.read(path, limit=MAX_BYTES)) for path in files]
    except BadInputError:
        return False  # what can't be read here is a problem of the reading already; who knows what tfparse makes of it
    return not any(_OPEN.search(text) or (name.endswith(".json") and b"\\u" in text) for name, text in texts)
