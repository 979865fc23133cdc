"""The list of MXNet's operators: all that MXNet has, each with what becomes of it."""

import ctypes
from types import ModuleType

from ngc.importer.mxnet_operators import ALIASES, DEPLOYABLE, EXCLUDED, REASONS, REFUSED
from ngc.importer.operator_names import canonical_operator
from ngc.importer.operators import OPERATORS
from ngc.importer.quantized_symbol import QUANTIZED_OPERATORS
from ngc.ir import opdefs
from ngc.opt.mxnet_catalog import mxnet_operators


def _names(mx: ModuleType) -> set[str]:
    """Returns all names of operators that MXNet knows, aliases among them."""
    count, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    mx.base.check_call(mx.base._LIB.MXListAllOpNames(ctypes.byref(count), ctypes.byref(names)))
    return {names[index].decode() for index in range(count.value)}


def test_the_list_is_all_of_mxnet(mx: ModuleType) -> None:
    listed = {name for entry in ALIASES.items() for name in (entry[0], *entry[1])}
    unlisted = _names(mx) - listed
    assert listed <= _names(mx)
    assert sorted(name for name in unlisted if "backward" not in name and name != "_NoGradient") == []


def test_every_operator_has_a_state_and_a_reason() -> None:
    records = {record["name"]: record for record in mxnet_operators()}
    assert set(OPERATORS) <= {name for record in records.values() for name in (record["name"], *record["aliases"])}
    assert set(ALIASES) <= set(records)
    for record in records.values():
        if record["state"] in ("refused", "excluded"):
            assert record["why"], record["name"]
        else:
            assert set(record["targets"]) == {"cpu", "onnx", "stablehlo", "tensorrt"}
            assert set(record["becomes"]) <= {*opdefs(), *OPERATORS}
    assert records["_contrib_box_nms"]["becomes"] == ["box_nms", "identity"]
    assert records["_contrib_box_nms"]["targets"]["onnx"]["state"] == "no"  # an identity around it is no form of it
    assert records["_copy"]["targets"]["onnx"]["state"] == "yes"
    assert records["_contrib_quantize_v2"]["becomes"] == []
    assert records["_contrib_boolean_mask"]["state"] == "refused"
    assert "excluded" not in {records[name]["state"] for name in DEPLOYABLE}


def test_what_is_imported_is_neither_refused_nor_excluded() -> None:
    assert [name for name in REASONS if canonical_operator(name) in OPERATORS or name in QUANTIZED_OPERATORS] == []
    assert not set(EXCLUDED) & set(REFUSED)
    assert len(ALIASES) > 550


def test_every_alias_is_the_operator_that_it_names() -> None:
    """`_npi_cholesky` and `_sparse_stop_gradient` are one operator with what MXNet lists them under."""
    imported = {name: aliases for name, aliases in ALIASES.items() if name not in EXCLUDED and name not in REFUSED}
    others = {name: alias for name, aliases in imported.items() for alias in aliases if canonical_operator(alias) != canonical_operator(name)}
    assert others == {}
