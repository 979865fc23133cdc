"""A small network whose names are hostile, and what its dump holds."""

import ngc
from ngc.ir import Graph
from ngc.ir.random_data import fill_missing_weights

HOSTILE = "</script><img src=x onerror=alert(1)>"

TEXT = f"""graph @"{HOSTILE}"(%data: f32[1,16,8,8]) {{
  %w0 = const @w0 : f32[16,16,3,3]
  %gamma = const @gamma : f32[16]
  %beta = const @"{HOSTILE}" : f32[16]
  %mean = const @mean : f32[16]
  %var = const @var : f32[16]
  %w1 = const @w1 : f32[16,16,3,3]
  %conv0 = conv2d(%data, %w0) {{pad=[1,1]}} : f32[1,16,8,8] loc("conv0" in "net-symbol.json" at 2)
  %bn0 = batch_norm(%conv0, %gamma, %beta, %mean, %var) : f32[1,16,8,8] loc("{HOSTILE}" in "<i>'\\"&" at 7)
  %relu0 = relu(%bn0) : f32[1,16,8,8] loc("relu0")
  %conv1 = conv2d(%relu0, %w1) {{pad=[1,1]}} : f32[1,16,8,8] loc("conv1")
  %relu1 = relu(%conv1) : f32[1,16,8,8] loc("relu1")
  %sum = add(%conv1, %relu1) : f32[1,16,8,8] loc("sum")
  return %sum as "out"
}}"""


def make_net() -> Graph:
    """Returns the network: relu(bn(conv)), then a convolution with two readers, so that some rules fire and some refuse."""
    graph = ngc.parse(TEXT)
    fill_missing_weights(graph)
    return graph
