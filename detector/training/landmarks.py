"""The 468 points of MediaPipe's face mesh (Kartynnik et al. 2019, arXiv 1907.06724; Apache-2.0): where pseudo-fakes are cut.

Training needs them, the shipped detector doesn't.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from averment.core.errors import IncompleteError
from averment.detector.faces.finder import Face

SIDE = 192
POINTS = 468
MARGIN = 1.5
"""Side of the network's view by side of the face's box, as MediaPipe has it."""

PRESENT = 0.5
"""Probability below which there is no face in the view."""

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 98, 97, 2, 326, 327, 64, 294, 129, 358)
"""Indices into the mesh, from MediaPipe's ``face_mesh_connections``."""


class Landmarks:
    """The mesh of one face."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise IncompleteError(f"the landmark model can't be read: {error}", fix="make it again: make train") from error

    def of(self, image: Image.Image, face: Face) -> Any | None:
        """The points of ``face`` as ``(468, 2)`` floats in pixels of ``image``; None where the network sees no face."""
        side = face.side * MARGIN
        left, top = (middle - side / 2 for middle in face.centre)
        view = image.transform((SIDE, SIDE), Image.Transform.AFFINE, (side / SIDE, 0, left, 0, side / SIDE, top), Image.Resampling.BILINEAR)
        pixels = np.asarray(view, dtype=np.float32).transpose(2, 0, 1)[None] / 255
        points, present = self._session.run(["points", "present"], {"pixels": pixels})
        if 1 / (1 + np.exp(-float(present.ravel()[0]))) < PRESENT:
            return None
        return points.reshape(POINTS, 3)[:, :2] * (side / SIDE) + np.array([left, top], dtype=np.float32)
