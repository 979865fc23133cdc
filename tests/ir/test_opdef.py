"""Operator records: attribute schemas, operand counts, the table."""

import pytest

from ngc.errors import VerifyError
from ngc.ir import STAGES, Attr, Step, SymDim, TensorType, opdef, opdefs


@pytest.mark.parametrize(("attr", "given", "canonical"), [
    (Attr("int"), 3.0, 3), (Attr("float"), 3, 3.0), (Attr("bool"), True, True), (Attr("str"), "a", "a"), (Attr("str", choices=("a", "b")), "b", "b"),
    (Attr("ints"), [1, 2], (1, 2)), (Attr("ints"), (1.0, 2), (1, 2)), (Attr("ints", None), None, None), (Attr("bounds"), [None, 1], (None, 1)),
    (Attr("floats"), [1, 2.5], (1.0, 2.5)), (Attr("shape"), [SymDim(), 3], (SymDim(), 3)), (Attr("steps"), [Step("relu")], (Step("relu"),)),
])
def test_values_in_their_canonical_form(attr: Attr, given: object, canonical: object) -> None:
    got = attr.check(given, "x")
    assert got == canonical
    assert type(got) is type(canonical)
    assert [type(item) for item in got] == [type(item) for item in canonical] if isinstance(got, tuple) and isinstance(canonical, tuple) else True


@pytest.mark.parametrize(("attr", "given", "text"), [
    (Attr("int"), 2.5, "x takes int, not 2.5"), (Attr("int"), True, "x takes int, not True"), (Attr("int"), float("inf"), "x takes int, not inf"),
    (Attr("int"), None, "x takes int, not None"), (Attr("float"), "1", "x takes float, not '1'"), (Attr("bool"), 1, "x takes bool, not 1"),
    (Attr("str", choices=("a", "b")), "c", "x takes one of a, b, not 'c'"), (Attr("ints"), 3, "x takes ints, not 3"),
    (Attr("ints"), [1.5], "x takes ints, not [1.5]"), (Attr("ints"), "12", "x takes ints, not '12'"), (Attr("ints"), [None], "x takes ints, not [None]"),
    (Attr("shape"), [1.0], "x takes shape, not [1.0]"), (Attr("steps"), ["relu"], "x takes steps, not ['relu']"),
])
def test_values_that_do_not_fit(attr: Attr, given: object, text: str) -> None:
    with pytest.raises(VerifyError) as caught:
        attr.check(given, "x")
    assert str(caught.value) == text


def test_defaults_are_filled_in() -> None:
    assert opdef("softmax").check_attrs({}) == {"axis": -1, "temperature": 1.0}
    with pytest.raises(VerifyError, match="pool needs the attribute kind"):
        opdef("pool").check_attrs({})
    with pytest.raises(VerifyError, match="relu has no attribute slope; it takes none"):
        opdef("relu").check_attrs({"slope": 1.0})


def test_operands_are_split_by_the_steps() -> None:
    conv = opdef("conv2d")
    attrs = conv.check_attrs({"prologue": (Step("affine"),), "epilogue": (Step("bias"), Step("add"))})
    assert conv.split(6, attrs) == (2, 2, 2)
    with pytest.raises(VerifyError, match=r"conv2d takes 2 operands \(x, w\) besides those of its steps, not 1"):
        conv.split(5, attrs)
    with pytest.raises(VerifyError, match=r"add takes 1 to 2 operands \(a, b\?\) besides those of its steps, not 3"):
        opdef("add").split(3, {})
    assert opdef("concat").split(7, {}) == (7, 0, 0)


def test_unknown_operators_have_neighbours() -> None:
    with pytest.raises(VerifyError) as caught:
        opdef("conv2")
    assert str(caught.value) == "unknown operator 'conv2'; did you mean conv2d, deconv2d, conv3d?"


def test_inference_says_what_it_cannot_take() -> None:
    image, symbolic = TensorType((2, 3, 8, 8)), TensorType((SymDim(), 3, 8, 8))
    conv = opdef("conv2d")
    with pytest.raises(VerifyError, match="only the batch of the data can depend on N"):
        conv.infer_types([image, symbolic], conv.check_attrs({}))
    with pytest.raises(VerifyError, match="needs the shape"):
        opdef("batch_norm").infer_types([image, *[TensorType((4,))] * 4], opdef("batch_norm").check_attrs({}))


def test_every_operator_is_described_and_sound() -> None:
    for name, definition in opdefs().items():
        assert name == definition.name
        assert definition.doc, name
        assert definition.stages, name
        assert set(definition.stages) <= set(STAGES), name
        assert definition.operands or name == "const", name
