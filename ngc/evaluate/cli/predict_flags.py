"""The flags of `ngc-eval predict`: the MLModelScope agents' own, with their defaults, and ngc's."""

import argparse
from collections.abc import Callable
from typing import Any

from ngc.evaluate.cli.flags import add_flag, boolean
from ngc.evaluate.parts import ALL
from ngc.evaluate.records import FEATURES, LOCAL, RAY
from ngc.evaluate.run.identity import NEWEST

AGENTS_TIME_OUT_S = 15 * 60
"""After which the agents end where --time_out is true."""

ENGINES = (LOCAL, RAY)
"""What --engine takes."""


def add_common_flags(parser: argparse.ArgumentParser, *, repeated: bool) -> None:
    """Adds the flags that all modes have, and that may stand before the mode too."""

    def flag(group: Any, name: str, default: Any, help: str, **options: Any) -> None:
        add_flag(group, name, default, help, repeated=repeated, **options)

    _add_model_flags(parser, flag)
    _add_run_flags(parser, flag)
    _add_record_flags(parser, flag, repeated=repeated)
    _add_gpu_flags(parser, flag)


Flag = Callable[..., None]


def _add_model_flags(parser: argparse.ArgumentParser, flag: Flag) -> None:
    group = parser.add_argument_group("model")
    flag(group, "model_name", "", "the model, by the name in its manifest; see `ngc-eval model list`")
    flag(group, "model_version", "", "its version; the newest unless given")
    flag(group, "manifest", "", "a manifest's file, instead of a name", value="FILE")
    flag(group, "model_dir", "", "a folder with the model's files, instead of where the manifest says; or a saved executable, such as model.ngc")
    group = parser.add_argument_group("compilation")
    flag(group, "target", "cpu", "what ngc.compile takes: cpu, cpu:znver4, tensorrt, neuron:inf2, ...")
    flag(group, "precision", "", "fp32, bf16, fp16 or int8; fp32 unless the model was quantized in MXNet")
    flag(group, "threads", 0, "threads that share a batch; 0: the physical cores")
    flag(group, "calibration", "", "for int8: a table of `ngc calibrate`", value="FILE")
    flag(group, "calibration_images", 0, "for int8, instead: calibrate with so many inputs from the beginning of the data set", value="N")
    flag(group, "fallback", "", "reference: operators without a kernel run in numpy", choices=("", "reference"))
    flag(group, "tune", False, "choose kernels by measuring them")
    flag(group, "disable_autotune", False, "no measuring of kernels, as without --tune; together they are an error")


def _add_run_flags(parser: argparse.ArgumentParser, flag: Flag) -> None:
    group = parser.add_argument_group("evaluation")
    flag(group, "batch_size", 1, "inputs of a batch", short="b")
    flag(group, "partition_list_size", 0, "inputs of a part, which is recorded and resumed as a whole; 0: a batch is one", short="p")
    flag(group, "feature_limit", FEATURES, "of how many classes a prediction keeps the probabilities")
    flag(group, "fail_on_error", False, "end with the first input that fails; otherwise it is recorded as failed, and counted")
    flag(group, "compare", "", "evaluate in several precisions one after another, such as fp32,bf16,int8, and compare each with the first")
    flag(group, "engine", LOCAL, "what computes: local is this process, ray are workers of a Ray cluster, each with parts of the inputs", choices=ENGINES)
    flag(group, "ray_workers", 0, "how many workers of --threads CPUs each; 0: one on each node of the cluster")
    flag(group, "ray_address", "local", "local: a cluster on this machine for this run; auto: the running one that this machine is a node of; or its host:port")
    flag(group, "workers", 0, "threads that read and preprocess; 0: the physical cores")
    flag(group, "seed", 0, "of generated inputs and arrivals")
    flag(group, "time_out", 0, "end after so many seconds, as on Ctrl-C; 0: never; true means 15 minutes, as for the agents", read=seconds, value="SECONDS")


def _add_record_flags(parser: argparse.ArgumentParser, flag: Flag, *, repeated: bool) -> None:
    group = parser.add_argument_group("records")
    flag(group, "publish", False, "record the evaluation in the database")
    flag(group, "publish_predictions", False, "record the prediction of each input too; with --publish")
    group.add_argument("--resume", nargs="?", const=NEWEST, default=argparse.SUPPRESS if repeated else "", metavar="ID",
                       help="go on with an unfinished evaluation: the newest one of the same model, data and options, or --resume=ID; means --publish")
    flag(group, "database_address", "", "a path of SQLite's, or postgresql://user@host/database; a file in the user's folder of data unless given")
    flag(group, "database_name", "", "the name of the database, where the address has none")
    flag(group, "trace_level", "MODEL_TRACE", "NO_TRACE, APPLICATION_TRACE, MODEL_TRACE, FRAMEWORK_TRACE (layers), ... FULL_TRACE")
    flag(group, "trace_preprocess", False, "trace reading and preprocessing too")
    flag(group, "tracer_address", "", "send spans to this OpenTelemetry collector, such as http://localhost:4318, besides the file")
    flag(group, "base_dir", "results", "the folder for the trace, system_info.json and results.json")
    flag(group, "format", "table", "of the summary on stdout", choices=("table", "json"))


def _add_gpu_flags(parser: argparse.ArgumentParser, flag: Flag) -> None:
    group = parser.add_argument_group("GPU", "For ngc a GPU is a target; these flags of the agents are checked against it.")
    flag(group, "use_gpu", False, "an error unless --target is a GPU's, such as tensorrt")
    flag(group, "gpu", False, "the same")
    flag(group, "gpu_device_id", 0, "which GPU a GPU's target uses")
    flag(group, "gpu_metrics", "", "always an error: ngc reads no counters of GPUs")


def add_dataset_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the mode `dataset`."""
    group = parser.add_argument_group("data set")
    add_flag(group, "dataset_category", "vision", "the data set's category")
    add_flag(group, "dataset_name", "", "its name, found at DATA_DIR/CATEGORY/NAME (a folder of images, .rec, .npz, .lst, .txt, .tsv) or shipped; or its path")
    add_flag(group, "data_dir", "", "the folder of data sets; without --dataset_name, the data set itself")
    add_flag(group, "label_list", "", "a file with a line `path label` for each input, for a folder that does not say the classes", value="FILE")
    add_flag(group, "num_file_parts", ALL, "how many parts to evaluate, from the first on; -1: all")
    _add_reading(group)


def add_urls_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the mode `urls`."""
    group = parser.add_argument_group("inputs")
    add_flag(group, "urls_file_path", "", "a file with a path or an address in each line")
    add_flag(group, "duplicate_input", 1, "how often the inputs are repeated; at least --batch_size times")
    add_flag(group, "num_url_parts", ALL, "how many parts to evaluate, from the first on; -1: all")
    add_flag(group, "num_warmup_url_parts", 1, "how many parts are computed before anything is measured")
    _add_reading(group)


def add_raw_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the mode `raw`."""
    group = parser.add_argument_group("inputs")
    add_flag(group, "num_batches", 1, "how many batches of generated inputs to evaluate")
    add_flag(group, "num_warmup_batches", 1, "how many batches are computed before anything is measured")


def add_load_flags(parser: argparse.ArgumentParser, *, initial_qps: float, min_duration: int, min_queries: int) -> None:
    """Adds the flags of the modes `workload` and `max-qps`."""
    group = parser.add_argument_group("load")
    add_flag(group, "initial_qps", initial_qps, "queries a second, on average: arrivals are a Poisson process")
    add_flag(group, "percentile", 95.0, "the percentile of latencies that is reported, and bounded by --latency_bound")
    add_flag(group, "min_duration", min_duration, "how long queries arrive at least, in milliseconds")
    add_flag(group, "min_queries", min_queries, "how many queries arrive at least")
    add_flag(group, "batching", "naive", "naive waits for --batch_size queries, as the agents; greedy takes what waits", choices=("naive", "greedy"))
    add_flag(group, "image_path", "", "an image that each query decodes and preprocesses; a generated input, which needs neither, unless given")
    _add_center_crop(group)


def add_latency_bound(parser: argparse.ArgumentParser) -> None:
    """Adds the bound of the mode `max-qps`."""
    add_flag(parser, "latency_bound", 100.0, "what the percentile of latencies may be, in milliseconds")


def seconds(text: str) -> float:
    """Returns the seconds of --time_out."""
    if text.lower() in ("true", "false"):
        return float(AGENTS_TIME_OUT_S if boolean(text) else 0)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of seconds nor true or false")
    return value


def _add_reading(group: Any) -> None:
    add_flag(group, "read_ahead", "auto", "true: read and preprocess while the engine computes; false: between batches, for latencies that nothing disturbs; "
             "auto: false from MODEL_TRACE on, where batches are timed", choices=("auto", "true", "false"))
    _add_center_crop(group)


def _add_center_crop(group: Any) -> None:
    add_flag(group, "center_crop", True, "resize images to the model's size divided by 0.875 and take the middle; false: resize to the model's size")
