"""Plots of claims: well-formed SVG with words for those who don't see it, the page and the files of a package, hostile records.

The data of the plots are written out here, in the shape that ``detector.claims.plots`` gives them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.plots import page as page_module
from averment.evidence.plots.charts import Chart, charts
from averment.evidence.plots.page import ClaimsPage, estimate_told, is_jpeg, worst_told
from averment.evidence.plots.svg import ATTACKS, BONA_FIDE, Canvas, linear, probit, round_up
from averment.evidence.record import Gathering, Kind, Record

HOSTILE = '"><script>alert(1)</script> & `x` [y](javascript:z)'
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 picture").decode()
CURVE = [[0.0, 0.0], [0.0, 0.5], [0.05, 0.8], [0.2, 0.95], [1.0, 1.0]]
NOW = datetime(2026, 10, 5, tzinfo=UTC)


def details(name: str = "SDXL") -> dict[str, Any]:
    """A performance claim's details with every kind of plot."""
    bar = {"value": name, "class": "attacks", "rate": 0.1, "low": 0.02, "high": 0.3, "images": 20, "units": 20}
    return {
        "plots": [
            {"kind": "roc", "points": CURVE, "without_score": 3},
            {"kind": "det", "points": [[x, 1 - y] for x, y in CURVE], "without_score": 3},
            {
                "kind": "reliability",
                "bins": [{"mean": 0.05, "share": 0.0, "images": 40}, {"mean": 0.95, "share": 0.9, "images": 10}],
                "without_score": 3,
            },
            {
                "kind": "histogram",
                "counts": {"attacks": [0] * 19 + [10], "bona fide": [40] + [0] * 19},
                "threshold": 0.5,
                "without_score": 0,
            },
            {"kind": "errors", "column": "generator", "bars": [bar, {**bar, "value": "real one", "class": "bona fide"}]},
        ],
        "by_transform": [{"transform": "jpeg 50", "before": 0.98, "after": 0.9, "difference": 0.08, "low": -0.01, "high": 0.12}],
        "composition": {"label": {"real": 3, "synthetic": 5}, "split": {"test": 8}},  # one value is nothing to see
        "worst_errors": {
            "errors": 4,
            "not_shown": 2,
            "threshold": 0.5,
            "examples": [
                {"name": name, "class": "attack", "probability": 0.1, "licence": "MIT", "attribution": "somebody", "picture": JPEG},
                {"name": "no picture", "class": "bona fide", "probability": 0.9, "licence": "MIT", "attribution": ""},
            ],
        },
        "checks": [{"check": "hashes", "outcome": "could not be checked", "reason": name, "examples": ["a.png"]}],
    }


def test_what_is_found_after_each_transform_is_drawn_with_its_bounds() -> None:
    """A claim on watermarks: a bar for each transform, in words how many of how many; a census has no bounds."""
    rows = [
        {"transform": "untouched", "found": 19, "unreadable": 0, "of": 20, "low": 0.78, "high": 0.99},
        {"transform": "jpeg 50", "found": 10, "unreadable": 2, "of": 20},
    ]
    [chart] = charts({"details": {"found_by_transform": rows}})
    assert chart.name == "found-by-transform"
    assert "untouched: 95 % (19 of 20, 78 % to 99 %); jpeg 50: 50 % (10 of 20, 2 could not be read)" in chart.alt
    ElementTree.fromstring(chart.svg)


def payload(**values: Any) -> dict[str, Any]:
    base = {
        "type": "performance",
        "statement": "AUC is at least 0.8",
        "verdict": "supported",
        "reason": "the lower bound reaches the bar",
        "estimate": 0.9,
        "interval": {"low": 0.85, "high": 0.95, "confidence": 0.9, "method": "bootstrap"},
        "bar": 0.8,
        "samples": 50,
        "clusters": 50,
        "seed": 1,
        "details": details(),
    }
    return {**base, **values}


def record(**values: Any) -> Record:
    base: dict[str, Any] = {
        "kind": Kind.CLAIM,
        "collector": "averment.claims",
        "collector_version": "0.1.0",
        "source": "corpus",
        "query": {"claim": {"type": "performance"}, "seed": 1},
        "effective_at": NOW,
        "collected_at": NOW,
        "payload": payload(),
        "controls": ("SM-DET-03/performance",),
    }
    return Record(**{**base, **values})


def claim_files(records: Iterable[Record], record_file: str) -> list[tuple[str, bytes]]:
    """What a package has of the claims among ``records``: each one's plots, then the page."""
    page = ClaimsPage(record_file)
    return [*(file for record in records for file in page.add(record)), *page.files()]


def page_on(*records: Record) -> str:
    """The page on these runs."""
    return dict(claim_files(records, "{id}"))["claims.html"].decode()


def by_name(value: dict[str, Any]) -> dict[str, Chart]:
    return {chart.name: chart for chart in charts(value)}


NAMES = ["roc", "det", "reliability", "scores", "errors-generator", "errors-by-transform", "data-label"]


def test_plots_of_one_family_are_not_taken_for_the_decision_of_all() -> None:
    """A false alarm of another family counts for BPCER and has no place on these curves: the page says so, where they are shown and only there."""
    said = "what another family took for an attack is not among these errors"
    by_decision = {
        **payload(),
        "statement": "BPCER for synthetic-image, by the detector's decision over all its families, on x is at most 5 %",
    }
    assert said in page_on(record(payload=by_decision))
    assert said not in page_on(record(payload={**by_decision, "details": {}}))
    assert said not in page_on(record(payload={**payload(), "statement": "AUC for synthetic-image on x is at least 0.8"}))


def test_the_page_begins_with_how_each_run_ended_and_leads_to_it() -> None:
    """Whoever has a minute reads the verdicts; each leads to its run, also where several stand for one control."""
    first, second = record(), record(payload=payload(verdict="refuted", seed=2))
    page = page_on(first, second)
    listed = re.search(r"<nav.*?</nav>", page, re.DOTALL)
    assert listed
    for run, verdict in ((first, "supported"), (second, "refuted")):
        assert f'{verdict}</span>: <a href="#r-{run.id}">SM-DET-03/performance</a>, AUC is at least 0.8' in listed[0]
        assert page.count(f'<h2 id="r-{run.id}">') == 1


def test_words_that_only_testers_know_are_explained() -> None:
    """Those that stand on the page, and no others."""
    page = page_on(record(payload=payload(statement="BPCER for synthetic-image on x is at most 5 %")))
    words = re.findall(r"<dt>(.*?)</dt>", page.split('id="words"')[1])
    assert {"BPCER", "ROC", "bona fide", "interval", "seed"} <= set(words)
    assert "APCER" not in words
    bare = page_on(record(payload={"type": "disclosure-coverage", "verdict": "supported", "statement": "99 % are marked"}))
    assert not {"BPCER", "ROC", "DET"} & set(re.findall(r"<dt>(.*?)</dt>", bare))


def test_every_plot_is_well_formed_and_says_in_words_what_it_shows() -> None:
    """Parsed as XML: one picture with its role, its title, and the same words as the text alternative; nothing is loaded or run."""
    found = by_name(payload())
    assert list(found) == NAMES
    for chart in found.values():
        root = ElementTree.fromstring(chart.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == chart.alt
        texts = [element.text for element in root.iter() if element.tag.endswith(("title", "desc"))]
        assert texts == [chart.title, chart.alt]
        assert "\n" not in chart.svg
        assert not re.search(r"href|<script|url\(|<style|<image", chart.svg)


def test_the_words_hold_the_figures_of_the_picture() -> None:
    """Read off the data by hand."""
    found = by_name(payload())
    assert "at 5 % false positives 80 % of the attacks are found" in found["roc"].alt
    assert "3 images of which the detector can't say are left out" in found["roc"].alt
    assert "at 1 % false positives 50 %" in found["det"].alt
    assert "nearest to equal at 20 %" in found["det"].alt
    assert "of 10 images scored about 0.95, 90 % are attacks" in found["reliability"].alt
    assert "bona fide: 40 of 40 from 0.00 to 0.05" in found["scores"].alt
    assert "SDXL, attacks: 10 % (20 images, 2 % to 30 %)" in found["errors-generator"].alt
    assert "jpeg 50: 8 % (0.98 before, 0.9 after, -1 % to 12 %)" in found["errors-by-transform"].alt
    assert "synthetic: 62.5 % (5)" in found["data-label"].alt


def test_a_record_that_kept_few_points_of_a_curve_gives_bounds() -> None:
    """An older record of 200 points may have had more, and its figures are told as what is surely reached; with its own figures they are exact."""
    points = [[number / 199, number / 199] for number in range(200)]
    thinned = {"kind": "roc", "points": points, "without_score": 0}
    det = {"kind": "det", "points": [[x, 1 - y] for x, y in points], "without_score": 0}
    old = [chart.alt for chart in charts({"details": {"plots": [thinned, det]}})]
    assert "at 1 % false positives at least 0.503 % of the attacks are found" in old[0]
    assert "at 1 % false positives at most 99.5 %" in old[1]
    assert "nearest to equal at about 50.3 %" in old[1]
    new = [{**thinned, "read": [[0.01, 0.1555]]}, {**det, "read": [[0.01, 0.8445]], "equal": 0.25}]
    alts = [chart.alt for chart in charts({"details": {"plots": new}})]
    assert "at 1 % false positives 15.6 % of the attacks are found" in alts[0]
    assert "missed at 1 % false positives 84.5 %; both errors are nearest to equal at 25 %" in alts[1]


def test_none_but_all_reads_as_a_hundred_per_cent() -> None:
    """One attack in 2,500 that is missed isn't none."""
    curve = {"kind": "roc", "points": [[0, 0], [0.01, 0.9996], [1, 1]], "read": [[0.01, 0.9996], [0.05, 1.0]], "without_score": 0}
    (drawn,) = charts({"details": {"plots": [curve]}})
    assert "at 1 % false positives 99.96 % of the attacks are found, at 5 % false positives 100 %" in drawn.alt


def test_columns_of_whatever_name_have_files_of_their_own() -> None:
    """A caption stands at its own picture in the package: names of other scripts, or that differ in marks alone, share no file; nor does one that is
    longer than file systems take, or that looks like another plot's."""
    bar = {"value": "a", "class": "attacks", "rate": 0.1, "low": 0.0, "high": 0.3, "images": 20, "units": 20}
    columns = ["by-transform", "skin tone", "skin-tone", "年龄", "性别", "x" * 300]
    values = payload(
        details={
            "plots": [{"kind": "errors", "column": column, "bars": [bar]} for column in columns],
            "by_transform": details()["by_transform"],
            "composition": {column: {"a": 1, "b": 2} for column in ("年龄", "性别")},
        }
    )
    files = dict(claim_files([record(payload=values)], "{id}"))
    page = files.pop("claims.html").decode()
    assert len(files) == len(columns) + 1 + 2
    assert len({name.lower() for name in files}) == len(files)
    assert all(len(name.split("/")[-1]) < 255 for name in files)
    for caption, name in re.findall(r"<figcaption>(.*?): .*?href=\"(.*?)\"", page):
        assert caption in files[name].decode()
    assert dict(claim_files([record(payload=values)], "{id}")) == {**files, "claims.html": page.encode()}


def test_columns_without_a_plot_are_named_with_the_reason() -> None:
    """Whoever misses a subgroup reads why it isn't there; a record of another shape says that it can't be told."""
    columns = [{"column": "camera", "values": 1300}, {"column": HOSTILE, "values": 1}]
    plot: dict[str, Any] = {"kind": "left-out", "columns": columns, "more": 2, "most_values": 12}
    page = dict(claim_files([record(payload=payload(details={"plots": [plot]}))], "{id}"))["claims.html"].decode()
    assert "Errors are not shown by camera (1,300 values): with more than 12 values" in page
    assert "no two values to compare" in page
    assert "Nor by 2 more columns" in page
    assert "<script" not in page
    broken = record(payload=payload(details={"plots": [{"kind": "left-out", "columns": 3}]}))
    assert b"can&#x27;t be told" in dict(claim_files([broken], "{id}"))["claims.html"]


@pytest.mark.parametrize(
    ("worst", "words"),
    [
        (
            {"errors": 3, "without_score": 5},
            "8 errors at the threshold 0.5: 3 with a score on its wrong side, and 5 of which the detector can't say",
        ),
        ({"errors": 0, "without_score": 5}, "5 errors at the threshold 0.5"),
        ({"errors": 3}, "3 errors among the images with a score, at the threshold 0.5; how many had none was not kept"),
        (
            {"errors": 9, "without_score": 0},
            "2 can't be shown: nothing states a licence, or a ground to show the person. 7 more are nearer",
        ),
        ({"errors": "x", "without_score": 1}, "1 error at the threshold"),
        ({"errors": 0, "without_score": 0}, ""),
    ],
)
def test_the_number_of_errors_is_the_claim_s(worst: dict[str, Any], words: str) -> None:
    """Images without a score are told beside those on the wrong side; an older record didn't count them, and its words say so."""
    told = worst_told({"details": {"worst_errors": {"threshold": 0.5, "not_shown": 2, "examples": [], **worst}}})
    assert words in told
    assert bool(told) is bool(words)


def test_nothing_is_drawn_outside_of_the_picture() -> None:
    """Every place of every mark lies in the frame, text anchors included."""
    for chart in by_name(payload()).values():
        root = ElementTree.fromstring(chart.svg)
        _, _, width, height = map(float, str(root.get("viewBox")).split())
        for element in root.iter():
            places = [(element.get(x), element.get(y)) for x, y in (("x", "y"), ("cx", "cy"))]
            places += [tuple(pair.split(",")) for pair in (element.get("points") or "").split()]  # type: ignore[misc]
            for x, y in places:
                assert x is None or 0 <= float(x) <= width
                assert y is None or 0 <= float(y) <= height


def test_the_same_record_gives_the_same_bytes() -> None:
    """No clock, no random ids."""
    assert charts(payload()) == charts(payload())


def test_hostile_names_stay_words() -> None:
    """A generator's name is text in the picture and in its words, whatever it holds."""
    for chart in charts(payload(details=details(HOSTILE))):
        ElementTree.fromstring(chart.svg)
        assert "<script" not in chart.svg
    assert HOSTILE in by_name(payload(details=details(HOSTILE)))["errors-generator"].alt


def test_names_that_do_not_print_are_shown_as_escapes() -> None:
    """A line break inside a spreadsheet's cell is a control character, with which no picture is XML; others turn about what stands beside them."""
    strange = "soft\x0bwa\u202eex\x1b[2J\ufffe\u00a0caf\u00e9"
    for chart in charts(payload(details=details(strange))):
        ElementTree.fromstring(chart.svg)
    written = r"soft\x0bwa\x202eex\x1b[2J\xfffe"
    assert f"{written}\u00a0caf\u00e9" in by_name(payload(details=details(strange)))["errors-generator"].svg
    values = payload(details=details(strange), statement=strange, reason=strange)
    page = dict(claim_files([record(payload=values, source=strange)], "records/{id}.json"))["claims.html"].decode()
    assert written in page
    assert not {"\x0b", "\x1b", "\u202e", "\ufffe"} & set(page)


@pytest.mark.parametrize(
    "broken",
    [
        {"plots": [{"kind": "roc"}]},
        {"plots": [{"kind": "roc", "points": [[0.0, "x"]], "without_score": 0}]},
        {"plots": ["roc"]},
        {"plots": [{"kind": "reliability", "bins": [{"mean": 1e300, "share": 1e300, "images": 0}], "without_score": 0}]},
        {"by_transform": [{"transform": "jpeg"}]},
        {"composition": {"label": 3}},
    ],
)
def test_a_plot_of_another_shape_is_told_and_stops_nothing(broken: dict[str, Any]) -> None:
    """The claim's section says that it can't be drawn; the page is written."""
    with pytest.raises(ValueError, match="plot"):
        charts({"details": broken})
    files = dict(claim_files([record(payload=payload(details=broken))], "records/{id}.json"))
    assert list(files) == ["claims.html"]
    assert b"plot" in files["claims.html"]


def test_a_claim_without_plots_has_none() -> None:
    """Older records, and kinds of plots that this version doesn't know."""
    assert charts({}) == []
    assert charts({"details": {"plots": [{"kind": "of the future"}]}}) == []


def test_many_bars_are_named_and_not_all_drawn() -> None:
    """The picture stays readable; the words have them all."""
    counts = {f"value-{number}": number + 1 for number in range(40)}
    (chart,) = charts({"details": {"composition": {"source": counts}}})
    assert "16 more are not drawn" in chart.alt
    assert chart.svg.count("<rect") == 24
    assert "value-39" in chart.alt


def test_rows_that_begin_alike_are_told_apart_by_their_labels() -> None:
    """The middle of a long label is left out, and the bars begin beside the longest."""
    rows = [
        {"transform": "screenshot 1.25", "generator": name, "before": 0.1, "after": 0.2, "difference": 0.1, "low": 0.0, "high": 0.2}
        for name in ("FLUX1_dev", "FLUX1_schnell", "a-generator-of-a-very-long-name-1", "a-generator-of-a-very-long-name-2")
    ]
    chart = by_name(payload(details={"by_transform": rows}))["errors-by-transform"]
    labels = [text for text in re.findall(r'text-anchor="end"[^>]*>([^<]*)<', chart.svg) if text.startswith("screen")]
    assert labels[:2] == ["screenshot 1.25, FLUX1_dev", "screenshot 1.25, FLUX1_schnell"]
    assert len(set(labels)) == 4
    assert max(map(len, labels)) <= 30
    axis = float(re.findall(r'<path d="M([\d.]+) ', chart.svg)[0])
    assert axis >= 6.6 * 30


def test_words_on_a_plot_are_in_ink_and_colours_are_shapes() -> None:
    """A colour that can be seen as a bar on white and on black can't be read as small letters on both."""
    for chart in by_name(payload(details=details())).values():
        assert set(re.findall(r'<text [^>]*fill="([^"]*)"', chart.svg)) == {"currentColor"}
    histogram = by_name(payload(details=details()))["scores"].svg
    assert len(re.findall(r'<rect [^>]*width="10" height="10"', histogram)) == 2


def test_the_classes_are_told_apart_in_shades_of_grey() -> None:
    """On a copier the orange and the blue of the bars are one grey: one class is filled and the other has an outline, in the plot as in its key."""
    drawn = re.findall(r'<rect [^>]*fill="(#\w+)"[^>]*fill-opacity="([\d.]+)"', by_name(payload(details=details()))["scores"].svg)
    assert {(colour, float(opacity) < 0.2) for colour, opacity in drawn} == {(ATTACKS, False), (BONA_FIDE, True)}
    assert len(drawn) >= 4


def test_a_figure_without_an_interval_is_said_once() -> None:
    """Of what was counted whole: "1, 1 to 1" looked like an interval."""
    whole = {"low": 1.0, "high": 1.0, "confidence": 1.0, "method": "every check was made"}
    assert estimate_told(1.0, whole) == "1 (every check was made)"
    assert estimate_told(0.5, {**whole, "low": 0.4}) == "0.5, 0.4 to 1 (every check was made)"


def test_the_page_has_the_level_of_an_interval_and_shows_no_nothing() -> None:
    """As the terminal tells it; and where no picture may be shown, none is spoken of."""
    interval = {"low": 0.1, "high": 0.2, "confidence": 0.95, "method": "exact"}
    hidden = {"errors": 2, "without_score": 0, "not_shown": 2, "threshold": 0.5, "examples": []}
    run = record(payload=payload(interval=interval, estimate=0.15, details={"worst_errors": hidden}))
    (_, page) = claim_files([run], "records/{id}.json")[-1]
    assert b"0.15, 95 % interval 0.1 to 0.2 (exact)" in page
    assert b"Shown are" not in page
    assert b"2 can&#x27;t be shown" in page
    assert b"prefers-color-scheme: dark" in page


def test_the_page_has_every_run_with_verdict_checks_plots_and_worst_errors() -> None:
    """Each plot is inline and a file of its own, linked; so is the record."""
    first, other = record(), record(payload=payload(verdict="refuted", seed=2), controls=())
    failed = record(payload={"type": "performance"}, gathering=Gathering.COULD_NOT, reason="S3 is out of reach")
    files = dict(claim_files([record(kind=Kind.CHECK), first, other, failed], "records/{id}.json"))
    page = files["claims.html"].decode()
    assert {name for name in files if first.id in name} == {f"plots/{first.id}-{name}.svg" for name in NAMES}
    for name in files:
        assert name == "claims.html" or f'href="{name}"' in page
    assert f'href="records/{first.id}.json"' in page
    assert 'href="README.html"' in page, "whoever was sent this page finds the controls"
    assert page.count("<svg") == 2 * len(NAMES)
    for words in ("supported", "refuted", "S3 is out of reach", "could not be checked", "a claim of its own", "seed 2"):
        assert words in page
    assert f'<img src="data:image/jpeg;base64,{JPEG}" alt="SDXL: attack, scored 0.1">' in page
    assert "somebody, MIT" in page
    assert "2 can't be shown" in page.replace("&#x27;", "'")
    assert dict(claim_files([record(kind=Kind.CHECK)], "{id}")) == {}


def test_of_many_runs_the_later_ones_are_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays of a size that opens: words and files for every run, pictures on it for the first."""
    monkeypatch.setattr(page_module, "MAX_INLINE", 2)
    runs = [record(payload=payload(seed=seed)) for seed in range(5)]
    files = dict(claim_files(runs, "records/{id}.json"))
    page = files["claims.html"].decode()
    assert page.count("<svg") == 2 * len(NAMES)
    assert page.count("ROC curve: at 1 %") == 5 + 2 * 2  # in the caption of each, and twice in each picture
    assert all(f'href="{name}"' in page for name in files if name != "claims.html")


def test_a_hostile_record_says_nothing_but_text() -> None:
    """Statement, reason, source, checks, names; and a picture that is no JPEG is left out."""
    hostile = details(HOSTILE)
    hostile["worst_errors"]["examples"][0]["picture"] = f'{JPEG}" onerror="x'
    values = payload(details=hostile, statement=HOSTILE, reason=HOSTILE, verdict=HOSTILE)
    page = dict(claim_files([record(payload=values, source=HOSTILE)], "records/{id}.json"))["claims.html"].decode()
    assert "<script" not in page
    assert "onerror=" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("text", [None, 3, "", "x", base64.b64encode(b"GIF89a").decode(), JPEG[:-1] + "\n<"])
def test_only_a_jpeg_in_base64_is_a_picture(text: object) -> None:
    """Nothing else gets into a page's source."""
    assert not is_jpeg(text)
    assert is_jpeg(JPEG)


def test_a_package_holds_the_page_and_verifies(tmp_path: Path) -> None:
    """Written from the ledger, linked from the first page, covered by the manifest, the same bytes twice."""
    organisation = Organisation(root=tmp_path, name="Shop")
    with open_ledger(organisation, write=True) as ledger:
        ledger.append([record(), record(payload=payload(seed=2))])
        for name in ("one", "two"):
            write_package(organisation, ledger, load_catalogue(), parse_period("2026Q4"), tmp_path / name)
    files = {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "two"): path.read_bytes() for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert sum(path.parts[0] == "plots" for path in files) == 2 * len(NAMES)
    assert b'href="claims.html"' in files[Path("README.html")]
    assert verify_package(tmp_path / "one").genuine
    plot = next((tmp_path / "one" / "plots").glob("*-roc.svg"))
    plot.write_bytes(plot.read_bytes().replace(b"ROC", b"COR") + b" ")
    assert f"plots/{plot.name}" in {problem.file for problem in verify_package(tmp_path / "one").problems}


def test_scales_and_ticks() -> None:
    """The ends of the scales are 0 and 1, the middle of the DET scale is one half, and axes end at round numbers."""
    assert (linear(2, 4)(3), probit(0.01)(0.5)) == (0.5, pytest.approx(0.5))
    assert (probit(0.01)(0.0), probit(0.01)(1.0)) == (pytest.approx(0.0), pytest.approx(1.0))
    assert [round_up(value) for value in (0, 0.031, 0.05, 0.11, 1.0, 7)] == [0.0, 0.05, 0.05, 0.2, 1.0, 10]


def test_a_place_that_is_no_number_is_refused() -> None:
    """Rather than written into the file."""
    canvas = Canvas("t", "a", linear(0, 1), linear(0, 1))
    with pytest.raises(ValueError, match="no number"):
        canvas.point(float("inf"), 0, "red")


def test_a_claim_that_is_replaced_keeps_its_own_pictures() -> None:
    """Two runs of one claim never share a file's name."""
    first = record()
    second = replace(first, payload=payload(seed=9))
    names = [name for name, _ in claim_files([first, second], "{id}") if name != "claims.html"]
    assert len(names) == len(set(names)) == 2 * len(NAMES)


def test_one_unit_is_no_units() -> None:
    """The page of a claim on one picture spoke of "1 independent units"."""
    page = dict(claim_files([record(payload={**payload(), "samples": 1, "clusters": 1})], "{id}"))["claims.html"].decode()
    assert "1 independent unit;" in page
