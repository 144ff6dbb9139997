"""Signing and verifying beside bare c2pa-python, on the same files in one run: ``python benchmarks/detector/credentials.py [--rounds 15]``.

Bare c2pa-python is what a user writes without Averment: one Context with the same settings, thumbnails off, a callback that signs with the same
key in memory, ``Builder.sign``; to verify, ``Reader(...).json()`` with the same anchors. Averment does more: it checks the chain, puts IPTC's
field into XMP, and judges the states. CPU time of this process, the two in turn, medians over rounds, as ratios, so that other load on the
machine matters little. The watermark and the log's entry are apart: they decode the picture.

Files are noise with falling spectrum, made here: JPEG of about 80 kB, 1 MB, 3 MB and 15 MB, a PNG and a WebP.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import c2pa
import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from PIL import Image

from averment.detector.credentials.authority import TestAuthority
from averment.detector.credentials.entries import log_entry
from averment.detector.credentials.inspect import ACCEPTED_PURPOSES, inspect
from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.credentials.marking import mark_media, read_mark
from averment.detector.credentials.signing import sign_media

BAR = 1.2
FILES = {
    "JPEG small": ("image/jpeg", 384, 90),
    "JPEG medium": ("image/jpeg", 1400, 90),
    "JPEG large": ("image/jpeg", 2600, 90),
    "JPEG huge": ("image/jpeg", 4000, 97),
    "PNG": ("image/png", 900, 0),
    "WebP": ("image/webp", 1600, 90),
}
"""Name: media type, side in pixels, quality."""

AI = c2pa.C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA


def picture(side: int, kind: str = "JPEG", quality: int = 90) -> bytes:
    """A square picture whose spectrum falls as that of photographs does."""
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    white = np.fft.rfft2(np.random.default_rng(side).normal(size=(side, side)))
    grey = np.fft.irfft2(white / np.maximum(np.hypot(rows, columns), 1 / side), s=(side, side))
    buffer = io.BytesIO()
    pixels = np.clip(128 + grey * (45 / grey.std()), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).convert("RGB").save(buffer, kind, quality=quality)
    return buffer.getvalue()


class Bare:
    """c2pa-python alone."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: bytes, anchors: bytes) -> None:
        self._key, self._chain = key, chain.decode()
        trust = {"trust_config": ACCEPTED_PURPOSES}
        builder, remote = {"thumbnail": {"enabled": False}}, {"remote_manifest_fetch": False, "ocsp_fetch": False}
        self._signing = c2pa.Context(c2pa.Settings.from_dict({"builder": builder, "verify": remote, "trust": trust}))
        trusted = {**trust, "trust_anchors": anchors.decode()}
        self._reading = c2pa.Context(c2pa.Settings.from_dict({"verify": {**remote, "verify_trust": True}, "trust": trusted}))

    def _raw(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(bytes(message), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign(self, data: bytes, mime: str) -> bytes:
        manifest = {"claim_generator_info": [{"name": "bare", "version": "1"}], "title": "t", "format": mime, "assertions": []}
        output = io.BytesIO()
        with c2pa.Builder(manifest, self._signing) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.CREATE, AI)
            with c2pa.Signer.from_callback(self._raw, c2pa.C2paSigningAlg.ES256, self._chain, None) as signer:
                builder.sign(signer, mime, io.BytesIO(data), output)
        return output.getvalue()

    def verify(self, data: bytes, mime: str) -> str:
        with c2pa.Reader(mime, io.BytesIO(data), context=self._reading) as reader:
            return str(json.loads(reader.json())["validation_state"])


def spent(work: Callable[[], object], times: int) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def side_by_side(ours: Callable[[], object], bare: Callable[[], object], rounds: int, times: int) -> tuple[float, float, float]:
    """Median CPU seconds of both, and the median ratio of a round: the two take turns, and who is first changes."""
    pairs = []
    for number in range(rounds + 1):
        first, second = (ours, bare) if number % 2 else (bare, ours)
        one, two = spent(first, times), spent(second, times)
        pairs.append((one, two) if number % 2 else (two, one))
    pairs = pairs[1:]  # the first round warms up
    return (
        statistics.median(own for own, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(own / other for own, other in pairs),
    )


def main() -> None:
    """Print the tables; exit 1 when a ratio is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=10, help="runs in a round")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some of: {', '.join(FILES)}")
    arguments = parser.parse_args()
    key = ec.generate_private_key(ec.SECP256R1())
    signer, authority = PemEcdsaSigner(key, "bench"), TestAuthority.create()
    chain = authority.issue(signer.public_key(), "bench")
    bare = Bare(key, chain, authority.anchors)
    over = []
    print(
        f"c2pa-python {c2pa.sdk_version()}, {arguments.rounds} rounds of {arguments.times}; CPU milliseconds: ours, bare, ratio (bar {BAR:g})"
    )
    for name in arguments.only or FILES:
        mime, side, quality = FILES[name]
        data = picture(side, mime.removeprefix("image/").upper(), quality)
        signed = sign_media(data, signer, chain).data
        if (str(inspect(signed, authority.anchors).state), bare.verify(signed, mime)) != ("trusted", "Trusted"):
            raise SystemExit(f"{name}: the two don't agree that it is trusted")
        print(f"  {name} ({len(data):,} bytes)")
        for what, ours, theirs in (
            ("sign", lambda d=data: sign_media(d, signer, chain), lambda d=data, m=mime: bare.sign(d, m)),
            ("verify", lambda d=signed: inspect(d, authority.anchors), lambda d=signed, m=mime: bare.verify(d, m)),
        ):
            own, other, ratio = side_by_side(ours, theirs, arguments.rounds, arguments.times)
            print(f"    {what:<7}{own * 1000:9.2f}{other * 1000:9.2f}{ratio:8.2f}{'  OVER' if ratio > BAR else ''}", flush=True)
            over += [name] if ratio > BAR else []
    name, data = "JPEG medium", picture(FILES["JPEG medium"][1])
    marked, signed_medium = mark_media(data, "123456789").data, sign_media(data, signer, chain)
    print(f"apart, on {name}; CPU milliseconds")
    for what, work in (
        ("write a watermark", lambda: mark_media(data, "123456789")),
        ("read a watermark", lambda: read_mark(marked)),
        ("find none", lambda: read_mark(data)),
        ("entry of the log", lambda: log_entry("x", signed_medium, signer, datetime.now(UTC))),
    ):
        print(f"    {what:<20}{statistics.median(spent(work, 1) for _ in range(5)) * 1000:9.1f}")
    raise SystemExit(1 if over else 0)


if __name__ == "__main__":
    main()
