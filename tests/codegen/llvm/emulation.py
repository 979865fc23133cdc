"""Runs AArch64 object code on a machine of another architecture: linked with a driver of a few instructions, under user-mode emulation.

The driver maps its standard input, one file that holds every operand and a list of calls, shared: what the code writes is in the file afterwards.
Nothing of a C library is linked, so code that calls libm or compiler-rt does not link; the few system calls that the thread team makes stand in
the driver.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from ngc.codegen.llvm import jit, team
from ngc.codegen.program import Program
from ngc.runtime.tensors import check_feeds, check_out
from ngc.target import CpuTarget, parse_target

_PREFIX = "aarch64-linux-gnu-"
_TOOLS = ("qemu-aarch64", f"{_PREFIX}as", f"{_PREFIX}ld")
_MACHINES = {"generic": "cortex-a53", "cortex-a72": "cortex-a72", "neoverse-n1": "neoverse-n1"}
"""The processor that is emulated for each of LLVM's; the oldest for the generic one, so that later instructions trap."""

# The file begins with the numbers of relocations and of calls. Relocations are positions of words to which the address of the mapping is added; a call
# is four arguments and the index of a function.
_DRIVER = """
    .text
    .global _start, syscall, sched_yield, pthread_create, pthread_detach
_start:
    mov x0, #0
    mov x1, #0
    mov x2, #2
    mov x8, #62                 // lseek(0, 0, SEEK_END)
    svc #0
    mov x1, x0
    mov x0, #0
    mov x2, #3
    mov x3, #1
    mov x4, #0
    mov x5, #0
    mov x8, #222                // mmap(0, size, READ | WRITE, SHARED, 0, 0)
    svc #0
    cmn x0, #1, lsl #12
    b.hi failed
    mov x19, x0
    ldp x20, x21, [x19]
    add x22, x19, #16
relocate:
    cbz x20, calls
    ldr x0, [x22], #8
    ldr x1, [x19, x0]
    add x1, x1, x19
    str x1, [x19, x0]
    sub x20, x20, #1
    b relocate
calls:
    cbz x21, done
    ldp x0, x1, [x22], #16
    ldp x2, x3, [x22], #16
    ldr x4, [x22], #8
    adrp x5, functions
    add x5, x5, :lo12:functions
    ldr x5, [x5, x4, lsl #3]
    blr x5
    sub x21, x21, #1
    b calls
done:
    mov x0, #0
    mov x8, #94                 // exit_group
    svc #0
failed:
    mov x0, #99
    mov x8, #94
    svc #0

syscall:
    mov x8, x0
    mov x0, x1
    mov x1, x2
    mov x2, x3
    mov x3, x4
    mov x4, x5
    mov x5, x6
    svc #0
    ret
sched_yield:
    mov x8, #124
    svc #0
    ret
pthread_create:
    stp x19, x20, [sp, #-16]!
    mov x19, x2
    mov x20, x3
    mov x0, #0
    mov x1, #0x100000
    mov x2, #3
    mov x3, #0x22
    mov x4, #-1
    mov x5, #0
    mov x8, #222                // mmap: a stack
    svc #0
    add x1, x0, #0x100, lsl #12
    mov x0, #0x0f00
    movk x0, #0x5, lsl #16
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #220                // clone(VM | FS | FILES | SIGHAND | THREAD | SYSVSEM)
    svc #0
    cbz x0, thread
    ldp x19, x20, [sp], #16
pthread_detach:
    mov x0, #0
    ret
thread:
    mov x0, x20
    blr x19
    mov x0, #0
    mov x8, #93                 // exit of this thread alone
    svc #0

    .section .rodata
    .balign 8
functions:
"""


@dataclass(frozen=True)
class Executable:
    """A static AArch64 executable and the processor that it is run on; its functions are known by their position."""

    image: bytes = field(repr=False)
    machine: str


def require_tools() -> None:
    """Skips the test where the emulator or the linker is missing."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found: apt-get install qemu-user binutils-aarch64-linux-gnu")


def link(objects: Sequence[bytes], functions: Sequence[str], target: CpuTarget, assembly: str = "") -> Executable:
    """Returns an executable of the objects, and of some more assembly, whose driver can call the given functions."""
    require_tools()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "driver.s").write_text(_DRIVER + "".join(f"    .quad {symbol}\n" for symbol in functions) + assembly)
        _tool(f"{_PREFIX}as", "-o", root / "driver.o", root / "driver.s")
        paths = [root / f"{number}.o" for number, _ in enumerate(objects)]
        for path, image in zip(paths, objects, strict=True):
            path.write_bytes(image)
        _tool(f"{_PREFIX}ld", "-static", "--fatal-warnings", "-z", "noexecstack", "-o", root / "program", root / "driver.o", *paths)
        return Executable((root / "program").read_bytes(), _MACHINES[target.cpu])


@lru_cache(maxsize=256)
def link_kernel(image: bytes, symbol: str, target: CpuTarget) -> Executable:
    """Returns an executable of one kernel, the same for the same image."""
    return link([image], [symbol], target)


def _tool(*command: object) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


class Operands:
    """The file that a run maps: arrays at chosen places, the pointers between them, the calls."""

    _ALIGNMENT = 128

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[np.ndarray, int]] = {}  # by address: the same array twice is one operand
        self._tables: list[tuple[list[int], int]] = []
        self._pointers: list[int] = []
        self._calls: list[tuple[int, int, int, int, int]] = []
        self._size = 0

    def _reserve(self, size: int, phase: int = 0) -> int:
        self._size += -self._size % self._ALIGNMENT + phase
        place = self._size
        self._size += size
        return place

    def array(self, array: np.ndarray) -> int:
        """Adds a contiguous array; returns its place, aligned as the array itself is."""
        address = array.ctypes.data
        if address not in self._arrays:
            self._arrays[address] = array, self._reserve(array.nbytes, address % self._ALIGNMENT)
        return self._arrays[address][1]

    def words(self, values: Sequence[int], pointers: Iterable[int] = ()) -> int:
        """Adds 64-bit words, those at the given positions being places that become pointers; returns their place."""
        place = self._reserve(8 * len(values))
        self._tables.append((list(values), place))
        self._pointers += [place + 8 * position for position in pointers]
        return place

    def call(self, function: int, arguments: Sequence[int], pointers: Iterable[int] = ()) -> None:
        """Adds a call; arguments at the given positions are places that become pointers."""
        padded = [*arguments, *[0] * (4 - len(arguments))]
        # The words of the calls follow the list of relocations; their place is known in the end.
        self._pointers += [-1 - (40 * len(self._calls) + 8 * position) for position in pointers]
        self._calls.append((padded[0], padded[1], padded[2], padded[3], function))

    def run(self, executable: Executable, timeout: float = 120.0) -> None:
        """Runs the calls under emulation; the arrays then hold what the code wrote."""
        calls_at = 16 + 8 * len(self._pointers)
        base = calls_at + 40 * len(self._calls)
        base += -base % self._ALIGNMENT
        content = np.zeros(base + self._size, np.uint8)
        places = [base + p if p >= 0 else calls_at - 1 - p for p in self._pointers]
        head = [len(places), len(self._calls), *places, *(word for call in self._calls for word in call)]
        content[: 8 * len(head)] = np.array(head, np.int64).view(np.uint8)
        for array, place in self._arrays.values():
            content[base + place : base + place + array.nbytes] = array.reshape(-1).view(np.uint8)
        for values, place in self._tables:
            content[base + place : base + place + 8 * len(values)] = np.array(values, np.int64).view(np.uint8)
        words = content[: content.size // 8 * 8].view(np.int64)
        for place in places:  # from places among the operands to places in the file; the driver adds the address of the mapping
            words[place // 8] += base
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
            program = Path(folder, "program")
            program.write_bytes(executable.image)
            program.chmod(0o700)
            content.tofile(file)
            file.flush()
            command = ["qemu-aarch64", "-cpu", executable.machine, str(program)]
            result = subprocess.run(command, stdin=file, capture_output=True, text=True, timeout=timeout, check=False)
            assert result.returncode == 0, f"emulation ended with {result.returncode}: {result.stderr}"
            file.seek(0)
            content = np.fromfile(file, np.uint8)
        for array, place in self._arrays.values():
            if array.flags.writeable:
                array.reshape(-1).view(np.uint8)[:] = content[base + place : base + place + array.nbytes]


def run_kernel(executable: Executable, memories: Mapping[int, np.ndarray], pointers: Sequence[int], n: int, parts: Iterable[tuple[int, int]]) -> None:
    """Runs the parts of a kernel's work.

    Args:
        executable: what `link_kernel` returned.
        memories: arrays by address, whole with whatever surrounds the operands.
        pointers: the operands' addresses, each inside one of the memories.
        n: the batch.
        parts: ranges of work items, in the order in which they run.
    """
    operands = Operands()
    places = []
    for pointer in pointers:
        address, memory = next((a, m) for a, m in memories.items() if a <= pointer <= a + m.nbytes)
        places.append(operands.array(memory) + pointer - address)
    table = operands.words(places, range(len(places)))
    for begin, end in parts:
        operands.call(0, (table, n, begin, end), [0])
    operands.run(executable)


_RUN_TEAM = """
    .text
run_team:                       // (team, context): ngc_team_run(team, program, context, spins, spins)
    mov x2, x1
    adrp x1, {entry}
    add x1, x1, :lo12:{entry}
    mov w3, #1000
    mov w4, #1000
    b ngc_team_run
"""


def run_program(program: Program, feeds: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
    """Returns the outputs of a whole program, run on a thread team of its own with NaN in the arena beforehand."""
    target = parse_target(program.target)
    native_team = jit.compile_object(team.emit_team(target.triple), target.cpu, target.features)
    objects = [*{id(image): image for image in program.objects.values()}.values(), native_team]
    executable = link(objects, ["ngc_team_grow", "run_team", program.entry], target, _RUN_TEAM.format(entry=program.entry))
    arrays, batch = check_feeds(feeds, program.inputs)
    results = check_out(None, program.outputs, batch)
    operands = Operands()
    arena, weights, state = _aligned(program.arena_bytes(batch, threads)), _aligned(program.weights.nbytes), _aligned(team.STATE_BYTES)
    arena[:], weights[:], state[:] = 0xFF, program.weights.view(np.uint8), 0
    inputs, outputs = (operands.words([operands.array(array) for array in group], range(len(group))) for group in (arrays, results))
    places = [operands.array(arena), operands.array(weights), inputs, outputs, 0, operands.array(state)]
    context = operands.words([1, threads, batch, *places, program.scratch, *[0] * 6], (3, 4, 5, 6, 8))
    if threads == 1:
        operands.call(2, (context,), [0])
    else:
        operands.call(0, (places[5], 1, threads), [0])
        operands.call(1, (places[5], context), [0, 1])
    operands.run(executable)
    return results


def _aligned(size: int) -> np.ndarray:
    """Returns bytes at an address that suits vectors and the team's state."""
    memory = np.empty(size + 128, np.uint8)
    start = -memory.ctypes.data % 128
    return memory[start : start + size]
