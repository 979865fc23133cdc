"""The node order behaves as a list does, whatever is inserted and removed."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.ir import Node
from ngc.ir.order import NodeOrder


def nodes(count: int) -> list[Node]:
    return [Node("identity", (), {}, ()) for _ in range(count)]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["append", "insert", "remove"]), st.integers(0, 10**6)), max_size=80))
def test_agrees_with_a_list(edits: list[tuple[str, int]]) -> None:
    order, model = NodeOrder(), []
    for (edit, number), node in zip(edits, nodes(len(edits)), strict=True):
        if edit == "append" or not model:
            order.append(node)
            model.append(node)
        elif edit == "insert":
            before = model[number % len(model)]
            order.insert(node, before)
            model.insert(model.index(before), node)
        else:
            order.remove(model.pop(number % len(model)))
    assert list(order) == model
    assert len(order) == len(model)
    assert all(order.precedes(a, b) and not order.precedes(b, a) for a, b in itertools.pairwise(model))


def test_many_insertions_at_one_place_deal_ranks_anew() -> None:
    first, last, *between = nodes(200)
    order = NodeOrder([first, last])
    for node in between:
        order.insert(node, last)
    assert list(order) == [first, *between, last]
    assert all(order.precedes(a, b) for a, b in itertools.pairwise(between))


def test_membership() -> None:
    one, two = nodes(2)
    order = NodeOrder([one])
    assert one in order
    assert two not in order
    order.remove(one)
    assert one not in order
    assert list(order) == []
