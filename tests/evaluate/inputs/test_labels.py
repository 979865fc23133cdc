"""Which class a data set's name of one means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import DatasetError
from ngc.evaluate.inputs.labels import Labels

ILSVRC = Labels(("n01440764 tench, Tinca tinca", "n01443537 goldfish, Carassius auratus", "n02012849 crane", "n03126707 crane"))


@given(st.lists(st.text("abcABC", min_size=1), min_size=1))
def test_without_labels_the_sorted_names_are_the_classes(used: list[str]) -> None:
    names = sorted({name.lower() for name in used})
    assert [names[index] for index in Labels().indices(used, "here")] == [name.lower() for name in used]


@given(st.lists(st.integers(0, 999), min_size=1))
def test_names_that_are_numbers_are_the_classes_numbers(used: list[int]) -> None:
    assert list(Labels().indices([str(number) for number in used], "here")) == used


def test_labels_are_compared_without_case() -> None:
    assert Labels(("Zebra", "cat ", "dog")).indices(["CAT", "zebra", "Dog", "cat"], "here") == (1, 0, 2, 1)


def test_labels_that_are_numbers_come_before_the_classes_numbers() -> None:
    assert Labels(("7", "8", "9")).indices(["8", "7"], "here") == (1, 0)
    assert Labels(("seven", "eight")).indices(["1", "0"], "here") == (1, 0)


@pytest.mark.parametrize("used", ["n01443537", "Goldfish, Carassius auratus", "n01443537 goldfish, carassius auratus"])
def test_a_synset_is_its_id_or_its_words(used: str) -> None:
    assert ILSVRC.indices([used], "here") == (1,)


def test_as_many_synsets_as_labels_are_in_the_labels_order() -> None:
    assert Labels(("tench", "goldfish")).indices(["n01443537", "n01440764", "n01443537"], "here") == (1, 0, 1)


def test_names_mean_nothing_where_the_models_labels_are_missing() -> None:
    """Some of ILSVRC's classes in order are not its first ones; all of them are."""
    missing = Labels(missing=True)
    with pytest.raises(DatasetError) as caught:
        missing.indices(["n01443537", "n01440764"], "here")
    assert str(caught.value) == ("here: its classes have names (n01440764, n01443537), and the model's labels, which say what those mean, are not to be had")
    assert missing.indices(["7", "3"], "here") == (7, 3)
    synsets = [f"n{number:08}" for number in range(1000)]
    assert missing.indices(synsets, "here") == tuple(range(1000))


@pytest.mark.parametrize(("labels", "used", "message"), [
    (("cat", "dog"), ["cat", "bird"], "here: class 'bird' is none of the model's 2 labels (cat, dog)"),
    (("cat", "dog"), ["horse", "bird"], "here: none of its classes (bird, horse) is one of the model's 2 labels (cat, dog)"),
    (("a",) * 9, ["n01440764"], "here: none of its classes (n01440764) is one of the model's 9 labels (a, a, a, a, a, ...)"),
    (("cat", "dog"), ["0", "2"], "here: class 2; there are 2, from 0"),
    ((), ["0", "-1"], "here: class -1; expected 0 to 2147483647"),
    ((), ["0", "2147483648"], "here: class 2147483648; expected 0 to 2147483647"),
    ((), ["2", "b.jpg 3"], "here: some of its classes are numbers and some are names (b.jpg 3)"),
    (ILSVRC.names, ["crane"], "here: class 'crane' is the label of classes 2, 3"),
])
def test_a_name_of_no_class_is_refused(labels: tuple[str, ...], used: list[str], message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        Labels(labels).indices(used, "here")
    assert str(caught.value) == message
