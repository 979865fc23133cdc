"""Gets a model's files: from a folder, from where the manifest says, or from the cache of what was there before."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from ngc.errors import ManifestError, shorten
from ngc.evaluate.manifest.archive import extract
from ngc.evaluate.manifest.cache import cached
from ngc.evaluate.manifest.checksums import sha256_of, verify
from ngc.evaluate.manifest.download import Progress, Unreachable, download
from ngc.evaluate.manifest.location import Location, locate
from ngc.evaluate.manifest.manifest import Manifest

MOST_LABEL_BYTES = 16 << 20
"""Of a file of classes' names; that of ImageNet's 21,841 classes has 1 MiB."""

GLUON_ZOO = "gluon_zoo"
"""The attribute that names a model of MXNet's own zoo, from which its files can be written."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFiles:
    """A model's files on this machine.

    Attributes:
        symbol, params: the two files of the checkpoint; twice the one of a saved executable.
        labels: the classes' names, in the order of the probabilities; empty where the manifest names none, None where those that it names are not to be had.
        digest: of what is in the two files, in hexadecimal digits.
    """

    symbol: Path
    params: Path
    labels: tuple[str, ...] | None
    digest: str


def fetch_model(manifest: Manifest, *, model_dir: "Path | str | None" = None, progress: Progress | None = None) -> ModelFiles:
    """Returns a model's files, downloaded and unpacked where they have to be, with their checksums verified.

    Args:
        manifest: the model's.
        model_dir: a folder that has the files, instead of where the manifest says they are. Labels may be there too.
        progress: is told of downloads.

    Raises:
        ManifestError: a file is not there or has another checksum, or the cache cannot be written.
    """
    fetcher = _Fetcher(manifest, Path(model_dir) if model_dir else None, progress)
    model = manifest.model
    try:
        symbol = fetcher.file("graph_path", model.graph_path, model.graph_checksum)
        params = fetcher.file("weights_path", model.weights_path, model.weights_checksum) if model.weights_path else symbol
    except Unreachable as error:
        raise ManifestError(f"{error}{_hint(manifest)}") from None
    digest = hashlib.sha256(f"{sha256_of(symbol)} {sha256_of(params)}".encode()).hexdigest()
    return ModelFiles(symbol, params, fetcher.labels(), digest)


def fetch_labels(manifest: Manifest, *, progress: Progress | None = None) -> tuple[str, ...] | None:
    """Returns the classes' names alone, for a model whose files are not wanted; see `fetch_model`."""
    return _Fetcher(manifest, None, progress).labels()


@dataclass(frozen=True)
class _Fetcher:
    manifest: Manifest
    model_dir: Path | None
    progress: Progress | None

    def file(self, field: str, where: str, checksum: str) -> Path:
        """Returns a file of the model."""
        try:
            if self.model_dir is not None:
                return _checked(self._in_model_dir(self.model_dir, where), checksum)
            folder = self.manifest.source.parent
            if self.manifest.model.is_archive:
                return self._member(locate(self.manifest.model.base_url, "", folder), where, checksum)
            return self._whole(locate(where, self.manifest.model.base_url, folder), checksum)
        except ManifestError as error:
            raise type(error)(f"{self.manifest.source}: model.{field}: {error}") from None
        except OSError as error:
            raise ManifestError(f"{self.manifest.source}: model.{field}: {_unreadable(error, where)}") from None

    def labels(self) -> tuple[str, ...] | None:
        """Returns the classes' names. Data sets of numbered classes do not need them, so a server that is away is no reason to fail here; a wrong file is."""
        parameters = self.manifest.output.parameters
        field = "features" if parameters.features else "features_url"
        where = parameters.features or parameters.features_url
        if not where:
            return ()
        try:
            location = locate(where, "", self.manifest.source.parent)
            if self.model_dir is not None and (self.model_dir / location.name).is_file():
                location = Location(str(self.model_dir / location.name))
            path = self._whole(location, parameters.features_checksum)
            return _read_labels(path)
        except Unreachable as error:
            if not location.is_remote:
                raise ManifestError(f"{self.manifest.source}: output.parameters.{field}: {error}") from None
            _log.warning("classes of %s are numbers, as their names are not to be had: %s; --model_dir may have %s", self.manifest.name, error, location.name)
            return None
        except ManifestError as error:
            raise ManifestError(f"{self.manifest.source}: output.parameters.{field}: {error}") from None
        except OSError as error:
            raise ManifestError(f"{self.manifest.source}: output.parameters.{field}: {_unreadable(error, where)}") from None

    def _whole(self, location: Location, checksum: str) -> Path:
        if not location.is_remote:
            return _checked(location.path, checksum)
        url = location.address
        return cached(url, location.name, checksum, location.origin, lambda path: download(url, path, self.progress))

    def _member(self, location: Location, member: str, checksum: str) -> Path:
        archive = self._whole(location, "")
        name = Location(member).name
        key = f"{sha256_of(archive)} {member}"  # another archive in the same place has other members
        return cached(key, name, checksum, f"{location.origin}: {member}", lambda path: extract(archive, member, path, location.origin))

    def _in_model_dir(self, folder: Path, where: str) -> Path:
        """Returns where a file is in the folder: under the path that the manifest has for it, or its name alone."""
        name = Location(where).name if "://" not in where else locate(where, "", folder).name
        for path in (folder / where, folder / name):
            if path.is_file():
                return path
        if not folder.is_dir():
            raise Unreachable(f"--model_dir={folder}: no such folder")
        there = ", ".join(sorted(path.name for path in folder.iterdir()))
        raise Unreachable(f"--model_dir={folder}: has no file {name}; there is {shorten(there) or 'nothing'}")


def _checked(path: Path, checksum: str) -> Path:
    if not path.is_file():
        raise Unreachable(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    path.open("rb").close()  # where the user may not read it, this is the place to know
    verify(path, checksum, str(path))
    return path


def _unreadable(error: OSError, where: str) -> str:
    return f"{error.filename or where}: cannot be read: {error.strerror or error}"


def _read_labels(path: Path) -> tuple[str, ...]:
    if path.stat().st_size > MOST_LABEL_BYTES:
        raise ManifestError(f"{path}: has {path.stat().st_size} bytes; a file of classes' names has at most {MOST_LABEL_BYTES}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: not a text in UTF-8, with a class's name in each line") from None
    return tuple(line.strip() for line in text.rstrip().split("\n")) if text.strip() else ()


def _hint(manifest: Manifest) -> str:
    zoo = manifest.attributes.get(GLUON_ZOO)
    if not isinstance(zoo, str):
        return "; --model_dir names another folder that has the files"
    shape = ", ".join(map(str, (1, *manifest.input_shape)))
    prefix = manifest.model.graph_path.removesuffix("-symbol.json")
    network = f"net = mx.gluon.model_zoo.vision.get_model('{zoo}', pretrained=True)"
    export = f"net.hybridize(); net(mx.nd.zeros(({shape}))); net.export('FOLDER/{prefix}')"
    return f"""
MXNet has the model in its zoo and can write the files into a folder, which is then given as --model_dir=FOLDER (needs ngc[mxnet] and a network):
  python -c "from ngc.importer.mxnet_live import import_mxnet; mx = import_mxnet(); {network}; {export}\""""
