"""The process that runs MXNet: requests on its standard input, answers on what was its standard output.

A request is a symbol's JSON, its arrays by name, whether numpy's rules hold, and whether MXNet must not have run anything before. An answer is a pair of a
state and its content: `("computed", arrays)`, `("refused", message)`, `("aborted", message)` or `("hung", message)`. MXNet is imported once, which takes
seconds; a fork of this process then runs the cases, one after the other, so that one that kills MXNet costs another fork and nothing else. Run as
`python -m bench.differential.mxnet_worker SECONDS`, the time that a case may take.
"""

import os
import select
import signal
import sys
import tempfile
from typing import Any, BinaryIO

from bench.differential.framing import receive, send
from ngc.importer.mxnet_live import import_mxnet


def _compute(mx: Any, text: str, feeds: dict[str, Any], numpy: bool) -> tuple[str, Any]:
    try:
        with mx.util.np_shape(numpy), mx.util.np_array(numpy):
            symbol = mx.sym.load_json(text)
            make = mx.np.array if numpy else mx.nd.array
            arrays = {name: make(values, dtype=values.dtype) for name, values in feeds.items()}
            args = {name: arrays[name] for name in symbol.list_arguments()}
            states = {name: arrays[name] for name in symbol.list_auxiliary_states()}
            executor = symbol.bind(mx.cpu(), args, aux_states=states, grad_req="null")
            return "computed", [output.asnumpy() for output in executor.forward(is_train=False)]
    except (mx.base.MXNetError, ValueError, TypeError) as error:
        return "refused", str(error)


class _Fork:
    """A fork that answers cases until one of them kills it."""

    def __init__(self, mx: Any) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _close()
        to_fork, from_fork = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(to_fork[1])
            os.close(from_fork[0])
            os.dup2(self._said.fileno(), 2)
            self._serve(mx, os.fdopen(to_fork[0], "rb"), os.fdopen(from_fork[1], "wb"))
        os.close(to_fork[0])
        os.close(from_fork[1])
        self._requests, self._answers = os.fdopen(to_fork[1], "wb"), os.fdopen(from_fork[0], "rb")

    @staticmethod
    def _serve(mx: Any, requests: BinaryIO, answers: BinaryIO) -> None:
        try:
            while True:
                send(answers, _compute(mx, *receive(requests)))
        except EOFError:
            os._exit(0)
        finally:
            os._exit(1)

    def answer(self, request: Any, seconds: float) -> tuple[tuple[str, Any], bool]:
        """Returns the answer, and whether the fork lives on."""
        send(self._requests, request)
        ready, _, _ = select.select([self._answers], [], [], seconds)
        if not ready:
            self.end()
            return ("hung", f"no answer in {seconds:g} s"), False
        try:
            return receive(self._answers), True
        except EOFError:
            return ("aborted", self._last_words()), False

    def _last_words(self) -> str:
        _, status = os.waitpid(self._pid, 0)
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines()]
        said = [line for line in lines if "Check failed" in line or "Segmentation fault" in line]
        code = os.waitstatus_to_exitcode(status)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._close()
        return f"{how}: {said[-1]}" if said else how

    def end(self) -> None:
        """Ends the fork."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._close()

    def _close(self) -> None:
        for stream in (self._requests, self._answers, self._said):
            stream.close()


def serve(requests: BinaryIO, answers: BinaryIO, seconds: float) -> None:
    """Answers requests until the stream ends."""
    mx = import_mxnet()
    fork, used = _Fork(mx), False
    while True:
        try:
            request = receive(requests)
        except EOFError:
            fork.end()
            return
        # A case that wrote where it must not may kill a later one, so a death is believed of a new fork only.
        *question, fresh = request
        if fresh and used:
            fork.end()
            fork, used = _Fork(mx), False
        answer, alive = fork.answer(question, seconds)
        if not alive and used:
            fork = _Fork(mx)
            answer, alive = fork.answer(question, seconds)
        send(answers, answer)
        used = alive
        if not alive:
            fork = _Fork(mx)


if __name__ == "__main__":
    # What MXNet prints must not get between the answers.
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, own, float(sys.argv[1]))
