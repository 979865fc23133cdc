"""What a report shows of the accuracy of int8: top-1, agreement and noise of each engine's quantization."""

from collections.abc import Callable, Sequence

from bench.accuracy.compare import Accuracy
from bench.models import NGC
from bench.report.document import Cell, Mark, Section, Table

_TEXT = (
    "All engines calibrate on the same images. SQNR is the signal-to-quantization-noise ratio of the logits over all images, against MXNet in fp32; agreement "
    "the share of images with the same largest logit. Top-1 is that of networks trained on scikit-learn's handwritten digits at 32x32, on 600 digits held out; "
    "the Gluon zoo's networks have random weights, and 16 images that were not calibrated on.",
    "ONNX Runtime and OpenVINO quantize by their makers' tools, per channel: static QDQ, and NNCF with the better of two kinds of ranges.",
)


def accuracy_section(rows: Sequence[Accuracy], display: Callable[[str], str]) -> Section:
    """Returns the section of what int8 costs; `display` writes an engine's name as its makers do."""
    names = sorted(dict.fromkeys(found.engine for found in rows), key=lambda name: name != NGC)
    networks = list(dict.fromkeys(found.network for found in rows))
    by_case = {(found.network, found.engine): found for found in rows}
    labelled = [network for network in networks if any(found.network == network and found.int8_top1 is not None for found in rows)]
    tables = []
    if labelled:
        header = ("network", "fp32 top-1", *(f"{display(name)}: top-1, agreement" for name in names))
        tables.append(Table("Trained networks", header, tuple(_top1(network, names, by_case) for network in labelled)))
    header = ("network", *map(display, names), "ngc - best peer")
    tables.append(Table("SQNR at the logits, dB", header, tuple(_noise(network, names, by_case) for network in networks)))
    return Section("Accuracy of int8", _TEXT, tuple(tables))


def _top1(network: str, names: Sequence[str], rows: dict[tuple[str, str], Accuracy]) -> tuple[Cell, ...]:
    found = [rows.get((network, name)) for name in names]
    fp32 = next((item.fp32_top1 for item in found if item is not None), None)
    cells = ["" if item is None or item.int8_top1 is None else f"{item.int8_top1:.2%}, {item.agreement:.2%}" for item in found]
    return tuple(map(Cell, (network, "" if fp32 is None else f"{fp32:.2%}", *cells)))


def _noise(network: str, names: Sequence[str], rows: dict[tuple[str, str], Accuracy]) -> tuple[Cell, ...]:
    found = {name: rows[network, name].sqnr_db for name in names if (network, name) in rows}
    best = max(found.values())
    cells = [Cell(f"{found[name]:.1f}" if name in found else "", Mark.FASTEST if found.get(name) == best else Mark.NONE) for name in names]
    peers = [noise for name, noise in found.items() if name != NGC]
    gain = found[NGC] - max(peers) if NGC in found and peers else None
    return (Cell(network), *cells, Cell("" if gain is None else f"{gain:+.1f}", Mark.LOST if gain is not None and gain < 0 else Mark.NONE))
