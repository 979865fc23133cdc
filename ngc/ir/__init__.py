"""The typed IR graph, its operators, its text form, its reference semantics and the rewriter."""

from ngc.ir.builder import GraphBuilder
from ngc.ir.events import Event, EventStream
from ngc.ir.graph import STAGES, Graph, Node, Use, Value, clone
from ngc.ir.loc import Loc
from ngc.ir.opdef import Attr, OpDef, opdef, opdefs
from ngc.ir.parser import parse
from ngc.ir.printer import print_graph
from ngc.ir.reference import evaluate
from ngc.ir.steps import STEPS, Step
from ngc.ir.tensor_type import PLAIN, Dim, Layout, Quant, Shape, SymDim, TensorType
from ngc.ir.verify import verify
from ngc.ir.weight import Weight
from ngc.ir.weights_file import load_weights, save_weights

__all__ = [
    "PLAIN", "STAGES", "STEPS", "Attr", "Dim", "Event", "EventStream", "Graph", "GraphBuilder", "Layout", "Loc", "Node", "OpDef", "Quant", "Shape",
    "Step", "SymDim", "TensorType", "Use", "Value", "Weight", "clone", "evaluate", "load_weights", "opdef", "opdefs", "parse", "print_graph",
    "save_weights", "verify",
]
