"""A style network as an ONNX file, for the browser, the telephone and other programs.

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

_OPSET, _IR = 17, 8  # of 2022: old enough for runtimes that are not of today


def export_onnx(network: StyleNet, path: str | Path) -> None:
    """Write a style network as an ONNX model in float32.

    Its input ``image`` and its output ``styled`` are (batch, 3, height, width), RGB, in [0, 255],
    of any size from :attr:`~perceptual_edu.networks.style.StyleNet.smallest` on. A network of
    several styles has a second input, ``weights``, (1, N): how much of each style, in sum 1. The
    styles' names are in the model's metadata, ``styles``, separated by line breaks.

    Parameters
    ----------
    network
        Batch normalisation uses its running statistics.
    path
        The file to write: ``NAME.onnx``.

    Raises
    ------
    ValueError
        If the suffix is another one.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    check_model_path(path)
    model = _model(network)
    onnx.checker.check_model(model, full_check=True)
    with written_atomically(path) as temporary:
        onnx.save(model, temporary)


def check_model_path(path: Path) -> None:
    """Raise ValueError or OSError now if :func:`export_onnx` could not write ``path`` later."""
    if path.suffix != ".onnx":
        raise ValueError(f"{path}: an ONNX model's name ends in .onnx")
    check_destination(path)


def _model(network: StyleNet) -> onnx.ModelProto:
    graph = _Graph(several=len(network.styles) > 1)
    margin = START_PADDING if network.config["padding"] == "start" else 0
    size = graph.node("Shape", "image", start=2, end=4)
    # ONNX's Mod, like Python's %, has the sign of the divisor: -5 % 4 is 3.
    missing = graph.node("Mod", graph.node("Neg", size), graph.constant(np.int64([4, 4])))
    before = graph.constant(np.int64([0, 0, margin, margin, 0, 0]))
    after = graph.node("Add", missing, graph.constant(np.int64([margin, margin])))
    x = graph.node("Div", "image", graph.constant(np.float32(127.5)))
    x = graph.node("Sub", x, graph.constant(np.float32(1)))
    x = graph.node("Pad", x, graph.node("Concat", before, after, axis=0), mode="reflect")
    for layer in network.layers:
        add = _residual if isinstance(layer, ResidualBlock) else _block
        x = add(graph, layer, x)
    nothing, last_axes = graph.constant(np.int64([0, 0])), graph.constant(np.int64([2, 3]))
    x = graph.node("Tanh", graph.node("Slice", x, nothing, size, last_axes))
    x = graph.node("Add", x, graph.constant(np.float32(1)))
    graph.node("Mul", x, graph.constant(np.float32(127.5)), output="styled")
    shape = ["batch", 3, "height", "width"]
    image, styled = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("image", "styled")
    )
    inputs = [image]
    if graph.several:
        weights = [1, len(network.styles)]
        inputs.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, weights))
    model = helper.make_model(
        helper.make_graph(graph.nodes, "StyleNet", inputs, [styled], graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="perceptual_edu",
        doc_string=f"{network!r}. RGB images in [0, 255].",
    )
    helper.set_model_props(model, {"styles": "\n".join(network.styles)})
    return model


class _Graph:
    """Nodes and constants, named by number; each method returns the name of what it added."""

    def __init__(self, *, several: bool) -> None:
        self.several = several  # styles
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: object) -> str:
        output = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: Tensor | np.ndarray) -> str:
        array = (
            value.detach().float().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        )
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _block(graph: _Graph, block: Block, x: str) -> str:
    conv = block.conv
    operator = "Conv"
    how = dict(kernel_shape=conv.kernel_size, strides=conv.stride, pads=conv.padding * 2)
    if isinstance(conv, nn.ConvTranspose2d):
        operator, how = "ConvTranspose", how | dict(output_padding=conv.output_padding)
    elif isinstance(block, UpsampleBlock):
        scales = graph.constant(np.float32([1, 1, 2, 2]))
        nearest = dict(coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        x = graph.node("Resize", x, "", scales, mode="nearest", **nearest)
    if block.margin:
        margins = graph.constant(np.int64([0, 0, block.margin, block.margin] * 2))
        mode = {"replicate": "edge"}.get(block.border, block.border)
        x = graph.node("Pad", x, margins, mode=mode)
    x = graph.node(operator, x, graph.constant(conv.weight), graph.constant(conv.bias), **how)
    norm = block.norm
    if isinstance(norm, InstanceNorm):
        values = (_mixed(graph, each) for each in (norm.weight, norm.bias))
        x = graph.node("InstanceNormalization", x, *values, epsilon=norm.eps)
    elif norm is not None:
        values = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        x = graph.node("BatchNormalization", x, *map(graph.constant, values), epsilon=norm.eps)
    return graph.node("Relu", x) if block.relu else x


def _mixed(graph: _Graph, values: Tensor) -> str:
    """Scales or shifts (N, C) to (C,), of the only style or of the mixture of the input."""
    if not graph.several:
        return graph.constant(values[0])
    mixed = graph.node("MatMul", "weights", graph.constant(values))
    return graph.node("Reshape", mixed, graph.constant(np.int64([-1])))


def _residual(graph: _Graph, block: ResidualBlock, x: str) -> str:
    change = _block(graph, block.second, _block(graph, block.first, x))
    if block.crop:
        first, last = np.int64([block.crop] * 2), np.int64([-block.crop] * 2)
        x = graph.node("Slice", x, *map(graph.constant, (first, last, np.int64([2, 3]))))
    return graph.node("Add", x, change)
