"""ONNX files of MXNet checkpoints by ngc's own emitter: what the peers are fed that read no MXNet model.

The graph is the canonical one: batch norms stay batch norms and activations operators of their own, since folding and fusing them is the engines' part.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ngc.codegen.onnx import save_onnx
from ngc.importer import import_model
from ngc.passes import PassManager


def export_onnx(prefix: str, shapes: Mapping[str, Sequence[int]], dtypes: Mapping[str, str] | None = None) -> str:
    """Returns the path of a checkpoint's ONNX file for given shapes of its inputs, written beside it unless it is there already.

    Raises:
        NgcError: the checkpoint cannot be imported, or has operators without a form in ONNX.
    """
    sizes = "-".join("x".join(map(str, shape)) for shape in shapes.values())
    path = Path(f"{prefix}-{sizes}-ngc.onnx")
    if not path.exists():
        graph = import_model(prefix, shapes={name: tuple(shape) for name, shape in shapes.items()}, dtypes=dtypes)
        PassManager("@canonical").run(graph)
        save_onnx(graph, path)
    return str(path)
