"""MesoNet's published weights (Keras, HDF5) as ONNX: the two architectures of the paper, written down layer by layer.

The output is the probability that the face is real, as the authors trained it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 256
_EPSILON = 0.001  # of Keras' batch normalisation
_SLOPE = 0.1  # of the leaky rectifier before the last layer
_OPSET = 13


class Graph:
    """An ONNX graph that grows layer by layer, with the weights taken in the order in which the layers were made."""

    def __init__(self, weights: Path) -> None:
        self._read(weights)
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.last = "pixels"
        self._count = 0

    def _read(self, weights: Path) -> None:
        import h5py

        layers: dict[str, dict[int, dict[str, Any]]] = {"conv2d": {}, "batch_normalization": {}, "dense": {}}
        with h5py.File(weights) as file:
            root = file.get("model_weights", file)

            def visit(name: str, item: Any) -> None:
                match = re.search(r"(conv2d|batch_normalization|dense)_(\d+)/(\w+):0$", name)
                if match and isinstance(item, h5py.Dataset):
                    layers[match[1]].setdefault(int(match[2]), {})[match[3]] = np.asarray(item, dtype=np.float32)

            root.visititems(visit)
        self._layers = {kind: [found[number] for number in sorted(found)] for kind, found in layers.items()}

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """A node on ``inputs``; the name of its output, which is what comes last from now on."""
        from onnx import helper

        self._count += 1
        self.last = f"{kind}_{self._count}"
        self.nodes.append(helper.make_node(kind, inputs, [self.last], **attributes))
        return self.last

    def tensor(self, values: Any) -> str:
        """A constant."""
        from onnx import numpy_helper

        self._count += 1
        name = f"constant_{self._count}"
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolve(self, source: str, *, dilation: int = 1) -> str:
        """The next convolution, with a rectifier; the borders are padded so that the size stays."""
        layer = self._layers["conv2d"].pop(0)
        kernel = layer["kernel"].transpose(3, 2, 0, 1)
        edge = dilation * (kernel.shape[2] - 1) // 2
        inputs = [source, self.tensor(kernel), self.tensor(layer["bias"])]
        return self.add("Relu", [self.add("Conv", inputs, pads=[edge] * 4, dilations=[dilation] * 2)])

    def normalise_and_pool(self, source: str, side: int) -> str:
        """The next batch normalisation, then the maximum of each square of ``side`` pixels."""
        layer = self._layers["batch_normalization"].pop(0)
        values = [self.tensor(layer[name]) for name in ("gamma", "beta", "moving_mean", "moving_variance")]
        normalised = self.add("BatchNormalization", [source, *values], epsilon=_EPSILON)
        return self.add("MaxPool", [normalised], kernel_shape=[side, side], strides=[side, side])

    def inception(self, source: str) -> str:
        """The paper's variant of an inception module: one plain branch, one of 3 x 3, and two that are dilated."""
        branches = [self.convolve(source)]
        branches += [self.convolve(self.convolve(source), dilation=dilation) for dilation in (1, 2, 3)]
        return self.add("Concat", branches, axis=1)

    def dense(self, source: str) -> str:
        """The next fully connected layer."""
        layer = self._layers["dense"].pop(0)
        return self.add("Gemm", [source, self.tensor(layer["kernel"]), self.tensor(layer["bias"])])

    def finished(self) -> bytes:
        """The model's bytes.

        Raises:
            ValueError: weights are left over, so that the file is of another architecture.
        """
        from onnx import TensorProto, checker, helper

        if any(self._layers.values()):
            raise ValueError("the weights are of another architecture")
        pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
        real = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["batch", 1])
        graph = helper.make_graph(self.nodes, "mesonet", [pixels], [real], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
        checker.check_model(model)
        return bytes(model.SerializeToString())


def to_onnx(weights: Path) -> bytes:
    """The model of a file of weights: MesoInception-4 where its name says so, else Meso-4.

    Raises:
        ValueError: the weights are of neither.
    """
    graph = Graph(weights)
    inception = "inception" in weights.stem.lower()
    layer = graph.inception if inception else graph.convolve
    for side in (2, 2):
        graph.normalise_and_pool(layer(graph.last), side)
    for side in (2, 4):
        graph.normalise_and_pool(graph.convolve(graph.last), side)
    flat = graph.add("Flatten", [graph.add("Transpose", [graph.last], perm=[0, 2, 3, 1])])
    hidden = graph.add("LeakyRelu", [graph.dense(flat)], alpha=_SLOPE)
    graph.add("Sigmoid", [graph.dense(hidden)])
    return graph.finished()
