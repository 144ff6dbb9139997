"""What a long clip costs: ``python benchmarks/detector/video.py [--minutes 10] [--size 1920x1080] [--detector embedded]``.

Makes a clip of a portrait of the reference corpus before a moving ground (25 frames a second, H.264, a key frame every ten seconds), and scans
it in each way of sampling, each in a process of its own: CPU seconds of the scan without the detector, of the detector, and of the decoder;
peak memory of both processes; beside it, in the same run, what decoding every frame takes (PyAV in a loop, which is what a scan would
cost that doesn't seek). CPU time, one thread, so that other load on the machine matters little.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from PIL import Image
from stages import run

from averment.detector import corpus
from averment.detector.interface import Detector, DetectorInfo, Score
from averment.detector.opening import open_detector
from averment.detector.video.scoring import by_hash, score_clip

RATE, LOOP = 25, 10
"""Frames a second, and seconds that are encoded once and then repeated packet by packet: making the clip costs little."""


def make_clip(path: Path, minutes: float, size: tuple[int, int]) -> None:
    """Write the clip."""
    width, height = size
    portrait = next(image for image in corpus.load() if image.kind == "face" and image.label == "real")
    side = height // 2
    face = Image.open(io.BytesIO(portrait.read())).convert("RGB").resize((side, side))
    slope = (np.indices((height, width)).sum(0) // 4 % 256).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", RATE * LOOP
        packets = []
        for index in range(RATE * LOOP):
            picture = Image.fromarray(np.stack([np.roll(slope, 4 * index, 1)] * 3, -1))
            picture.paste(face, (width // 4 + index % 50, height // 4))
            frame = av.VideoFrame.from_image(picture)
            frame.pts = index
            packets += stream.encode(frame)
        packets += stream.encode()
        bodies = [(bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe) for packet in packets]
        base, length = packets[0].time_base, round(LOOP / packets[0].time_base)
        for turn in range(round(minutes * 60 / LOOP)):
            for body, pts, dts, duration, key in bodies:
                copy = av.Packet(body)
                copy.stream, copy.time_base = stream, base
                copy.pts, copy.dts, copy.duration, copy.is_keyframe = pts + turn * length, dts + turn * length, duration, key
                out.mux(copy)


class Timed(Detector):
    """Another detector, with the CPU seconds that it takes."""

    def __init__(self, inner: Detector) -> None:
        self.inner, self.seconds = inner, 0.0

    @property
    def info(self) -> DetectorInfo:
        return self.inner.info

    def score(self, images: Sequence[bytes]) -> list[Score]:
        start = time.process_time()
        scores = self.inner.score(images)
        self.seconds += time.process_time() - start
        return scores


def scan(path: Path, detector: str, key_frames: bool) -> dict[str, object]:
    """Scan in this process; the figures of the run."""
    timed = Timed(open_detector(detector))
    start = time.process_time()
    score = score_clip(path, timed, replace(by_hash(path), key_frames=key_frames))
    ours = time.process_time() - start - timed.seconds
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return {
        "judged": f"{score.clip.judged} of {score.clip.sampled}" if score.clip else f"none: {score.cannot_say}",
        "scan": ours,
        "detector": timed.seconds,
        "decoder": child.ru_utime + child.ru_stime,
        "memory": int(peak[1]) // 1024 if peak else 0,
        "decoder_memory": child.ru_maxrss // 1024,
    }


def decode_all(path: Path) -> tuple[int, float]:
    """Every frame of the clip, by PyAV: how many, and the CPU seconds."""
    start = time.process_time()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        count = sum(1 for _ in container.decode(stream))
    return count, time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--detector", default="embedded")
    parser.add_argument("--scan", nargs=2, metavar=("PATH", "SAMPLING"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scan:
        json.dump(scan(Path(options.scan[0]), options.detector, options.scan[1] == "key frames"), sys.stdout)
        return
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", options.size):
        parser.error(f"--size {options.size} is no size: write 1920x1080")
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path, options.minutes, (width, height))
        print(
            f"{options.minutes:g} minutes of {width} x {height}, {path.stat().st_size / 2**20:,.0f} MiB; PyAV {av.__version__}; CPU seconds:"
        )
        print(
            f"  {'sampling':<14}{'judged':>10}{'decoder':>9}{'scan':>7}{'detector':>10}   peak memory of the scan and of the decoder, MiB"
        )
        for sampling in ("evenly spaced", "key frames"):
            words = [sys.executable, __file__, "--detector", options.detector, "--scan", str(path), sampling]
            found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            figures = f"{found['judged']:>10}{found['decoder']:>9.1f}{found['scan']:>7.2f}{found['detector']:>10.2f}"
            print(f"  {sampling:<14}{figures}   {found['memory']:>5}{found['decoder_memory']:>6}")
        count, seconds = decode_all(path)
        print(f"  every frame decoded in a loop ({count:,}): {seconds:.1f}")


if __name__ == "__main__":
    run(main)
