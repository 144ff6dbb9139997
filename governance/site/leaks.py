"""The last look before a site leaves the house: no name that the data knows may stand in what was written for a lower level."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from averment.controls.loader import load_catalogue
from averment.core.errors import IncompleteError
from averment.core.organisation import Organisation
from averment.core.source import SourceRef
from averment.evidence.reporting.report import build_report
from averment.governance.site.data import SiteData
from averment.governance.site.names import names_in
from averment.governance.site.pages import all_pages
from averment.governance.site.scrub import Scrubber

_SHORTEST = 5
"""Shorter names are words too often, as a bucket that is called "logs"."""
_MARKUP = re.compile(r"<wbr>|</?(?:span|code)[^>]*>")


def refuse_leaks(files: Mapping[str, bytes], whole: SiteData, shown: SiteData) -> None:
    """Look through ``files`` (path -> bytes, as they are handed to MkDocs) for every name in ``whole``; ``shown`` is what was redacted.

    A name that stands in the pages of an organisation without evidence as well is a word of Averment's own and can't be told from one.

    Raises:
        IncompleteError: a file has such a name in it; nothing may be published.
    """
    names = Scrubber(name for name in names_in(whole) if len(name) >= _SHORTEST)
    found = {path: names.found(readable(data)) for path, data in files.items()}
    found = {path: hits for path, hits in found.items() if hits}
    if not found:
        return
    innocent = readable("\n".join(all_pages(_without_evidence(shown)).values()).encode())
    for path, hits in sorted(found.items()):
        for name in hits:
            if not Scrubber([name]).found(innocent):
                raise IncompleteError(
                    f"the page would show '{name}', which its level withholds; nothing was written",
                    where=SourceRef(path),
                    fix="build the site with --level internal, or take the name out of the text of averment.yaml in which it stands",
                )


def readable(data: bytes) -> str:
    """``data`` as text in which what escapes and breaks up names is undone, with the text as it was before that."""
    text = data.decode(errors="replace")
    return f"{text}\n{html.unescape(_MARKUP.sub('', text))}"


def _without_evidence(shown: SiteData) -> SiteData:
    catalogue, organisation = load_catalogue(), Organisation(name=shown.organisation.name, profile=shown.organisation.profile)
    report = build_report(catalogue, organisation, (), shown.report.period, shown.as_of)
    return SiteData(catalogue, organisation, report, shown.as_of, shown.period, None, shown.rules)
