"""A checkpoint of the Gluon zoo with seeded weights and a RecordIO data set of generated photographs, each labelled with the class that MXNet answers.

`python -m examples.evaluation.records FOLDER --count 500` needs MXNet. The accuracy of an engine on these records is how often it answers as MXNet does.
"""

import argparse
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.mxnet_executor import bind
from bench.zoo_models import export_zoo, sample_images
from ngc.evaluate.inputs import Preprocessing
from ngc.evaluate.manifest import find_manifest
from ngc.importer.mxnet_live import import_mxnet

SIDES = (256, 280, 320, 341)
"""Heights and widths of the images, in pixels."""

CENTRED_ON = 50
"""Images over which the logits' mean is taken."""


def draw_images(count: int, seed: int) -> list[bytes]:
    """Returns JPEG files with as much contrast at every scale as photographs have."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    files = []
    for _ in range(count):
        height, width = rng.choice(SIDES, 2)
        pixels = np.clip(sample_images(rng, (1, 3, height, width))[0] * 48 + 128, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    return files


def logits(mx: Any, executor: Any, files: list[bytes], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Returns MXNet's logits (images, classes), computed one by one."""
    return np.stack([executor.forward(is_train=False, data=mx.nd.array(preprocessing(file)[None]))[0].asnumpy()[0]
                     for file in track(files, "asking MXNet", transient=True)])  # fmt: skip


def save_centred(mx: Any, executor: Any, prefix: str, centred: str, mean: NDArray[np.float32]) -> None:
    """Writes a checkpoint whose logits have a mean of 0 over the images: with weights that nobody trained, one class would win on all of them."""
    symbol, arguments, auxiliaries = mx.model.load_checkpoint(prefix, 0)
    bias = symbol.list_arguments()[-1]  # of the layer that classifies
    arguments[bias] -= mx.nd.array(mean)
    executor.copy_params_from(arguments, auxiliaries)
    mx.model.save_checkpoint(centred, 0, symbol, arguments, auxiliaries)


def write_records(mx: Any, path: Path, files: list[bytes], labels: NDArray[np.int64]) -> None:
    """Writes path.rec and path.idx."""
    writer = mx.recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path.with_suffix(".rec")), "w")
    for index, (file, label) in enumerate(zip(files, labels, strict=True)):
        writer.write_idx(index, mx.recordio.pack(mx.recordio.IRHeader(0, float(label), index, 0), file))
    writer.close()


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="examples.evaluation.records", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500, help="images")
    parser.add_argument("--network", default="resnet50_v1", help="of the Gluon zoo")
    parser.add_argument("--model_name", default="ResNet50_v1", help="the network's manifest, which says how images are prepared")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # or binding remarks on its backend
    mx = import_mxnet()
    prefix = export_zoo(options.network, options.folder / "zoo")
    preprocessing = find_manifest(options.model_name).preprocessing(center_crop=True)
    files = draw_images(options.count, options.seed)
    executor = bind(mx, prefix, {"data": (1, *preprocessing.shape)})
    mean = logits(mx, executor, files[:CENTRED_ON], preprocessing).mean(axis=0)
    save_centred(mx, executor, prefix, str(options.folder / "model"), mean)
    labels = logits(mx, executor, files, preprocessing).argmax(axis=1)
    write_records(mx, options.folder / "images", files, labels)
    print(f"{options.folder}/images.rec: {len(files)} images in {len(np.unique(labels))} classes")


if __name__ == "__main__":
    main()
