"""Every exception that ngc raises on purpose.

A message answers: what is wrong, where in the model, where in the IR, after which passes, and what would be accepted.
"""


MOST_SHOWN = 200
"""Characters of one value from a file that a message shows: an attribute may be megabytes long."""


def shorten(text: str, most: int = MOST_SHOWN) -> str:
    """Returns a text, its middle left out where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[:most // 2]} ... {text[-most // 2 + 5:]}"


class NgcError(Exception):
    """Base of all errors that ngc raises on purpose."""


class ImportFailure(NgcError):
    """A model file or live model cannot be read: missing, damaged, inconsistent or not a model."""


class UnsupportedOperator(NgcError):
    """The model holds operators that the importer or the target does not know; the message lists all of them."""


class ParseError(NgcError):
    """IR text or pipeline text cannot be parsed; the message shows the line and a caret.

    Attributes:
        line: of the IR's text, from 1; None for pipelines.
        what: the message without the place and the line that it shows.
    """

    def __init__(self, message: str, line: int | None = None, what: str = "") -> None:
        super().__init__(message)
        self.line, self.what = line, what or message


class VerifyError(NgcError):
    """A graph breaks an invariant of the IR.

    Attributes:
        findings: all that is wrong, each with the name of the node that it is about, empty where it is about the graph; none where the message is all.
    """

    def __init__(self, message: str, findings: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.findings = findings


class PassError(NgcError):
    """A pass failed, lied about what it changed, or was given options that it does not take."""


class CodegenError(NgcError):
    """Code for a graph cannot be generated or loaded on this machine."""


class EngineError(NgcError):
    """An engine (TensorRT, Neuron), its compiler or its device is missing or failed."""


class InputError(NgcError):
    """What the caller passed does not fit: a wrong name, shape, dtype, target or option."""


class ArtifactError(NgcError):
    """A saved executable or calibration table cannot be written or loaded: damaged, truncated, or built for another machine."""


class EvaluationError(NgcError):
    """An evaluation cannot be run, resumed or reported: what it was asked for does not fit, or what it needs is not there."""


class ManifestError(EvaluationError):
    """A manifest cannot be read, says something that does not fit, or names files that are missing or altered."""


class DatasetError(EvaluationError):
    """A data set, or one of its inputs, cannot be read: missing, damaged, or not what the model takes."""


class StoreError(EvaluationError):
    """The database of evaluations cannot be reached, read or written."""
