"""From flags to what they name: the manifest, the model's files, the data set, how the model is compiled, where results are recorded."""

import argparse
import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ngc.cli.arguments import is_artifact
from ngc.errors import EvaluationError
from ngc.evaluate.cli.progress import downloading
from ngc.evaluate.inputs import AsStored, Dataset, Loader, Preparation, open_dataset, resolve_dataset, synthetic, urls_file
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.manifest import Manifest, ModelFiles, fetch_labels, fetch_model, find_manifest, load_manifest
from ngc.evaluate.parts import ALL, split
from ngc.evaluate.records import Evaluation
from ngc.evaluate.run.engine import Build, LocalEngine, calibrate_model, input_shapes
from ngc.evaluate.run.job import Job, check_labels
from ngc.evaluate.run.recorder import Recorder, Unpublished
from ngc.evaluate.store import Store

_log = logging.getLogger("ngc")

_CALIBRATION_BATCH = 32
"""Inputs that calibration runs at a time; the table does not depend on it."""


def manifest_of(args: argparse.Namespace) -> Manifest:
    """Returns the manifest that --manifest or --model_name and --model_version name.

    Raises:
        EvaluationError: neither is given, or both say different things.
        ManifestError: there is none, or it is wrong.
    """
    if not args.manifest:
        if not args.model_name:
            raise EvaluationError("which model? --model_name names one of `ngc-eval model list`, --manifest a manifest's file")
        return find_manifest(args.model_name, args.model_version)
    manifest = load_manifest(args.manifest)
    for flag, asked, found in (("model_name", args.model_name, manifest.name), ("model_version", args.model_version, manifest.version)):
        if asked and asked != found:
            raise EvaluationError(f"--{flag} is {asked}, but {args.manifest} is the manifest of {found}")
    return manifest


def files_of(args: argparse.Namespace, manifest: Manifest) -> ModelFiles:
    """Returns the model's files: those of the manifest, of the folder --model_dir, or the saved executable that it names.

    Raises:
        ManifestError: a file is missing or altered.
    """
    given = Path(args.model_dir) if args.model_dir else None
    if given is not None and given.is_file() and is_artifact(str(given)):
        with given.open("rb") as file:
            return ModelFiles(given, given, fetch_labels(manifest), hashlib.file_digest(file, "sha256").hexdigest())
    with downloading() as progress:
        return fetch_model(manifest, model_dir=given, progress=progress)


def build_of(args: argparse.Namespace) -> Build:
    """Returns how the model is compiled, without calibration."""
    return Build(args.target, args.precision, args.threads or None, None, args.fallback or None, args.tune)


def with_table(args: argparse.Namespace, build: Build) -> tuple[Build, dict[str, Any]]:
    """Returns how the model is compiled, with the table of --calibration where int8 is asked for, and what is to be recorded of it.

    Raises:
        ArtifactError: the table cannot be read.
    """
    options = {"fallback": args.fallback, "tune": args.tune}
    if build.precision != "int8" or not args.calibration:
        return build, options
    from ngc.calibration import CalibrationTable

    table = CalibrationTable.load(args.calibration)
    return replace(build, calibration=table), {**options, "calibration": hashlib.sha256(Path(args.calibration).read_bytes()).hexdigest()}


def calibrated(args: argparse.Namespace, job: Job, build: Build) -> tuple[Build, dict[str, Any]]:
    """Returns what `with_table` does, or a calibration with the first --calibration_images inputs of the job's data set.

    Raises:
        EvaluationError: no input of the data set can be read.
        ArtifactError: the table cannot be read.
        NgcError: calibration failed.
    """
    build, options = with_table(args, build)
    if build.precision != "int8" or not args.calibration_images:
        return build, options
    count = min(args.calibration_images, len(job.dataset))
    _log.warning("int8 is calibrated with the first %d inputs of %s, which are evaluated too", count, job.dataset.name)
    with Loader(job.dataset, job.preprocessing, job.workers) as loader, closing(loader.batches(split(count, count), _CALIBRATION_BATCH)) as batches:
        table = calibrate_model(job.files, job.manifest, (batch.array for batch in batches if batch.samples), build)
    return replace(build, calibration=table), {**options, "calibration": f"the first {count} inputs"}


def dataset_job(args: argparse.Namespace) -> Job:
    """Returns the evaluation of a data set.

    Raises:
        EvaluationError: no data set is named, or the model does not classify.
        ManifestError, DatasetError: model or data are missing or wrong.
    """
    manifest = manifest_of(args)
    if not manifest.classifies:
        raise EvaluationError(f"{manifest.name} answers with {manifest.output.type!r}; accuracy is that of classification. Modes urls and raw measure time")
    preprocessing = manifest.preprocessing(args.center_crop)
    if args.dataset_name:
        location = resolve_dataset(args.dataset_category, args.dataset_name, Path(args.data_dir) if args.data_dir else None, size=preprocessing.height,
                                   center_crop=args.center_crop)
        if location.resized:
            preprocessing = manifest.preprocessing(center_crop=False)
        path, name = location.path, "" if Path(args.dataset_name).exists() else args.dataset_name
    elif args.data_dir:
        path, name = Path(args.data_dir), ""
    else:
        raise EvaluationError("which data set? --dataset_name names one, --data_dir is one or the folder of several")
    files = files_of(args, manifest)
    opener = partial(open_dataset, path, name=name, labels=files.labels, label_list=Path(args.label_list) if args.label_list else None)
    return _job(args, manifest, files, opener(), opener, preprocessing, mode="dataset", category=args.dataset_category, limit=args.num_file_parts, warm_up=1)


def urls_job(args: argparse.Namespace) -> Job:
    """Returns the evaluation of a file's paths and addresses.

    Raises:
        EvaluationError: no file is named.
        ManifestError, DatasetError: model or data are missing or wrong.
    """
    if not args.urls_file_path:
        raise EvaluationError("which inputs? --urls_file_path names a file with a path or an address in each line")
    manifest = manifest_of(args)
    preprocessing = manifest.preprocessing(args.center_crop)
    opener = partial(urls_file, Path(args.urls_file_path), max(args.duplicate_input, args.batch_size))
    dataset = opener()
    parts = split(len(dataset), args.partition_list_size or args.batch_size)[: args.num_warmup_url_parts]
    warm_up = sum(len(part.batches(args.batch_size)) for part in parts)
    return _job(args, manifest, files_of(args, manifest), dataset, opener, preprocessing, mode="urls", limit=args.num_url_parts, warm_up=warm_up)


def raw_job(args: argparse.Namespace) -> Job:
    """Returns the evaluation of generated inputs.

    Raises:
        ManifestError: the model is missing or wrong.
    """
    manifest = manifest_of(args)
    shape, element_type = input_of(manifest)
    opener = partial(synthetic, shape, args.num_batches * args.batch_size, args.seed, element_type)
    return _job(args, manifest, files_of(args, manifest), opener(), opener, AsStored(shape, element_type), mode="raw", warm_up=args.num_warmup_batches)


def _from_anywhere(opener: "partial[Any]") -> "partial[Any]":
    """Returns a call for processes that are in other folders: with absolute paths. In this one, messages name paths as the user does."""

    def spelled(value: Any) -> Any:
        return value.absolute() if isinstance(value, Path) else value

    return partial(opener.func, *map(spelled, opener.args), **{name: spelled(value) for name, value in opener.keywords.items()})


def input_of(manifest: Manifest) -> tuple[tuple[int, ...], str]:
    """Returns shape and type of one generated input.

    Raises:
        EvaluationError: the manifest does not say them.
    """
    input_shapes(manifest)
    return manifest.input_shape, manifest.inputs[0].parameters.element_type


def _job(
    args: argparse.Namespace, manifest: Manifest, files: ModelFiles, dataset: Dataset, opener: "partial[Any]", preprocessing: Preparation, *, mode: str,
    category: str = "", limit: int = ALL, warm_up: int,
) -> Job:
    size = args.partition_list_size or args.batch_size
    level = TraceLevel.named(args.trace_level)
    # Batches are timed from MODEL_TRACE on, and time is all that raw measures.
    read_ahead = mode != "raw" and (args.read_ahead == "true" or (args.read_ahead == "auto" and level < TraceLevel.MODEL_TRACE))
    return Job(
        mode=mode, manifest=manifest, files=files, dataset=dataset, preprocessing=preprocessing, parts=tuple(split(len(dataset), size, limit)),
        category=category, classifies=mode != "raw" and manifest.classifies, batch_size=args.batch_size, partition_list_size=size, warm_up=warm_up,
        settings={"preprocessing": repr(preprocessing), "read_ahead": read_ahead}, features=args.feature_limit, read_ahead=read_ahead,
        trace_level=level, trace_preprocess=args.trace_preprocess, fail_on_error=args.fail_on_error,
        predictions=args.publish_predictions, workers=args.workers,
        opener=_from_anywhere(opener),
    )  # fmt: skip


def compiled(args: argparse.Namespace, job: Job, build: Build) -> tuple[Job, LocalEngine]:
    """Returns the engine, and the job with what is recorded of its compilation.

    Raises:
        NgcError: the model cannot be compiled or calibrated.
    """
    build, options = calibrated(args, job, build)
    engine = LocalEngine.compile(job.files, job.manifest, build)
    check_labels(job, engine)
    return replace(job, settings={**job.settings, **options}), engine


@contextmanager
def recording(args: argparse.Namespace) -> Iterator[Recorder]:
    """Gives the store of --publish, or what records nothing.

    Raises:
        StoreError: it cannot be opened.
    """
    if not published(args):
        yield Unpublished()
        return
    with Store.open(args.database_address, args.database_name) as store:
        yield store


def resource_of(evaluation: Evaluation) -> dict[str, str]:
    """Returns what a collector of traces is told of an evaluation as a whole."""
    return {"evaluation_id": evaluation.id, "model_name": evaluation.model_name, "model_version": evaluation.model_version,
            "precision": evaluation.precision, "target": evaluation.target}


def published(args: argparse.Namespace) -> bool:
    """Returns whether the evaluation is recorded."""
    return bool(args.publish or args.resume)
