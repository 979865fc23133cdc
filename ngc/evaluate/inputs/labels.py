"""Names of classes, and which class a name in a data set means."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ngc.errors import DatasetError, shorten

_SYNSET = re.compile(r"n\d{8}")
"""The id of a WordNet synset, which ILSVRC names its classes by; lists of labels have it before the words: "n01440764 tench, Tinca tinca"."""

ILSVRC = 1000
"""Classes of ILSVRC."""

MOST_CLASSES = 1 << 31
"""Where it is not known how many there are: what databases keep as an integer."""

_NUMBER = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True)
class Labels:
    """The classes of a model.

    Attributes:
        names: in the order of the model's outputs; empty where they are not known.
        missing: whether the model has names, which are not to be had.
    """

    names: tuple[str, ...] = ()
    missing: bool = False

    def indices(self, used: Sequence[str], where: str) -> tuple[int, ...]:
        """Returns the class of each name that a data set uses.

        Names are compared in lower case, with the whole label, its synset id, or the words after that. Where no label fits:
        - names that all are numbers are the classes' numbers;
        - names that all are synset ids, as many as there are labels, have the labels' order, as ILSVRC numbers its classes; so have its 1000 without labels;
        - without labels, the sorted names are the classes, unless the model's are missing: some of its classes in order are not the first of them.

        Args:
            used: names, which may repeat.
            where: the data set, for errors.

        Raises:
            DatasetError: a name is no label, that of several, or beside numbers or missing labels; a number is that of no class.
        """
        distinct = sorted({_plain(name) for name in used})
        known = self._by_name
        if any(name in known for name in distinct):
            found = {name: self._one(name, where) for name in distinct}
        elif all(map(_NUMBER.fullmatch, distinct)):
            found = {name: self.checked(int(name), where) for name in distinct}
        elif not self.names and any(map(_NUMBER.fullmatch, distinct)):
            names = [name for name in distinct if not _NUMBER.fullmatch(name)]
            raise DatasetError(f"{where}: some of its classes are numbers and some are names {_some(names)}")
        elif (not self.names and not self.missing) or (len(distinct) == (len(self.names) or ILSVRC) and all(map(_SYNSET.fullmatch, distinct))):
            found = {name: index for index, name in enumerate(distinct)}
        elif self.missing:
            raise DatasetError(f"{where}: its classes have names {_some(distinct)}, and the model's labels, which say what those mean, are not to be had")
        else:
            raise DatasetError(f"{where}: none of its classes {_some(distinct)} is one of the model's {len(self.names)} labels {_some(self.names)}")
        return tuple(found[_plain(name)] for name in used)

    def checked(self, index: int, where: str) -> int:
        """Returns a class's number; raises DatasetError if there is no such class."""
        if not 0 <= index < (len(self.names) or MOST_CLASSES):
            raise DatasetError(f"{where}: class {index}; " + (f"there are {len(self.names)}, from 0" if self.names else f"expected 0 to {MOST_CLASSES - 1}"))
        return index

    def whole(self, label: float, where: str) -> int:
        """Returns the class that a number stands for which a file keeps as a float; raises DatasetError if there is no such class."""
        if not label.is_integer():  # nor are infinity and NaN
            raise DatasetError(f"{where}: label {label}; a class is a whole number")
        return self.checked(int(label), where)

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """Classes by all names that they have."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, label in enumerate(map(_plain, self.names)):
            synset, _, words = label.partition(" ")
            for name in {label, synset, words.strip()} if _SYNSET.fullmatch(synset) else {label}:
                found[name].append(index)
        return dict(found)

    def _one(self, name: str, where: str) -> int:
        indices = self._by_name.get(name, [])
        if len(indices) != 1:
            what = f"the label of classes {', '.join(map(str, indices))}" if indices else f"none of the model's {len(self.names)} labels {_some(self.names)}"
            raise DatasetError(f"{where}: class {name!r} is {what}")
        return indices[0]


def _plain(name: str) -> str:
    return name.strip().lower()


def _some(names: Sequence[str]) -> str:
    """Returns the first names of a long list."""
    return "(" + ", ".join(shorten(name, 40) for name in names[:5]) + (", ..." if len(names) > 5 else "") + ")"
