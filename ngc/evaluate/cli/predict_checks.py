"""What flags of `ngc-eval predict` do not go together. None is ignored: what cannot be done is an error, what changes nothing is said."""

import argparse
import logging
import os

from ngc.errors import EvaluationError
from ngc.evaluate.records import FEATURES, RAY

_log = logging.getLogger("ngc")

_LEAST = {"batch_size": 1, "partition_list_size": 0, "feature_limit": 1, "threads": 0, "workers": 0, "calibration_images": 0, "gpu_device_id": 0, "seed": 0,
          "ray_workers": 0, "duplicate_input": 1, "num_warmup_url_parts": 0, "num_batches": 1, "num_warmup_batches": 0, "min_queries": 1, "min_duration": 0}


_UNUSED = {"seed": ("dataset", "urls"), **dict.fromkeys(("trace_preprocess", "workers", "fail_on_error", "feature_limit"), ("workload", "max-qps"))}
"""Flags of all modes, with those in which they change nothing."""


def check_flags(args: argparse.Namespace) -> None:
    """Looks at flags that have been parsed one by one.

    Raises:
        EvaluationError: a number is too small, or flags contradict each other or the target.
    """
    for name, least in _LEAST.items():
        if getattr(args, name, least) < least:
            raise EvaluationError(f"--{name} is {getattr(args, name)}; the least possible is {least}")
    _check_gpu(args)
    _check_precision(args)
    _check_engine(args)
    _check_parts(args)
    _check_records(args)


def _check_gpu(args: argparse.Namespace) -> None:
    on_gpu = args.target.startswith("tensorrt")
    if (args.use_gpu or args.gpu) and not on_gpu:
        raise EvaluationError(f"--use_gpu, but --target is {args.target!r}: a GPU is used with --target=tensorrt, or tensorrt-rtx and the like")
    if args.gpu_metrics:
        raise EvaluationError("--gpu_metrics: ngc reads no counters of GPUs; NVIDIA's Nsight Compute does")
    if args.gpu_device_id and not on_gpu:
        raise EvaluationError(f"--gpu_device_id, but --target is {args.target!r}, which is no GPU")
    if args.gpu_device_id:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(args.gpu_device_id)  # CUDA is not loaded yet; ngc uses the first device that it sees


def _check_precision(args: argparse.Namespace) -> None:
    if args.tune and args.disable_autotune:
        raise EvaluationError("--tune and --disable_autotune contradict each other")
    if args.calibration and args.calibration_images:
        raise EvaluationError("--calibration and --calibration_images: one of them says what int8 is calibrated with")
    wanted = precisions(args) or [args.precision]
    if (args.calibration or args.calibration_images) and "int8" not in wanted:
        raise EvaluationError(f"--calibration goes with --precision=int8, not {', '.join(wanted) or 'fp32'}")
    if not args.compare:
        return
    if args.precision:
        raise EvaluationError("--compare and --precision: the precisions that are compared stand in --compare")
    if len(wanted) < 2 or len(set(wanted)) < len(wanted) or not all(wanted):
        raise EvaluationError(f"--compare={args.compare}: expected at least two different precisions, such as fp32,bf16,int8")
    if args.resume:
        raise EvaluationError("--resume does not go with --compare: agreement takes the answers of both sides in one run; resume one --precision")


def precisions(args: argparse.Namespace) -> list[str]:
    """Returns what --compare lists; nothing where it is not given."""
    return [name.strip() for name in args.compare.split(",")] if args.compare else []


def _check_engine(args: argparse.Namespace) -> None:
    if args.engine != RAY and (args.ray_workers or args.ray_address != "local"):
        raise EvaluationError("--ray_workers and --ray_address go with --engine=ray")


def _check_parts(args: argparse.Namespace) -> None:
    if 0 < args.partition_list_size < args.batch_size:
        _log.warning("batches do not reach over parts: with --partition_list_size=%d they have %d inputs, not %d", args.partition_list_size,
                     args.partition_list_size, args.batch_size)


def _check_records(args: argparse.Namespace) -> None:
    if args.publish_predictions and not (args.publish or args.resume):
        raise EvaluationError("--publish_predictions needs --publish")
    if (args.database_address or args.database_name) and not (args.publish or args.resume):
        _log.warning("the database is not used without --publish")
    for name, modes in _UNUSED.items():
        if args.mode in modes and getattr(args, name) != (FEATURES if name == "feature_limit" else 0):
            _log.warning("--%s changes nothing in mode %s", name, args.mode)
    if args.trace_preprocess and args.trace_level.upper().startswith("NO"):
        _log.warning("--trace_preprocess changes nothing at NO_TRACE")
    if args.tracer_address and args.trace_level.upper().startswith("NO"):
        _log.warning("no spans are sent to %s at NO_TRACE", args.tracer_address)
