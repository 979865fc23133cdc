"""What TensorRT says: to `logging`, and kept so that errors can quote it.

A process has one logger for each library, as long as it lives: TensorRT keeps the first that it is given for whatever comes later.
"""

import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_log = logging.getLogger("ngc.tensorrt")

_KEPT = 20
"""How many errors are kept."""

_LEVELS = {"WARNING": logging.WARNING, "INFO": logging.INFO, "VERBOSE": logging.DEBUG}

_ERRORS = ("INTERNAL_ERROR", "ERROR")
"""Those that matter become an EngineError; only who wants to see everything sees them here too."""

_NO_DRIVER = ("CUDA driver version is insufficient", "no CUDA-capable device")
"""What CUDA says where there is no GPU, which a build for named capabilities need not have."""


_CUDA = re.compile(r"cudaError [0-9]+: [^)]*")


class Messages:
    """What one library said.

    Attributes:
        logger: what the library is given.
        errors: the last errors, oldest first.
        warnings: the last warnings, oldest first.
        interrupt: what was raised while the library called back, such as KeyboardInterrupt; C++ must not see it, so it waits here.
    """

    def __init__(self, library: Any) -> None:
        self.errors: deque[str] = deque(maxlen=_KEPT)
        self.warnings: deque[str] = deque(maxlen=_KEPT)
        self.interrupt: BaseException | None = None
        self.is_verbose = False
        self._building = Lock()
        self.logger = _logger(library, self)

    def say(self, severity: str, text: str) -> None:
        """Records and passes on one message; raises nothing."""
        level = _LEVELS.get(severity, logging.DEBUG)
        if severity in _ERRORS:
            self.errors.append(text)
            level = logging.WARNING if self.is_verbose else logging.DEBUG
        elif "Int64 binding" in text:  # the parser tells of every one, and the build compares them all
            level = logging.DEBUG
        elif severity == "WARNING":
            self.warnings.append(text)
        elif severity == "INFO" and not self.is_verbose:
            level = logging.DEBUG
        self.guard(_log.log, level, "%s", text)

    def guard(self, function: Any, *arguments: Any) -> None:
        """Calls a function from a callback and keeps what it raises."""
        try:
            function(*arguments)
        except BaseException as error:  # also KeyboardInterrupt, which must not unwind through C++
            self.interrupt = self.interrupt or error

    @contextmanager
    def alone(self, *, verbose: bool = False) -> Iterator[None]:
        """Lets one caller at a time use the library, so that what it says is about that caller's work; raises what was interrupted."""
        with self._building:
            self.errors.clear()
            self.warnings.clear()
            self.interrupt, self.is_verbose = None, verbose
            try:
                yield
            finally:
                self.is_verbose = False
                interrupt, self.interrupt = self.interrupt, None
                if interrupt is not None:
                    raise interrupt

    def quote(self, most: int = 5) -> str:
        """Returns the last errors in one text; that there is no GPU only where nothing else was said."""
        errors = [text for text in map(without_noise, self.errors) if text] or list(self.errors)
        return "; ".join(list(dict.fromkeys(errors))[-most:]) or "it gave no reason"


def cuda_reason(texts: Iterable[str]) -> str:
    """Returns what CUDA itself said in some messages, such as "cudaError 35: ...", empty where it said nothing."""
    return next((found.group() for found in map(_CUDA.search, texts) if found), "")


def without_noise(text: str) -> str:
    """Returns a message without its lines that only say that there is no GPU."""
    return " ".join(line.strip() for line in text.splitlines() if not any(noise in line for noise in _NO_DRIVER))


_messages: dict[str, Messages] = {}
_first = Lock()


def messages_of(library: Any) -> Messages:
    """Returns what a library says in this process."""
    with _first:
        if library.__name__ not in _messages:
            _messages[library.__name__] = Messages(library)
        return _messages[library.__name__]


def _logger(library: Any, messages: Messages) -> Any:
    class Logger(library.ILogger):  # type: ignore[misc]  # the library is known at run time only
        """Hands messages on."""

        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, text: str) -> None:
            messages.say(severity.name, text)

    return Logger()
