"""The built site: strict, complete, without a dead link or anything from elsewhere, the same bytes again, and safe to replace."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from averment.core.errors import BadInputError, IncompleteError
from averment.core.words import Status
from averment.governance.site import build
from averment.governance.site.build import MARKER, build_site
from averment.governance.site.data import SiteData

View = Callable[..., SiteData]
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """A page's ids, its links, and everything that a browser would load or run for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.prose = ""  # the text outside of code
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._code += tag in {"pre", "code"}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "href" in values and values.get("rel") not in {"canonical", "prev", "next"}:
            self.loads.append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])
        self.handlers += [name for name in values if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in {"pre", "code"}

    def handle_data(self, data: str) -> None:
        self.text += data
        self.prose += "" if self._code else data


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


def digests(site: Path) -> dict[str, str]:
    files = sorted(path for path in site.rglob("*") if path.is_file())
    return {str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_control_has_a_page_with_its_state(built_site: Path, expected_states: dict[str, Status]) -> None:
    """The strict build succeeds, and each control's page shows its state; schemas that are published are schemas."""
    assert (built_site / "index.html").is_file()
    for control, status in expected_states.items():
        page = Page((built_site / "controls" / f"{control}.html").read_text())
        assert control in page.text
        assert str(status).replace("-", " ") in page.text.split("as of")[0][-400:]
    for name in ("control", "framework", "overlay", "averment"):
        jsonschema.Draft202012Validator.check_schema(json.loads((built_site / "schemas" / f"{name}.schema.json").read_text()))


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(built_site: Path, hostile: str) -> None:
    """Each link inside the site has its file and its place in it; no script, style, font or picture comes from another host;
    no handler or script comes from evidence."""
    site = built_site
    found = pages(site)
    for path, page in found.items():
        assert page.handlers == [], path
        for load in page.loads:
            assert not urllib.parse.urlsplit(load).netloc, f"{path} loads {load}"
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme in {"http", "https"} or (path.name == "404.html"):
                continue
            assert parts.scheme == "", f"{path}: {link}"
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path.resolve()
            assert target.is_file(), f"{path}: {link}"  # a folder opened from a file system is a list of its files
            if parts.fragment and target.suffix == ".html":
                assert urllib.parse.unquote(parts.fragment) in found[site.resolve() / target.relative_to(site.resolve())].ids, (
                    f"{path}: {link}"
                )
    for style in site.rglob("*.css"):
        text = style.read_text()
        assert "@import" not in text
        assert "url(http" not in text.replace('"', "").replace("'", "")
    assert hostile in found[site / "controls" / "SM-UPL-03.html"].text


def test_no_markup_is_left_over(built_site: Path, hostile: str) -> None:
    """No heading, emphasis or link of ours ends up as text on a page, where it would show that a template runs together."""
    for path, page in pages(built_site).items():
        text = page.prose.replace(hostile, "")
        for left_over in ("## ", "](", "{{", "{%", "{:", "&#", "|---"):
            assert left_over not in text or path.parts[-2:] == ("about", "adding-a-rule.html"), f"{path.name}: {left_over}"


def test_same_view_gives_the_same_bytes(built_site: Path, tmp_path: Path) -> None:
    """A build by another process, from another working folder, in another time zone and language and with another order of sets, agrees with
    one of our own in every byte of every file."""
    first = digests(built_site)
    elsewhere = tmp_path / "somewhere" / "else"
    elsewhere.mkdir(parents=True)
    told = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [
        sys.executable,
        "-m",
        "averment",
        "site",
        "build",
        "--config",
        str(built_site.parents[1] / "averment.yaml"),
        "--as-of",
        "2026-11-23T07:00:00Z",
        "--output",
        "b",
    ]
    done = subprocess.run(command, cwd=elsewhere, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert first == digests(elsewhere / "b")
    assert len(first) > 40


def test_built_site_names_nothing_of_this_machine(built_site: Path) -> None:
    """Neither the working folder nor the home of whoever built it gets into the pages."""
    for path in built_site.rglob("*"):
        if path.suffix in {".html", ".json", ".xml"}:
            text = path.read_text()
            assert str(built_site.parents[1]) not in text
            assert str(ROOT) not in text


def test_the_search_index_holds_what_people_look_for(built_site: Path) -> None:
    """Cut up as the search cuts it up, the index has an article whole, an id in its parts, and an action without its service; a control's page
    ranks by its id, its provisions and its services."""
    index = json.loads((built_site / "search" / "search_index.json").read_text())
    separator = re.compile(index["config"]["separator"])

    def words(text: str) -> set[str]:
        return {word.lower() for word in separator.split(text) if word}

    assert "50(2)" in words("EU AI Act Art 50(2), voluntary")
    assert {"sm", "upl", "03"} <= words("SM-UPL-03")
    assert {"rekognition", "comparefaces"} <= words('"rekognition:CompareFaces"')
    assert words("aws_s3_bucket.uploads") == {"aws_s3_bucket", "uploads"}
    pages = {entry["location"]: entry for entry in index["docs"]}
    marked = {place: {word for tag in entry.get("tags", ()) for word in words(tag)} for place, entry in pages.items()}
    assert {"sm", "prv", "01", "50(2)"} <= marked["controls/SM-PRV-01.html"]
    assert "rekognition" in marked["controls/SM-IDV-01.html"]
    assert "s3" in marked["controls/SM-UPL-03.html"]


@pytest.fixture
def of_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites are of one page: enough where only their folder is looked at, and built ten times as fast."""
    monkeypatch.setattr(build, "about_pages", dict)
    monkeypatch.setattr(build, "written", lambda *_: {"docs/index.md": b"# Here\n", "mkdocs.yml": b"site_name: One page\nplugins: []\n"})


@pytest.mark.usefixtures("of_one_page")
def test_other_folders_are_left_alone(site_data: View, tmp_path: Path) -> None:
    """A folder with somebody's files isn't replaced; a site that was built before is."""
    data = site_data(filled=False)
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInputError, match="is not a site that averment built"):
        build_site(data, folder)
    assert (folder / "thesis.tex").read_text() == "years of work"
    site = build_site(data, tmp_path / "site").parent
    (site / "stale.html").write_text("old")
    build_site(data, site)
    assert not (site / "stale.html").exists()
    assert (site / MARKER).is_file()


@pytest.mark.usefixtures("of_one_page")
def test_a_link_to_the_folder_stays_one(site_data: View, tmp_path: Path) -> None:
    """A web server's folder is often reached by a link: what it leads to is replaced, each time, and the link stays."""
    data = site_data(filled=False)
    place = tmp_path / "web"
    (place / "served").mkdir(parents=True)
    link = place / "public"
    link.symlink_to("served")
    for _ in range(2):
        assert build_site(data, link) == link / "index.html"
        assert link.is_symlink()
        assert (place / "served" / MARKER).is_file()
    assert sorted(path.name for path in place.iterdir()) == ["public", "served"]


@pytest.mark.usefixtures("of_one_page")
def test_nothing_in_the_working_folder_is_run(site_data: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site is built in checkouts of others' changes: a file there that bears a module's name isn't imported, and so not run."""
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    for name in ("mkdocs.py", "click.py", "yaml.py"):
        Path(name).write_text("import pathlib\npathlib.Path('run').touch()\nraise SystemExit(0)\n")
    build_site(site_data(filled=False), tmp_path / "site")
    assert not Path("run").exists()


def test_the_folder_that_one_works_in_is_refused(site_data: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site takes the place of its folder, which would be taken away under whoever stands in it; "." was a flaw."""
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path / "public")
    for output in (Path(), tmp_path / "public"):
        with pytest.raises(BadInputError, match="while this very command works in it"):
            build_site(site_data(filled=False), output)


@pytest.mark.usefixtures("of_one_page")
def test_a_checkout_is_not_lost_with_the_old_site(site_data: View, tmp_path: Path) -> None:
    """A site that was built into a branch for pages has ``.git`` beside its pages: with the old site it would be gone."""
    data = site_data(filled=False)
    site = build_site(data, tmp_path / "site").parent
    (site / ".DS_Store").write_text("of a file manager")
    build_site(data, site)
    (site / ".git").write_text("gitdir: elsewhere")
    with pytest.raises(BadInputError, match=r"holds \.git, which no site has and which would be lost"):
        build_site(data, site)
    assert (site / ".git").read_text() == "gitdir: elsewhere"


def test_failed_build_keeps_the_old_site(site_data: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead link, or a page that no menu leads to, stops the build with MkDocs's own words, and what was there stays."""
    data = site_data(filled=False)
    with monkeypatch.context() as patched:
        patched.setattr(build, "_run_mkdocs", lambda _, built, __: built.mkdir())
        site = build_site(data, tmp_path / "site").parent
    before = digests(site)
    monkeypatch.setattr(build, "about_pages", dict)
    monkeypatch.setattr(build, "all_pages", lambda _: {"index.md": "# Here\n\n[nowhere](nowhere.md)\n"})
    with pytest.raises(IncompleteError, match=r"nowhere\.md"):
        build_site(data, site)
    monkeypatch.setattr(build, "all_pages", lambda _: {"index.md": "# Here\n", "stray.md": "# Not in the menu\n"})
    with pytest.raises(IncompleteError, match=r"stray\.md"):
        build_site(data, site)
    assert digests(site) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".averment-site")] == []


def test_documentation_of_the_project_builds_strictly(tmp_path: Path) -> None:
    """``mkdocs build --strict`` at the root succeeds: no page outside the navigation, no dead link."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "docs")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "docs" / "trust.html").is_file()
