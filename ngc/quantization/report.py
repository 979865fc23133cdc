"""The report of a quantized model: for every layer what it became, what that costs and what it gains."""

import io
import json
from dataclasses import asdict, dataclass

from ngc.passes.quantize.outcome import COLUMNS, LayerQuantization


@dataclass(frozen=True)
class LayerReport:
    """One layer.

    Attributes:
        layer: what became of it.
        sqnr: signal-to-quantization-noise ratio of its result in the whole int8 model, in dB; None where its result was not compared.
        noise: the noise that it adds to that of its data, relative to the signal: what the search for sensitive layers goes by.
        int8_ms: its time in the int8 model; None where it is not int8.
        fp32_ms: its time in the fp32 model.
    """

    layer: LayerQuantization
    sqnr: float | None
    noise: float
    int8_ms: float | None
    fp32_ms: float | None


@dataclass(frozen=True)
class QuantizationReport:
    """The layers of a model, and what its outputs lose.

    Attributes:
        layers: in the order of the graph.
        sqnr: at the first output, in dB.
        agreement: the share of examples whose largest first output is the same in int8 and fp32.
        examples: how many examples were compared.
        int8_ms: time of a run in int8, of the batch that was compared.
        fp32_ms: the same in fp32.
    """

    layers: tuple[LayerReport, ...]
    sqnr: float
    agreement: float
    examples: int
    int8_ms: float
    fp32_ms: float

    def table(self) -> str:
        """Returns the layers as text, in order."""
        from rich.console import Console  # only tables need it
        from rich.table import Table

        view = Table(title=f"SQNR {self.sqnr:.1f} dB, same first choice {self.agreement:.2%} of {self.examples}, "
                           f"{self.int8_ms:.2f} ms in int8, {self.fp32_ms:.2f} ms in fp32")
        for column in COLUMNS[:4]:
            view.add_column(column, overflow="fold")
        for column in (*COLUMNS[4:], "SQNR dB", "int8 ms", "fp32 ms"):
            view.add_column(column, justify="right", no_wrap=True)
        for report in self.layers:
            view.add_row(*report.layer.cells, _number(report.sqnr, 1), _number(report.int8_ms, 3), _number(report.fp32_ms, 3))
        text = io.StringIO()
        Console(file=text, width=180, color_system=None, markup=False).print(view)
        return text.getvalue()

    def to_json(self) -> str:
        """Returns everything as JSON."""
        return json.dumps(asdict(self), indent=1)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
