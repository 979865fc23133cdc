"""Data sets of one file an input."""

from dataclasses import dataclass
from pathlib import Path

from ngc.errors import DatasetError
from ngc.evaluate.inputs.addresses import is_remote, local_path, read_address, shown
from ngc.evaluate.inputs.datasets import Sample, digest_of


@dataclass(frozen=True)
class FileDataset:
    """Files, each an input.

    Attributes:
        name: see `Dataset`.
        folder: what relative paths start from.
        paths: of the inputs: relative, absolute, or file:, http: and https: addresses.
        classes: of the inputs.
    """

    name: str
    folder: Path
    paths: tuple[str, ...]
    classes: tuple[int | None, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def sample(self, index: int) -> Sample:
        """See `Dataset`."""
        return Sample(index, shown(self.paths[index]), self.classes[index])

    def read(self, index: int) -> bytes:
        """See `Dataset`."""
        return read_address(self.paths[index], self.folder)

    def digest(self) -> str:
        """See `Dataset`; of what lies behind http addresses only the addresses count."""
        return digest_of((path, label, *self._stamp(path)) for path, label in zip(self.paths, self.classes, strict=True))

    def _stamp(self, path: str) -> tuple[int, ...]:
        """Returns size and time of change of a local file; nothing where it cannot be found, which reading it reports."""
        if is_remote(path):
            return ()
        try:
            status = local_path(path, self.folder).stat()
        except (OSError, DatasetError):
            return ()
        return status.st_size, status.st_mtime_ns
