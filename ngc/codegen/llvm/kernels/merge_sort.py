"""Sorts unsigned integers in a buffer: runs of eight by a network in registers, then merges from run to run between two buffers.

Two whole runs are merged from both ends at once: their first half, by the smaller of two heads, and their last, by the larger of two tails, neither of which
can leave its run before it has written as many words as a run has. So nothing tests for ends, and two chains of loads are under way: the parity merge of
I. van den Hoven's quadsort. What is left at the end of a pass, less than two runs, is merged with tests. The network is K. Batcher's odd-even merge sort
(Sorting Networks and Their Applications, 1968): 19 exchanges of eight words.
"""

from ngc.codegen.llvm.text import I1, I64, PTR, Builder, Index, Module, Value, as_value

RUN = 8
"""Words that the network sorts in registers; merges begin with runs of so many."""


def sorting_network(size: int) -> list[tuple[int, int]]:
    """Returns the odd-even merge sort of a power of two of elements as exchanges (low, high), in order."""
    pairs = []
    span = 1
    while span < size:
        step = span
        while step >= 1:
            for start in range(step % span, size - step, 2 * step):
                for i in range(min(step, size - start - step)):
                    if (start + i) // (2 * span) == (start + i + step) // (2 * span):
                        pairs.append((start + i, start + i + step))
            step //= 2
        span *= 2
    return pairs


class MergeSort:
    """A function of the module, `sort(buffer, other)`, that sorts `size` words (a multiple of `RUN`) of a buffer and overwrites another of its size."""

    def __init__(self, module: Module, size: int, word: str, attributes: str) -> None:
        self.size, self.word, self.bytes = size, word, int(word[1:]) // 8
        self.b = module.function("sort", ((f"{PTR} noalias", "buffer"), (f"{PTR} noalias", "other")), linkage="internal", attributes=f"{attributes} noinline")
        self._emit()

    def call(self, b: Builder, buffer: Value, other: Value) -> None:
        """Sorts in another function of the module."""
        b.call("@sort", buffer, other)

    def _emit(self) -> None:
        b = self.b
        runs = self.size // RUN
        passes = (runs - 1).bit_length()
        buffer, other = b.argument(0), b.argument(1)
        source, target = (buffer, other) if passes % 2 == 0 else (other, buffer)  # so that the last pass writes the buffer
        network = sorting_network(RUN)
        with b.loop(0, self.size, RUN) as run:
            words = [self._load(buffer, b.add(run.index, i)) for i in range(RUN)]
            for low, high in network:
                words[low], words[high] = self._extreme("umin", words[low], words[high]), self._extreme("umax", words[low], words[high])
            for i, word in enumerate(words):
                self._store(word, source, b.add(run.index, i))
        with b.loop(0, passes, carried=[source, target, Value(I64, str(RUN))]) as merge:
            read, write, width = merge.values
            self._pass(read, write, width)
            merge.carry([write, read, b.define(I64, f"shl i64 {width.name}, 1")])
        b.ret()

    def _pass(self, read: Value, write: Value, width: Value) -> None:
        """Merges neighbouring runs of a width."""
        b = self.b
        pair = b.define(I64, f"shl i64 {width.name}, 1")
        pairs = b.define(I64, f"udiv i64 {self.size}, {pair.name}")
        with b.loop(0, pairs) as whole:
            self._merge_both_ends(read, write, b.mul(whole.index, pair), width)
        start = b.mul(pairs, pair)
        with b.when(b.icmp("slt", start, self.size)):
            self._merge_rest(read, write, start, b.smin(b.add(start, width), self.size))

    def _merge_both_ends(self, read: Value, write: Value, start: Index, width: Value) -> None:
        b = self.b
        middle = b.add(start, width)
        stop = b.add(middle, width)
        ends = [b.sub(middle, 1), b.sub(stop, 1)]
        heads = [as_value(index) for index in (start, middle, *ends)]
        with b.loop(0, width, carried=heads, nonempty=True) as step:
            left, right, left_tail, right_tail = step.values
            a, c = self._load(read, left), self._load(read, right)
            less = b.define(I1, f"icmp ult {a}, {c.name}")
            self._store(b.select(less, a, c), write, b.add(start, step.index))
            y, z = self._load(read, left_tail), self._load(read, right_tail)
            more = b.define(I1, f"icmp ugt {y}, {z.name}")
            self._store(b.select(more, y, z), write, b.sub(b.sub(stop, 1), step.index))
            one, other = b.cast("zext", less, I64), b.cast("zext", more, I64)
            step.carry([as_value(index) for index in (
                b.add(left, one), b.add(right, b.sub(1, one)), b.sub(left_tail, other), b.sub(right_tail, b.sub(1, other)))])

    def _merge_rest(self, read: Value, write: Value, start: Index, middle: Index) -> None:
        """Merges a whole run, or a part of one, and what there is behind it."""
        b = self.b
        with b.loop(start, self.size, carried=[as_value(start), as_value(middle)]) as step:
            left, right = step.values
            a = self._load(read, b.smin(left, b.sub(middle, 1)))
            c = self._load(read, b.smin(right, self.size - 1))
            less = b.define(I1, f"icmp ult {a}, {c.name}")
            left_has = b.icmp("slt", left, middle)
            right_ended = b.icmp("sge", right, self.size)
            takes = b.define(I1, f"and {less}, {left_has.name}")
            takes = b.define(I1, f"or {takes}, {right_ended.name}")
            self._store(b.select(takes, a, c), write, step.index)
            one = b.cast("zext", takes, I64)
            step.carry([as_value(b.add(left, one)), as_value(b.add(right, b.sub(1, one)))])

    def _load(self, buffer: Value, index: Index) -> Value:
        return self.b.load(self.word, self.b.gep(buffer, index, self.word), self.bytes)

    def _store(self, word: Value, buffer: Value, index: Index) -> None:
        self.b.store(word, self.b.gep(buffer, index, self.word), self.bytes)

    def _extreme(self, name: str, a: Value, c: Value) -> Value:
        return self.b.intrinsic(f"llvm.{name}.{self.word}", self.word, a, c)
