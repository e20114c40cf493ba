"""A network as an ONNX file, for the browser, the telephone and other programs.

The graph is written node by node. PyTorch's exporters would trace one forward pass, which needs
another package (onnxscript) or is on its way out (TorchScript), and finds a longer graph.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..files import check_destination, written_atomically
from ..networks.blocks import Block, InstanceNorm, ResidualBlock, UpsampleBlock
from ..networks.style import START_PADDING, StyleNet
from ..networks.super_resolution import SuperResolutionNet
from ..networks.upsampling import small_filters

_OPSET, _IR = 17, 8  # of 2022: old enough for runtimes that are not of today


def export_onnx(
    network: StyleNet | SuperResolutionNet, path: str | Path, *, half: bool = False
) -> None:
    """Write a network as an ONNX model that computes in float32.

    Its input ``image`` is (batch, 3, height, width), RGB, in [0, 255], of any size from the
    network's ``smallest`` on. The output of a style network, ``styled``, is of the same size, in
    [0, 255]. A network of several styles has a second input, ``weights``, (1, N): how much of each
    style, in sum 1. The styles' names are in the model's metadata, ``styles``, separated by line
    breaks. The output of a super-resolution network, ``enlarged``, is what its
    :meth:`~perceptual_edu.networks.super_resolution.SuperResolutionNet.forward` gives.

    Parameters
    ----------
    network
        Batch normalisation uses its running statistics.
    path
        The file to write: ``NAME.onnx``.
    half
        Store the weights in half precision: half the size. A runtime makes them float32 when it
        loads the model, so that it computes as fast.

    Raises
    ------
    ValueError
        If the suffix is another one.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    check_model_path(path)
    model = _model(network, half=half)
    onnx.checker.check_model(model, full_check=True)
    with written_atomically(path) as temporary:
        onnx.save(model, temporary)


def check_model_path(path: Path) -> None:
    """Raise ValueError or OSError now if :func:`export_onnx` could not write ``path`` later."""
    if path.suffix != ".onnx":
        raise ValueError(f"{path}: an ONNX model's name ends in .onnx")
    check_destination(path)


def _model(network: StyleNet | SuperResolutionNet, *, half: bool) -> onnx.ModelProto:
    names = network.styles if isinstance(network, StyleNet) else ()
    graph = _Graph(several=len(names) > 1, half=half)
    inputs = [_floats("image", "batch", 3, "height", "width")]
    if graph.several:
        inputs.append(_floats("weights", 1, len(names)))
    if isinstance(network, StyleNet):
        output = _floats(_style(graph, network), "batch", 3, "height", "width")
    else:
        enlarged = _super_resolution(graph, network)
        output = _floats(enlarged, "batch", 3, "large height", "large width")
    model = helper.make_model(
        helper.make_graph(graph.nodes, type(network).__name__, inputs, [output], graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="perceptual_edu",
        doc_string=f"{network!r}. RGB images in [0, 255].",
    )
    if names:
        helper.set_model_props(model, {"styles": "\n".join(names)})
    return model


def _floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _style(graph: _Graph, network: StyleNet) -> str:
    margin = START_PADDING if network.config["padding"] == "start" else 0
    size = graph.node("Shape", "image", start=2, end=4)
    # ONNX's Mod, like Python's %, has the sign of the divisor: -5 % 4 is 3.
    missing = graph.node("Mod", graph.node("Neg", size), np.int64([4, 4]))
    after = graph.node("Add", missing, np.int64([margin, margin]))
    margins = graph.node("Concat", np.int64([0, 0, margin, margin, 0, 0]), after, axis=0)
    x = _layers(graph, network, graph.node("Pad", _scaled(graph), margins, mode="reflect"))
    x = graph.node("Slice", x, np.int64([0, 0]), size, np.int64([2, 3]))
    return _tanh(graph, x, "styled")


def _super_resolution(graph: _Graph, network: SuperResolutionNet) -> str:
    x = _layers(graph, network, _scaled(graph))
    if network.config["upsampling"] == "transposed":
        return _tanh(graph, x, "enlarged")
    scales = np.float32([1, 1] + [network.config["factor"]] * 2)
    keys = dict(mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
    plain = graph.node("Resize", "image", "", scales, **keys)
    return graph.node("Add", plain, graph.node("Mul", x, np.float32(127.5)), output="enlarged")


def _scaled(graph: _Graph) -> str:
    return graph.node("Sub", graph.node("Div", "image", np.float32(127.5)), np.float32(1))


def _layers(graph: _Graph, network: StyleNet | SuperResolutionNet, x: str) -> str:
    for layer in network.layers:
        if isinstance(layer, nn.PixelShuffle):
            x = graph.node("DepthToSpace", x, blocksize=layer.upscale_factor, mode="CRD")
        else:
            add = _residual if isinstance(layer, ResidualBlock) else _block
            x = add(graph, layer, x)
    return x


def _tanh(graph: _Graph, x: str, output: str) -> str:
    x = graph.node("Add", graph.node("Tanh", x), np.float32(1))
    return graph.node("Mul", x, np.float32(127.5), output=output)


class _Graph:
    """Nodes and constants, named by number."""

    def __init__(self, *, several: bool, half: bool) -> None:
        self.several = several  # styles
        self.half = half
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(
        self, operator: str, *inputs: str | Tensor | np.ndarray, output: str = "", **attributes
    ) -> str:
        """Add a node; inputs are names, or constants. The name of its output."""
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        output = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def _constant(self, value: Tensor | np.ndarray) -> str:
        if isinstance(value, Tensor):
            value = value.detach().float().cpu()
        array, name = np.asarray(value), f"constant{len(self.constants)}"
        # A few numbers are not worth a node.
        halved = self.half and array.dtype == np.float32 and array.size > 64
        array = array.astype(np.float16) if halved else array
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return self.node("Cast", name, to=TensorProto.FLOAT) if halved else name


def _block(graph: _Graph, block: Block, x: str) -> str:
    conv = block.conv
    weight, bias, pads = conv.weight, conv.bias, conv.padding * 2
    operator, how = "Conv", dict(strides=conv.stride)
    if isinstance(conv, nn.ConvTranspose2d):
        operator, how = "ConvTranspose", how | dict(output_padding=conv.output_padding)
    elif isinstance(block, UpsampleBlock):  # both at once, at the small size
        weight, bias = small_filters(conv, block.upsampling)
    if block.margin:
        margins = np.int64([0, 0, block.margin, block.margin] * 2)
        mode = {"replicate": "edge"}.get(block.border, block.border)
        x = graph.node("Pad", x, margins, mode=mode)
    x = graph.node(operator, x, weight, bias, kernel_shape=conv.kernel_size, pads=pads, **how)
    if len(bias) > conv.out_channels:
        x = graph.node("DepthToSpace", x, blocksize=2, mode="DCR")
    norm = block.norm
    if isinstance(norm, InstanceNorm):
        values = (_mixed(graph, each) for each in (norm.weight, norm.bias))
        x = graph.node("InstanceNormalization", x, *values, epsilon=norm.eps)
    elif norm is not None:
        values = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        x = graph.node("BatchNormalization", x, *values, epsilon=norm.eps)
    return graph.node("Relu", x) if block.relu else x


def _mixed(graph: _Graph, values: Tensor) -> str | Tensor:
    """Scales or shifts (N, C) to (C,), of the only style or of the mixture of the input."""
    if not graph.several:
        return values[0]
    return graph.node("Reshape", graph.node("MatMul", "weights", values), np.int64([-1]))


def _residual(graph: _Graph, block: ResidualBlock, x: str) -> str:
    change = _block(graph, block.second, _block(graph, block.first, x))
    if block.crop:
        ends = np.int64([block.crop] * 2), np.int64([-block.crop] * 2)
        x = graph.node("Slice", x, *ends, np.int64([2, 3]))
    return graph.node("Add", x, change)
