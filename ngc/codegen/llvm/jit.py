"""The one door to LLVM: text IR in, object code or assembly out, and objects loaded into this process.

No other file of ngc imports `llvmlite.binding`. LLVM serves one thread at a time in a process (llvmlite locks it), so
cold compilation of many kernels belongs in `compile_pool`, which calls `compile_object` in processes of its own.
"""

import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import llvmlite.binding as llvm

from ngc.errors import CodegenError

_TRIPLE = re.compile(r'^\s*target triple = "([^"]+)"', re.MULTILINE)
_PARSE_POSITION = re.compile(r"<string>:(\d+):(\d+): error: (.*)")

# Held around every use of LLVM and across fork, so that a forked child never inherits LLVM in mid-use.
_lock = threading.RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@functools.cache
def llvm_version() -> str:
    """Returns the versions of llvmlite and LLVM, as they stand in cache keys and artifacts."""
    import llvmlite

    return f"llvmlite {llvmlite.__version__} LLVM {'.'.join(map(str, llvm.llvm_version_info))}"


@functools.cache
def host_triple() -> str:
    """Returns the target triple of this process."""
    triple: str = llvm.get_process_triple()
    return triple


@functools.cache
def host_cpu() -> tuple[str, str]:
    """Returns LLVM's name for this machine's processor and its full feature string."""
    with _lock:
        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def compile_object(ir_text: str, cpu: str, features: str, opt: int = 3, passes: bool = False) -> bytes:
    """Returns position-independent object code for a module of LLVM IR text.

    Args:
        ir_text: a whole module; its `target triple` line chooses the architecture, this machine's when absent.
        cpu: LLVM's processor name, which also chooses the scheduling model.
        features: LLVM's feature string, such as "+avx2,+fma"; may be empty.
        opt: the code generator's level, 0 to 3.
        passes: run LLVM's scalar clean-up (promotion of memory to registers, combining, invariant motion) first, with
            vectorizers and unrolling off. Kernels are written in their final form and need none.

    Raises:
        CodegenError: the text does not parse or verify, or LLVM does not know the architecture.
    """
    with _compiled(ir_text, cpu, features, opt, passes) as (machine, module):
        obj: bytes = machine.emit_object(module)
        return obj


def compile_assembly(ir_text: str, cpu: str, features: str, opt: int = 3, passes: bool = False) -> str:
    """Returns the assembly of what `compile_object` would return for the same arguments."""
    with _compiled(ir_text, cpu, features, opt, passes) as (machine, module):
        text: str = machine.emit_assembly(module)
        return text


@contextmanager
def _compiled(
    ir_text: str, cpu: str, features: str, opt: int, passes: bool
) -> Iterator[tuple[llvm.TargetMachine, llvm.ModuleRef]]:
    """Yields the target machine and the verified module that belong to one compilation."""
    found = _TRIPLE.search(ir_text)
    triple = found.group(1) if found else host_triple()
    with _lock:
        machine = _target_machine(triple, cpu, features, opt)
        # A context of its own keeps LLVM's tables of types and constants from growing with every kernel.
        context = llvm.context.create_context()
        try:
            module = llvm.parse_assembly(ir_text, context)
        except RuntimeError as error:
            context.close()
            raise CodegenError(_parse_message(ir_text, str(error))) from None
        try:
            module.triple = triple
            module.data_layout = str(machine.target_data)
            try:
                module.verify()
            except RuntimeError as error:
                raise CodegenError(f"LLVM rejects the generated module {_defined(ir_text)}: {error}") from None
            if passes:
                _clean_up(machine, module)
            yield machine, module
        finally:
            module.close()
            context.close()


def _parse_message(ir_text: str, error: str) -> str:
    """Returns LLVM's parse error with the line of IR that it points at."""
    found = _PARSE_POSITION.search(error)
    if not found:
        return f"LLVM cannot parse the generated module {_defined(ir_text)}: {error}"
    line, column, what = int(found.group(1)), int(found.group(2)), found.group(3)
    source = ir_text.splitlines()[line - 1] if line <= len(ir_text.splitlines()) else ""
    return (
        f"LLVM cannot parse the generated module {_defined(ir_text)}, line {line}: {what}\n"
        f"  {source}\n  {' ' * max(column - 1, 0)}^"
    )


def _defined(ir_text: str) -> str:
    """Returns the names of the functions that a module defines, for messages."""
    names = re.findall(r"^define [^@]*@([\w.$]+)", ir_text, re.MULTILINE)
    return ", ".join(names[:4]) or "(it defines no function)"


@functools.lru_cache(maxsize=32)
def _target_machine(triple: str, cpu: str, features: str, opt: int) -> llvm.TargetMachine:
    _initialize()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError as error:
        raise CodegenError(f"this LLVM cannot generate code for {triple}: {error}") from None
    # 'small' and 'pic' make one object serve the JIT and a saved artifact; the default would use 64-bit absolute
    # addresses for every constant.
    return target.create_target_machine(cpu=cpu, features=features, opt=opt, reloc="pic", codemodel="small")


@functools.cache
def _initialize() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _clean_up(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> None:
    """Runs LLVM's standard scalar pipeline on a module, without vectorizers and unrolling."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    options.loop_vectorization = False
    options.loop_interleaving = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    manager = builder.getModulePassManager()
    manager.run(module, builder)
    manager.close()
    builder.close()
    options.close()


class Library:
    """Object images linked into this process, and the addresses of their functions.

    The code stays mapped until `close` or until the last reference goes, so whoever holds an address also holds the
    library. Each library owns a JIT of its own: symbols of two libraries never meet, and freeing one frees all of it.
    """

    def __init__(self, objects: Mapping[str, bytes], imports: Mapping[str, int] | None = None) -> None:
        """Links all objects at once.

        Args:
            objects: per exported symbol, the image that defines it; one image may stand under several symbols.
            imports: addresses of the functions that the objects call but do not define.

        Raises:
            CodegenError: a symbol is missing or defined twice, or LLVM refuses an image.
        """
        self.addresses: dict[str, int] = {}
        self._jit: llvm.orcjit.LLJIT | None = None
        self._tracker: llvm.orcjit.ResourceTracker | None = None
        if not objects:
            return
        builder = llvm.JITLibraryBuilder()
        for image in {id(image): image for image in objects.values()}.values():
            builder.add_object_img(image)
        for symbol in objects:
            builder.export_symbol(symbol)
        for symbol, address in (imports or {}).items():
            builder.import_symbol(symbol, address)
        with _lock:
            _initialize()
            jit = llvm.create_lljit_compiler(use_jit_link=True, suppress_errors=True)
            try:
                tracker = builder.link(jit, "ngc")
            except RuntimeError as error:
                jit.close()
                raise CodegenError(f"LLVM cannot link {_some(list(objects))}: {error}") from None
            self._jit, self._tracker = jit, tracker
            self.addresses = {symbol: tracker[symbol] for symbol in objects}

    def close(self) -> None:
        """Unmaps the code; every address of this library is invalid from here on."""
        self.addresses = {}
        with _lock:
            if self._tracker is not None:
                self._tracker.close()
                self._tracker = None
            if self._jit is not None:
                self._jit.close()
                self._jit = None

    def make_permanent(self) -> None:
        """Leaves the code mapped to the end of the process, whatever becomes of this object."""
        with _lock:
            if self._tracker is not None and self._jit is not None:
                self._tracker.detach()
                self._jit.detach()
                self._tracker = self._jit = None


def load_objects(objects: Mapping[str, bytes], imports: Mapping[str, int] | None = None) -> Library:
    """Returns a library of the objects, with the address of each symbol in `addresses`."""
    return Library(objects, imports)


def _some(names: list[str]) -> str:
    """Returns a few names and how many more there are, for messages."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
