"""Small native programs that tests run on the thread team. Also imported by the subprocesses that tests start."""

import ctypes
from dataclasses import dataclass, field

from ngc.codegen.llvm import jit
from ngc.runtime import team
from ngc.runtime.context import Context

# Every phase, each thread writes the phase into its own line of the arena, meets the others, and counts how many of
# them have not written it; a second meeting keeps the next phase from coming early. Line t of the arena is
# i64 phase, i64 mistakes, i64 phases done. Loop-carried loads are volatile so that none is hoisted.
PHASES = """
declare void @ngc_barrier(ptr)
define void @phases(ptr %ctx) {
entry:
  %thread.ptr = getelementptr i8, ptr %ctx, i64 4
  %thread = load i32, ptr %thread.ptr
  %threads.ptr = getelementptr i8, ptr %ctx, i64 8
  %threads = load i32, ptr %threads.ptr
  %n.ptr = getelementptr i8, ptr %ctx, i64 16
  %n = load i64, ptr %n.ptr
  %arena.ptr = getelementptr i8, ptr %ctx, i64 24
  %arena = load ptr, ptr %arena.ptr
  %mine = getelementptr [64 x i8], ptr %arena, i32 %thread
  %mistakes.ptr = getelementptr i8, ptr %mine, i64 8
  %done.ptr = getelementptr i8, ptr %mine, i64 16
  br label %phase
phase:
  %p = phi i64 [ 1, %entry ], [ %p.next, %phase.end ]
  store i64 %p, ptr %mine
  call void @ngc_barrier(ptr %ctx)
  br label %look
look:
  %t = phi i32 [ 0, %phase ], [ %t.next, %look ]
  %other = getelementptr [64 x i8], ptr %arena, i32 %t
  %seen = load volatile i64, ptr %other
  %wrong = icmp ne i64 %seen, %p
  %one = zext i1 %wrong to i64
  %count = load i64, ptr %mistakes.ptr
  %count.next = add i64 %count, %one
  store i64 %count.next, ptr %mistakes.ptr
  %t.next = add i32 %t, 1
  %more.threads = icmp slt i32 %t.next, %threads
  br i1 %more.threads, label %look, label %phase.end
phase.end:
  %done = load i64, ptr %done.ptr
  %done.next = add i64 %done, 1
  store i64 %done.next, ptr %done.ptr
  call void @ngc_barrier(ptr %ctx)
  %p.next = add i64 %p, 1
  %more = icmp sle i64 %p.next, %n
  br i1 %more, label %phase, label %end
end:
  ret void
}
"""

# Each thread stores 1e-30 * 1e-10, a denormal unless the floating-point mode flushes it.
DENORMAL = """
define void @denormal(ptr %ctx) {
  %thread.ptr = getelementptr i8, ptr %ctx, i64 4
  %thread = load i32, ptr %thread.ptr
  %arena.ptr = getelementptr i8, ptr %ctx, i64 24
  %arena = load ptr, ptr %arena.ptr
  %mine = getelementptr float, ptr %arena, i32 %thread
  %a = load volatile float, ptr @small
  %b = fmul float %a, 0x3DDB7CDFE0000000
  store float %b, ptr %mine
  ret void
}
@small = internal global float 0x39B4484C00000000
"""


@dataclass
class Program:
    """A loaded test program and its address."""

    text: str
    symbol: str
    address: int = field(init=False)

    def __post_init__(self) -> None:
        image = jit.compile_object(self.text, *jit.host_cpu())
        self.library = jit.load_objects({self.symbol: image}, {"ngc_barrier": team.barrier_address()})
        self.address = self.library.addresses[self.symbol]


def run_phases(program: Program, threads: int, phases: int) -> tuple[list[int], list[int]]:
    """Runs `PHASES` and returns per thread the phases done and the mistakes seen."""
    arena = (ctypes.c_int64 * (8 * threads))()
    team.run_program(program.address, Context(n=phases, arena=ctypes.addressof(arena)), threads)
    return list(arena[2::8]), list(arena[1::8])
