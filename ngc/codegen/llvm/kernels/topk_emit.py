"""Emits a `TopkKernel`: words of a row into the buffer, the sort, and the elements that the first words point at."""

import math

from ngc.codegen.llvm.kernels.arithmetic import Arithmetic, is_float
from ngc.codegen.llvm.kernels.elements import SIZES, STORED
from ngc.codegen.llvm.kernels.elements import load as load_elements
from ngc.codegen.llvm.kernels.expression import KINDS
from ngc.codegen.llvm.kernels.merge_sort import MergeSort
from ngc.codegen.llvm.kernels.topk import TopkKernel
from ngc.codegen.llvm.text import I1, I32, I64, Builder, Index, Value, as_value, vector
from ngc.target import CpuTarget


class TopkEmitter:
    """Emits one kernel into a function."""

    def __init__(self, kernel: TopkKernel, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.b, self.target = kernel, b, target
        self.math = Arithmetic(b, target)
        self.x, self.values, self.indices, self.buffer = (b.load_pointer(b.argument(0), position) for position in range(4))
        self.word = f"i{kernel.word_bits}"
        self.word_bytes = kernel.word_bits // 8
        self.key = I64 if kernel.word_bits == 128 else I32
        self.other = b.gep(self.buffer, kernel.capacity, self.word)
        self.sort = MergeSort(b.module, kernel.capacity, self.word, b.attributes)

    def emit(self) -> None:
        """Emits the loop over this thread's rows."""
        kernel, b = self.kernel, self.b
        if kernel.selects:
            self.count, self.bound = b.alloca(I64), b.alloca(self.word)
        with b.loop(b.argument(2), b.argument(3), hint="item") as item:
            row, column = b.div(item.index, kernel.inner), b.rem(item.index, kernel.inner)
            base = b.add(b.mul(row, kernel.axis * kernel.inner), column)
            result = b.add(b.mul(row, kernel.k * kernel.inner), column)
            if kernel.selects:
                self._select(base)
            else:
                with b.loop(0, kernel.axis) as step:
                    self._store_word(self._word(base, step.index), step.index)
                for position in range(kernel.axis, kernel.capacity):
                    self._store_word(self._last(), position)
                self.sort.call(b, self.buffer, self.other)
            with b.loop(0, kernel.k) as step:
                self._write(base, b.add(result, b.mul(step.index, kernel.inner)), step.index)
        b.ret()

    # -- words ------------------------------------------------------------------------------------------------------

    def _key(self, stored: Value, lanes: int) -> Value:
        """Returns unsigned integers that compare as elements do in the order that is wanted."""
        b, kernel, kind = self.b, self.kernel, KINDS[self.kernel.dtype]
        value = self.math.register(stored, kernel.dtype)
        bits = vector(lanes, self.key)
        top = 1 << (int(self.key[1:]) - 1)
        if is_float(kind):
            value = self.math.binary("add", kind, value, self.math.constant(kind, 0.0, lanes))  # -0 becomes 0
            value = b.select(b.fcmp("uno", value, value), self.math.constant(kind, math.nan, lanes), value)
            raw = b.cast("bitcast", value, bits)
            # Of negative numbers all bits are turned, of others the sign.
            sign = b.define(bits, f"ashr {raw}, {b.integer(bits, int(self.key[1:]) - 1).name}")
            turned = b.define(bits, f"or {sign}, {b.integer(bits, -top).name}")
            key = b.define(bits, f"xor {raw}, {turned.name}")
        else:
            key = b.define(bits, f"xor {value}, {b.integer(bits, -top).name}")
        return b.define(bits, f"xor {key}, {b.integer(bits, -1).name}") if kernel.largest else key

    def _join(self, key: Value, index: Index) -> Value:
        b, half = self.b, self.kernel.word_bits // 2
        high = b.define(self.word, f"shl {b.cast('zext', key, self.word)}, {half}")
        low = as_value(index)
        low = low if self.word == I64 else b.cast("zext", low, self.word)
        return b.define(self.word, f"or {high}, {low.name}")

    def _word(self, base: Index, position: Index) -> Value:
        """Returns the word of one element of a row."""
        b, dtype = self.b, self.kernel.dtype
        at = b.add(base, b.mul(position, self.kernel.inner))
        stored = b.load(STORED[dtype], b.gep(self.x, at, STORED[dtype]), SIZES[dtype])
        return self._join(self._key(stored, 1), position)

    def _last(self) -> Value:
        """The word behind all others."""
        return Value(self.word, "-1")

    def _store_word(self, word: Value, position: Index) -> None:
        self.b.store(word, self.b.gep(self.buffer, position, self.word), self.word_bytes)

    # -- selection --------------------------------------------------------------------------------------------------

    def _select(self, base: Index) -> None:
        """Fills the buffer with candidates, and sorts what is left in it at the end."""
        b, kernel = self.b, self.kernel
        b.store(Value(I64, "0"), self.count, 8)
        b.store(self._last(), self.bound, self.word_bytes)
        lanes = self.target.vector_bits // 32 if self.key == I32 and kernel.inner == 1 else 1
        whole = kernel.axis // lanes * lanes
        if lanes > 1:
            with b.loop(0, whole, lanes) as step:
                self._candidates(base, step.index, lanes)
        with b.loop(whole if lanes > 1 else 0, kernel.axis) as step:
            self._offer(base, step.index)
        count = b.load(I64, self.count, 8)
        with b.loop(count, kernel.capacity) as rest:
            self._store_word(self._last(), rest.index)
        self.sort.call(b, self.buffer, self.other)

    def _candidates(self, base: Index, first: Index, lanes: int) -> None:
        """Looks at neighbours together: most are no candidates once k have been seen."""
        b, dtype = self.b, self.kernel.dtype
        stored = load_elements(b, b.gep(self.x, b.add(base, first), STORED[dtype]), dtype, lanes)
        bound = b.load(self.word, self.bound, self.word_bytes)
        worst = b.cast("trunc", b.define(I64, f"lshr i64 {bound.name}, 32"), I32)
        keys = self._key(stored, lanes)
        near = b.define(vector(lanes, I1), f"icmp ule {keys}, {b.splat(worst, lanes).name}")
        some = b.cast("bitcast", near, f"i{lanes}")
        with b.when(b.define(I1, f"icmp ne {some}, 0")), b.loop(0, lanes) as lane:
            self._offer(base, b.add(first, lane.index))

    def _offer(self, base: Index, position: Index) -> None:
        """Takes an element into the buffer if it is a candidate; sorts and cuts the buffer when it is full."""
        b, kernel = self.b, self.kernel
        word = self._word(base, position)
        bound = b.load(self.word, self.bound, self.word_bytes)
        with b.when(b.define(I1, f"icmp ult {word}, {bound.name}")):
            count = b.load(I64, self.count, 8)
            self._store_word(word, count)
            more = b.add(count, 1)
            assert isinstance(more, Value)
            b.store(more, self.count, 8)
            with b.when(b.icmp("eq", more, kernel.capacity)):
                self.sort.call(b, self.buffer, self.other)
                b.store(Value(I64, str(kernel.k)), self.count, 8)
                b.store(b.load(self.word, b.gep(self.buffer, kernel.k - 1, self.word), self.word_bytes), self.bound, self.word_bytes)

    # -- results ----------------------------------------------------------------------------------------------------

    def _write(self, base: Index, result: Index, rank: Index) -> None:
        """Writes the element that the word of a rank points at, as it is stored, and its index."""
        b, dtype = self.b, self.kernel.dtype
        word = b.load(self.word, b.gep(self.buffer, rank, self.word), self.word_bytes)
        index = b.cast("trunc", word, I32)
        position = b.cast("zext", index, I64)
        at = b.add(base, b.mul(position, self.kernel.inner))
        element = b.load(STORED[dtype], b.gep(self.x, at, STORED[dtype]), SIZES[dtype])
        b.store(element, b.gep(self.values, result, STORED[dtype]), SIZES[dtype])
        b.store(index, b.gep(self.indices, result, I32), 4)
