"""The native thread team: barrier, parked workers and the call that runs one program on all of them.

Everything waits in one way: spin a bounded number of times, yield a few times, then sleep on a futex. A word that is
waited on only ever advances. Whoever sleeps is counted before it looks at the word for the last time, and whoever
advances the word looks at that count afterwards, both sequentially consistent, so no wake-up is lost.
"""

from ngc.errors import CodegenError

MAX_THREADS = 1024
STATE_ALIGNMENT = 128

# Offsets into the team's state, in bytes. Words that different threads write stand 128 bytes apart: two cache lines,
# since processors fetch lines in pairs.
ARRIVED = 0  # i32: threads that have reached the barrier in this generation
GENERATION = 128  # i32 advanced by the barrier's last thread, then i32 sleepers
PENDING = 256  # i32: workers that still run the program
FINISHED = 384  # i32 advanced by the run's last worker, then i32 sleepers
PROGRAM = 512  # ptr: the function of this run, called with its thread's context
CONTEXT = 520  # ptr: the caller's context
FP_MODE = 528  # i64: the caller's floating-point mode
SPINS = 536  # i32: spins before yielding while a run goes on
PARK_SPINS = 540  # i32: spins of an idle worker
STOP = 544  # i32: 1 tells woken workers to end
ALIVE = 640  # i32: workers that exist
ENDED = 768  # i32 advanced by the last worker to end, then i32 sleepers
SLOTS = 1024  # one slot per thread: i32 epoch, i32 sleepers, i32 thread, 4 bytes of padding, ptr state
SLOT_BYTES = 128
STATE_BYTES = SLOTS + MAX_THREADS * SLOT_BYTES

SYMBOLS = ("ngc_barrier", "ngc_team_run", "ngc_team_grow", "ngc_team_stop", "ngc_pause", "ngc_cycles")
IMPORTS = ("syscall", "sched_yield", "pthread_create", "pthread_detach")

_YIELDS = 8
_CONTEXT_BYTES = 128

_X86 = {
    "futex": 202,
    "declarations": """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
""",
    "pause": "call void @llvm.x86.sse2.pause()",
    # The sticky exception flags (the low six bits) are the caller's own history, not its mode.
    "get_fp_mode": """
  %word = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %word)
  %mxcsr = load i32, ptr %word, align 4
  %control = and i32 %mxcsr, -64
  %mode = zext i32 %control to i64""",
    "set_fp_mode": """
  %word = alloca i32, align 4
  %mxcsr = trunc i64 %mode to i32
  store i32 %mxcsr, ptr %word, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %word)""",
}

_AARCH64 = {
    "futex": 98,
    "declarations": """
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
""",
    "pause": "call void @llvm.aarch64.hint(i32 1)",
    "get_fp_mode": """
  %mode = call i64 @llvm.aarch64.get.fpcr()""",
    "set_fp_mode": """
  call void @llvm.aarch64.set.fpcr(i64 %mode)""",
}

_TEXT = """
target triple = "@TRIPLE@"
@DECLARATIONS@
declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)

define internal i64 @get_fp_mode() nounwind {@GET_FP_MODE@
  ret i64 %mode
}

define internal void @set_fp_mode(i64 %mode) nounwind {@SET_FP_MODE@
  ret void
}

; Returns once *word differs from value; what was written before the word advanced is visible to the caller.
; The count of sleepers stands behind the word.
define internal void @wait_while(ptr %word, i32 %value, i32 %spins) nounwind noinline {
entry:
  br label %spin
spin:
  %i = phi i32 [ 0, %entry ], [ %i.next, %spin.again ]
  %v0 = load atomic i32, ptr %word acquire, align 4
  %moved0 = icmp ne i32 %v0, %value
  br i1 %moved0, label %done, label %spin.more
spin.more:
  %spinning = icmp slt i32 %i, %spins
  br i1 %spinning, label %spin.again, label %yield
spin.again:
  @PAUSE@
  %i.next = add nuw nsw i32 %i, 1
  br label %spin
yield:
  %j = phi i32 [ 0, %spin.more ], [ %j.next, %yield.again ]
  %ignored = call i32 @sched_yield()
  %v1 = load atomic i32, ptr %word acquire, align 4
  %moved1 = icmp ne i32 %v1, %value
  br i1 %moved1, label %done, label %yield.again
yield.again:
  %j.next = add nuw nsw i32 %j, 1
  %more = icmp slt i32 %j.next, @YIELDS@
  br i1 %more, label %yield, label %sleep
sleep:
  %sleepers = getelementptr inbounds i8, ptr %word, i64 4
  %counted = atomicrmw add ptr %sleepers, i32 1 seq_cst, align 4
  br label %sleeping
sleeping:
  %v2 = load atomic i32, ptr %word seq_cst, align 4
  %moved2 = icmp ne i32 %v2, %value
  br i1 %moved2, label %awake, label %nap
nap:
  ; FUTEX_WAIT_PRIVATE: returns at once when the word has moved on; any early return is caught by looking again.
  %woken = call i64 (i64, ...) @syscall(i64 @FUTEX@, ptr %word, i32 128, i32 %value, ptr null, ptr null, i32 0)
  br label %sleeping
awake:
  %uncounted = atomicrmw sub ptr %sleepers, i32 1 monotonic, align 4
  br label %done
done:
  ret void
}

; Advances *word and wakes whoever sleeps on it.
define internal void @advance(ptr %word) nounwind {
  %old = atomicrmw add ptr %word, i32 1 seq_cst, align 4
  %sleepers = getelementptr inbounds i8, ptr %word, i64 4
  %count = load atomic i32, ptr %sleepers seq_cst, align 4
  %asleep = icmp ne i32 %count, 0
  br i1 %asleep, label %wake, label %done
wake:
  ; FUTEX_WAKE_PRIVATE, all of them
  %n = call i64 (i64, ...) @syscall(i64 @FUTEX@, ptr %word, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  br label %done
done:
  ret void
}

; Returns when all threads of the run have called it; everything they wrote before is visible after.
define void @ngc_barrier(ptr %ctx) nounwind {
entry:
  %threads.ptr = getelementptr inbounds i8, ptr %ctx, i64 8
  %threads = load i32, ptr %threads.ptr, align 4
  %alone = icmp eq i32 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %team.ptr = getelementptr inbounds i8, ptr %ctx, i64 64
  %team = load ptr, ptr %team.ptr, align 8
  %generation = getelementptr inbounds i8, ptr %team, i64 @GENERATION@
  ; It cannot move before this thread has arrived.
  %current = load atomic i32, ptr %generation monotonic, align 4
  %before = atomicrmw add ptr %team, i32 1 acq_rel, align 4
  %arrived = add i32 %before, 1
  %last = icmp eq i32 %arrived, %threads
  br i1 %last, label %release, label %wait
release:
  store atomic i32 0, ptr %team monotonic, align 4
  call void @advance(ptr %generation)
  ret void
wait:
  %spins.ptr = getelementptr inbounds i8, ptr %team, i64 @SPINS@
  %spins = load i32, ptr %spins.ptr, align 4
  call void @wait_while(ptr %generation, i32 %current, i32 %spins)
  ret void
done:
  ret void
}

define internal ptr @worker(ptr %slot) nounwind {
entry:
  %ctx = alloca [@CONTEXT_BYTES@ x i8], align 64
  %thread.ptr = getelementptr inbounds i8, ptr %slot, i64 8
  %thread = load i32, ptr %thread.ptr, align 4
  %team.ptr = getelementptr inbounds i8, ptr %slot, i64 16
  %team = load ptr, ptr %team.ptr, align 8
  %park.ptr = getelementptr inbounds i8, ptr %team, i64 @PARK_SPINS@
  %stop.ptr = getelementptr inbounds i8, ptr %team, i64 @STOP@
  %program.ptr = getelementptr inbounds i8, ptr %team, i64 @PROGRAM@
  %context.ptr = getelementptr inbounds i8, ptr %team, i64 @CONTEXT@
  %mode.ptr = getelementptr inbounds i8, ptr %team, i64 @FP_MODE@
  %pending = getelementptr inbounds i8, ptr %team, i64 @PENDING@
  %finished = getelementptr inbounds i8, ptr %team, i64 @FINISHED@
  br label %park
park:
  %seen = phi i32 [ 0, %entry ], [ %epoch, %run ], [ %epoch, %last ]
  %park.spins = load atomic i32, ptr %park.ptr monotonic, align 4
  call void @wait_while(ptr %slot, i32 %seen, i32 %park.spins)
  %epoch = load atomic i32, ptr %slot acquire, align 4
  %stop = load i32, ptr %stop.ptr, align 4
  %stopping = icmp ne i32 %stop, 0
  br i1 %stopping, label %end, label %run
run:
  %source = load ptr, ptr %context.ptr, align 8
  %fields = load <16 x i64>, ptr %source, align 8
  store <16 x i64> %fields, ptr %ctx, align 64
  %ctx.thread = getelementptr inbounds i8, ptr %ctx, i64 4
  store i32 %thread, ptr %ctx.thread, align 4
  %mode = load i64, ptr %mode.ptr, align 8
  call void @set_fp_mode(i64 %mode)
  %program = load ptr, ptr %program.ptr, align 8
  call void %program(ptr %ctx)
  %left = atomicrmw sub ptr %pending, i32 1 acq_rel, align 4
  %is.last = icmp eq i32 %left, 1
  br i1 %is.last, label %last, label %park
last:
  call void @advance(ptr %finished)
  br label %park
end:
  %alive = getelementptr inbounds i8, ptr %team, i64 @ALIVE@
  %remaining = atomicrmw sub ptr %alive, i32 1 acq_rel, align 4
  %is.end = icmp eq i32 %remaining, 1
  br i1 %is.end, label %tell, label %gone
tell:
  %ended = getelementptr inbounds i8, ptr %team, i64 @ENDED@
  call void @advance(ptr %ended)
  ret ptr null
gone:
  ret ptr null
}

; Runs program(ctx) on ctx.threads threads, the calling one being thread 0. One call at a time per team.
define void @ngc_team_run(ptr %team, ptr %program, ptr %ctx, i32 %spins, i32 %park.spins) nounwind {
entry:
  %threads.ptr = getelementptr inbounds i8, ptr %ctx, i64 8
  %threads = load i32, ptr %threads.ptr, align 4
  %program.ptr = getelementptr inbounds i8, ptr %team, i64 @PROGRAM@
  store ptr %program, ptr %program.ptr, align 8
  %context.ptr = getelementptr inbounds i8, ptr %team, i64 @CONTEXT@
  store ptr %ctx, ptr %context.ptr, align 8
  %mode.ptr = getelementptr inbounds i8, ptr %team, i64 @FP_MODE@
  %mode = call i64 @get_fp_mode()
  store i64 %mode, ptr %mode.ptr, align 8
  %spins.ptr = getelementptr inbounds i8, ptr %team, i64 @SPINS@
  store i32 %spins, ptr %spins.ptr, align 4
  %park.ptr = getelementptr inbounds i8, ptr %team, i64 @PARK_SPINS@
  store atomic i32 %park.spins, ptr %park.ptr monotonic, align 4
  %pending = getelementptr inbounds i8, ptr %team, i64 @PENDING@
  %workers = sub i32 %threads, 1
  store atomic i32 %workers, ptr %pending monotonic, align 4
  %finished = getelementptr inbounds i8, ptr %team, i64 @FINISHED@
  %current = load atomic i32, ptr %finished monotonic, align 4
  %slots = getelementptr inbounds i8, ptr %team, i64 @SLOTS@
  br label %wake
wake:
  %i = phi i32 [ 1, %entry ], [ %i.next, %wake ]
  %i.wide = zext i32 %i to i64
  %slot = getelementptr inbounds [@SLOT_BYTES@ x i8], ptr %slots, i64 %i.wide
  call void @advance(ptr %slot)
  %i.next = add nuw nsw i32 %i, 1
  %more = icmp slt i32 %i.next, %threads
  br i1 %more, label %wake, label %run
run:
  call void %program(ptr %ctx)
  call void @wait_while(ptr %finished, i32 %current, i32 %spins)
  ret void
}

; Starts the workers of threads first .. threads-1. Returns 0, or the error of the pthread_create that failed; the team
; then has as many threads as `alive` says plus the caller.
define i32 @ngc_team_grow(ptr %team, i32 %first, i32 %threads) nounwind {
entry:
  %handle = alloca i64, align 8
  %slots = getelementptr inbounds i8, ptr %team, i64 @SLOTS@
  %alive = getelementptr inbounds i8, ptr %team, i64 @ALIVE@
  %stop.ptr = getelementptr inbounds i8, ptr %team, i64 @STOP@
  store i32 0, ptr %stop.ptr, align 4
  br label %head
head:
  %i = phi i32 [ %first, %entry ], [ %i.next, %started ]
  %more = icmp slt i32 %i, %threads
  br i1 %more, label %start, label %done
start:
  %i.wide = zext i32 %i to i64
  %slot = getelementptr inbounds [@SLOT_BYTES@ x i8], ptr %slots, i64 %i.wide
  store atomic i32 0, ptr %slot monotonic, align 4
  %thread.ptr = getelementptr inbounds i8, ptr %slot, i64 8
  store i32 %i, ptr %thread.ptr, align 4
  %team.ptr = getelementptr inbounds i8, ptr %slot, i64 16
  store ptr %team, ptr %team.ptr, align 8
  %counted = atomicrmw add ptr %alive, i32 1 acq_rel, align 4
  %error = call i32 @pthread_create(ptr %handle, ptr null, ptr @worker, ptr %slot)
  %failed = icmp ne i32 %error, 0
  br i1 %failed, label %fail, label %started
started:
  %thread = load i64, ptr %handle, align 8
  %ignored = call i32 @pthread_detach(i64 %thread)
  %i.next = add nuw nsw i32 %i, 1
  br label %head
fail:
  %uncounted = atomicrmw sub ptr %alive, i32 1 acq_rel, align 4
  ret i32 %error
done:
  ret i32 0
}

; Ends all workers (threads 1 .. threads-1) and returns once they are on their way out; the team may then grow again.
define void @ngc_team_stop(ptr %team, i32 %threads) nounwind {
entry:
  %stop.ptr = getelementptr inbounds i8, ptr %team, i64 @STOP@
  store i32 1, ptr %stop.ptr, align 4
  %slots = getelementptr inbounds i8, ptr %team, i64 @SLOTS@
  %ended = getelementptr inbounds i8, ptr %team, i64 @ENDED@
  %current = load atomic i32, ptr %ended monotonic, align 4
  %workers = icmp sgt i32 %threads, 1
  br i1 %workers, label %wake, label %done
wake:
  %i = phi i32 [ 1, %entry ], [ %i.next, %wake ]
  %i.wide = zext i32 %i to i64
  %slot = getelementptr inbounds [@SLOT_BYTES@ x i8], ptr %slots, i64 %i.wide
  call void @advance(ptr %slot)
  %i.next = add nuw nsw i32 %i, 1
  %more = icmp slt i32 %i.next, %threads
  br i1 %more, label %wake, label %wait
wait:
  call void @wait_while(ptr %ended, i32 %current, i32 0)
  br label %done
done:
  ret void
}

; Pauses n times, so that the length of a spin can be measured.
define void @ngc_pause(i64 %n) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %loop ]
  @PAUSE@
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}

declare i64 @llvm.readcyclecounter()

; Returns the cycle counter with which programs stamp their kernels, so that the length of a cycle can be measured.
define i64 @ngc_cycles() nounwind {
  %cycles = call i64 @llvm.readcyclecounter()
  ret i64 %cycles
}
"""


def emit_team(triple: str) -> str:
    """Returns the text of the module that defines `SYMBOLS`, for Linux on the triple's architecture.

    Raises:
        CodegenError: the architecture has no team.
    """
    arch = triple.partition("-")[0]
    if arch not in ("x86_64", "aarch64"):
        raise CodegenError(f"no thread team for {triple}; supported are x86_64 and aarch64")
    parts = _X86 if arch == "x86_64" else _AARCH64
    values = {
        "TRIPLE": triple,
        "DECLARATIONS": parts["declarations"],
        "FUTEX": parts["futex"],
        "PAUSE": parts["pause"],
        "GET_FP_MODE": parts["get_fp_mode"],
        "SET_FP_MODE": parts["set_fp_mode"],
        "YIELDS": _YIELDS,
        "CONTEXT_BYTES": _CONTEXT_BYTES,
        "SLOT_BYTES": SLOT_BYTES,
        "GENERATION": GENERATION,
        "PENDING": PENDING,
        "FINISHED": FINISHED,
        "PROGRAM": PROGRAM,
        "CONTEXT": CONTEXT,
        "FP_MODE": FP_MODE,
        "SPINS": SPINS,
        "PARK_SPINS": PARK_SPINS,
        "STOP": STOP,
        "ALIVE": ALIVE,
        "ENDED": ENDED,
        "SLOTS": SLOTS,
    }
    text = _TEXT
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
