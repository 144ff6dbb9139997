"""The comparison with peers counts what it says: judged images only, groups as units, each class treated alike. Pictures are made here."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from PIL import Image

from averment.core.errors import BadInputError
from averment.detector.faces.finder import FaceFinder
from averment.detector.interface import Detector, DetectorInfo, Family, Score

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "detector"
NAMES = ("clips", "compare", "mesonet", "peers", "speed", "stages")


@pytest.fixture(scope="module")
def compare() -> Iterator[ModuleType]:
    """The script; it finds the modules beside it by its folder, as when it is run."""
    before = {name: sys.modules.pop(name, None) for name in NAMES}
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("compare")
    sys.path.remove(str(FOLDER))
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


def picture(level: int, size: tuple[int, int] = (64, 48), *, form: str = "JPEG") -> bytes:
    """Noise around a grey level, which ``Grey`` below reads back."""
    noise = np.random.default_rng(level).integers(-3, 4, (size[1], size[0], 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noise + level, 0, 255).astype(np.uint8)).save(buffer, form)
    return buffer.getvalue()


class Grey(Detector):
    """The brighter, the likelier; black it can't judge. It looks for faces, so that there is something to time."""

    def __init__(self, families: tuple[Family, ...] = (Family.SYNTHETIC_IMAGE,)) -> None:
        self._families = families
        self._finder = FaceFinder()

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("grey", "1", None, self._families, 0.5)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        scores = []
        for data in images:
            with Image.open(io.BytesIO(data)) as image:
                pixels = image.convert("RGB")
            self._finder.find(pixels)
            level = float(np.asarray(pixels).mean()) / 255
            scores.append(Score(cannot_say="black") if level < 0.05 else Score(dict.fromkeys(self._families, level)))
        return scores


def write(folder: Path, rows: Sequence[str]) -> Path:
    (folder / "manifest.csv").write_text("file,label,family,generator,group,kind\n" + "\n".join(rows) + "\n")
    for number, row in enumerate(rows):
        (folder / row.split(",")[0]).write_bytes(picture(20 * (number + 1)))
    return folder


def test_a_folder_is_read_by_its_labels(compare: ModuleType, tmp_path: Path) -> None:
    """Fakes by their family, real ones without, products left out, a file without group is its own."""
    folder = write(
        tmp_path, ["a.jpg,real,-,,p,face", "b.jpg,fake,manipulated,swap,,face", "c.jpg,synthetic,,GAN,q,face", "d.jpg,real,,,r,product"]
    )
    media = compare.of_folder(folder)
    assert [(medium.family, medium.group) for medium in media] == [
        (None, "p"),
        (Family.MANIPULATED_FACE, "b.jpg"),
        (Family.SYNTHETIC_IMAGE, "q"),
    ]
    write(tmp_path, ["a.jpg,fake,,,p,face"])
    with pytest.raises(BadInputError, match="is no label") as caught:
        compare.of_folder(tmp_path)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label, group\na.png,real,x\n", "has a column ' group', with a blank"),
        ("file,label,Group\na.png,real,x\n", "which is not 'group'"),
        ("file,label,label\na.png,real,synthetic\n", "2 columns called 'label'"),
        ("file,group\na.png,x\n", "has no column 'label'"),
        ("file,label\na.png\n", "manifest.csv:2: has another number of fields"),
        ("file,label\na.png,real\n", "a.png: does not exist"),
    ],
)
def test_a_manifest_is_taken_at_its_word_or_refused(compare: ModuleType, tmp_path: Path, text: str, said: str) -> None:
    """As by claims: a column that is passed over in silence would make each frame of a video a unit of its own."""
    (tmp_path / "manifest.csv").write_text(text)
    readers = [compare.of_folder]
    if "does not exist" not in said:  # clips are opened when they are scored
        readers.append(importlib.import_module("clips").of_folder)
    for read in readers:
        with pytest.raises(BadInputError) as caught:
            read(tmp_path)
        assert said in caught.value.diagnostics()


def test_figures_are_of_what_was_judged(compare: ModuleType) -> None:
    """Four real and four synthetic pictures, one pair in the wrong order, one not judged: counted by hand."""
    levels = [(40, None), (60, None), (90, None), (140, None), (100, 1), (150, 1), (200, 1), (2, 1)]
    media = [compare.Medium(picture(level), Family.SYNTHETIC_IMAGE if fake else None, "", f"g{level}") for level, fake in levels]
    row = compare.figures(Grey(), Family.SYNTHETIC_IMAGE, media, Grey().score([medium.data for medium in media]))
    assert (row.detector, row.judged, row.of) == ("grey", 7, 8)
    assert row.auc is not None
    assert row.auc[0] == pytest.approx(11 / 12)
    assert row.auc[1] < 11 / 12 <= row.auc[2]
    assert row.apcer is not None
    assert row.apcer[0] == pytest.approx(1 / 3)
    assert row.bpcer is not None
    assert row.bpcer[0] == pytest.approx(1 / 4)


def test_a_detector_of_another_family_is_marked(compare: ModuleType) -> None:
    """It takes part with the score that it has, and the reader is told."""
    media = [compare.Medium(picture(level), Family.MANIPULATED_FACE if level > 100 else None, "", str(level)) for level in (50, 150)]
    row = compare.figures(Grey(), Family.MANIPULATED_FACE, media, Grey().score([medium.data for medium in media]))
    assert row.detector == "grey*"
    assert row.judged == 2


def test_every_image_is_treated_alike(compare: ModuleType) -> None:
    """Whatever its size and format were, under a condition each is a JPEG of one longer side; as found it is untouched."""
    for data in (picture(90, (120, 90)), picture(90, (300, 500), form="PNG")):
        for condition, longest in (("jpeg-75", 96), ("half-size", 48)):
            with Image.open(io.BytesIO(compare.under(condition, data, 96))) as image:
                assert (image.format, max(image.size)) == ("JPEG", longest)
        assert compare.under("as-found", data, 96) == data


def test_what_cannot_be_decoded_is_told(compare: ModuleType) -> None:
    """It isn't put to any detector, and the reader learns how many and why."""
    media = [compare.Medium(data, None, "", "g") for data in (picture(90, (120, 90)), picture(90, (20, 20)), b"no picture")]
    kept, refused = compare.readable(media)
    assert len(kept) == 1
    assert len(refused) == 2
    assert any("too small" in reason for reason in refused)


def test_a_limit_keeps_the_same_images_of_each_kind(compare: ModuleType) -> None:
    """By their content, not by their place."""
    media = [compare.Medium(picture(level), Family.SYNTHETIC_IMAGE if level % 2 else None, "", str(level)) for level in range(60, 80)]
    kept = compare.limited(media, 3)
    assert {medium.group for medium in kept} == {medium.group for medium in compare.limited(media[::-1], 3)}
    assert sum(medium.family is None for medium in kept) == 3 == len(kept) - 3


def test_stages_add_up_to_the_whole(compare: ModuleType) -> None:
    """Decoding and faces are seen from outside, the face finder's own network isn't counted as the detector's, and nothing stays patched."""
    plain = FaceFinder.find_all
    scores, stages = sys.modules["stages"].timed(Grey(), [picture(90, (400, 300))] * 4)
    assert len(scores) == stages.images == 4
    assert stages.decode > 0
    assert stages.faces > 0
    assert stages.network == 0
    assert stages.decode + stages.faces + stages.network + stages.rest == pytest.approx(stages.whole, rel=1e-6)
    assert stages.rate("network") is None
    assert FaceFinder.find_all is plain


def test_networks_are_counted_by_face(compare: ModuleType) -> None:
    """Of the shipped detector: as many views as faces that it judged, also where an image has none, and the report names both units."""
    from averment.detector import corpus
    from averment.detector.embedded import EmbeddedDetector

    speed = importlib.import_module("speed")
    images = [image.read() for image in corpus.load() if image.kind == "face"][:3]
    scores, stages = sys.modules["stages"].timed(EmbeddedDetector(), [*images, b"no picture"])
    assert stages.images == 4
    assert stages.views == sum(len(score.faces) for score in scores) > 0
    assert stages.rate("network") == pytest.approx(stages.views / stages.network)
    assert stages.rate("faces") == pytest.approx(4 / stages.faces)
    *_, row, _, bar = speed.report(EmbeddedDetector(), {"224 px": images}, 1)
    assert row.split()[-1] == f"{stages.views / 3:.2f}"
    assert "asks 200" in bar
    assert speed.report(Grey(), {"grey": [picture(90)]}, 1)[-3].split()[4] == "-", "no network was at work"


def test_the_tables_say_what_is_not_defined(compare: ModuleType) -> None:
    """Without fakes there is no AUC and no APCER: a dash, not a number."""
    media = [compare.Medium(picture(90), None, "", "g")]
    row = compare.figures(Grey(), Family.SYNTHETIC_IMAGE, media, Grey().score([media[0].data]))
    assert "| grey | 1 of 1 | - | - | - | - | 0.000" in compare.table([row])


def filmed(path: Path, levels: Sequence[int]) -> None:
    """A clip of frames of these grey levels, a second each."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=1, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((96, 96, 3), level, np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def test_clips_are_judged_whole_and_by_a_frame(compare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clips that are bright in their middle alone: what is judged whole isn't told apart as a single frame is, and each source has its table."""
    assert compare
    rows = []
    for number in range(6):
        bright = number % 2 == 1
        filmed(tmp_path / f"{number}.mp4", [60, 60, 60, 60, 240 if bright else 60, 60, 60, 60, 60])
        rows.append(f"{number}.mp4,{'synthetic' if bright else 'real'},x,p{number},here")
    (tmp_path / "manifest.csv").write_text("file,label,generator,group,source\n" + "\n".join(rows) + "\n")
    importlib.import_module("clips").measure(tmp_path, Grey(), 9)
    shown = capsys.readouterr().out
    assert "### synthetic-image, all clips: 3 real, 3 fake, 6 groups" in shown
    assert "### synthetic-image, here: 3 real, 3 fake, 6 groups" in shown
    lines = {line.split("|")[1].strip(): line for line in shown.splitlines() if line.startswith("|")}
    assert lines["its middle frame"].split("|")[3].strip().startswith("1.000")
    assert lines["whole clip"].split("|")[6].strip().startswith("1.000")  # none is flagged: the median outvotes one bright frame


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("compare.py", "--data", "nowhere", "--no-corpus"), "nowhere/manifest.csv: does not exist\n  fix: check the path"),
        (("compare.py", "--no-corpus"), "--no-corpus leaves nothing to measure: name --data"),
        (("compare.py", "--detector", "nobody"), "'nobody' is not a detector"),
        (("clips.py", "--data", "nowhere"), "nowhere/manifest.csv: does not exist"),
        (("speed.py", "--detector", "nobody"), "'nobody' is not a detector"),
        (("video.py", "--size", "large"), "--size large is no size: write 1920x1080"),
    ],
)
def test_a_mistake_is_told_and_no_traceback(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    """With what to do and exit code 2, as everywhere."""
    script, *others = words
    done = subprocess.run([sys.executable, str(FOLDER / script), *others], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_folders_of_one_name_are_two_populations(
    compare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second took the place of the first, of which nothing was said."""
    for place in ("a", "b"):
        (tmp_path / place / "images").mkdir(parents=True)
        (tmp_path / place / "images" / "1.jpg").write_bytes(picture(90))
        (tmp_path / place / "images" / "manifest.csv").write_text("file,label,generator\n1.jpg,real,\n")
    folders = [str(tmp_path / place / "images") for place in ("a", "b")]
    monkeypatch.setattr(sys, "argv", ["compare.py", "--no-corpus", "--condition", "as-found", "--data", folders[0], "--data", folders[1]])
    compare.main()
    told = capsys.readouterr().out
    assert [folder in told for folder in folders] == [True, True]
