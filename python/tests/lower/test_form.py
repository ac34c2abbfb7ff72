"""The pieces of the flat form: columns with steps, the graph's slots, flat trees."""

from __future__ import annotations

import math
import random
import unittest
from typing import Any

from slipway.refusal import Refused

try:
    import numpy as np

    from slipway.lower.estimators.dispatch import lower_part
    from slipway.lower.form import columns, trees
    from slipway.lower.form.graph import Graph, graph_spec
    from slipway.lower.form.inputs import InputColumn
    from slipway.lower.form.part import Part
    from slipway.lower.form.types import Column
    from tests.lower.flat_model import FlatModel, number_step
except ImportError:
    np = None

ADD, DOUBLE = {"op": "add", "value": 1.0}, {"op": "multiply", "value": 2.0}


def state_of(*kinds: str | None) -> columns.Lowering:
    """What lowering knows before it begins, of inputs of these kinds."""
    return columns.Lowering([InputColumn(f"x{i}", kind) for i, kind in enumerate(kinds)], lower_part)


@unittest.skipIf(np is None, "numpy and scikit-learn are not installed")
class ColumnsCase(unittest.TestCase):
    """Steps follow each other, and a one-hot column keeps its two values."""

    def test_steps_are_added_in_order(self) -> None:
        found = columns.then(columns.then(Column(3), ADD), DOUBLE, ADD)
        self.assertEqual((found.source, found.steps), (3, (ADD, DOUBLE, ADD)))

    def test_of_a_one_hot_column_both_values_are_worked_out(self) -> None:
        steps: list[dict[str, Any]] = [
            {"op": "subtract", "value": 0.25},
            {"op": "divide", "value": 3.0},
            {"op": "finite"},
            {"op": "divide", "value": 0.5},
            {"op": "clip", "low": -0.1, "high": 0.4},
            ADD,
            DOUBLE,
        ]
        found = columns.then(Column(0, (), (0, 1)), *steps)
        values = [0.0, 1.0]
        for step in steps:
            values = [number_step(step, value) for value in values]
        self.assertEqual([found.off, found.on, found.steps], [*values, ()])
        with self.assertRaisesRegex(Refused, "a function on a one-hot column"):
            columns.then(Column(0, (), (0, 1)), {"op": "apply", "name": "sqrt"})

    def test_any_step_can_follow_a_one_hot_column_as_a_value(self) -> None:
        state = state_of("string")
        plain, hot = Column(0, (ADD,)), Column(0, (), (0, 1))
        self.assertIs(columns.flat(state, plain), plain)
        value = columns.flat(state, hot)
        self.assertEqual((value.source, value.hot, state.graph.base), (-1, None, [hot]))
        self.assertEqual(columns.ref(state, value), state.graph.base_ref(hot))
        self.assertEqual(columns.values([4, 7]), [Column(-1, value=4), Column(-1, value=7)])

    def test_kinds_are_learnt_once_and_kept(self) -> None:
        state = state_of(None, "string", "integer")
        self.assertEqual([state.kind(Column(i)) for i in range(3)], [None, "text", "number"])
        state.expect(Column(0), "text", self)
        self.assertEqual(state.inputs[0].kind, "string")
        with self.assertRaisesRegex(Refused, "reads input x0 as number, but it is text"):
            state.expect(Column(0), "number", self)
        encoded = Column(1, ({"op": "encode", "table": 0},))
        self.assertEqual(state.kind(encoded), "number")
        with self.assertRaisesRegex(Refused, "reads a computed column as text"):
            state.expect(Column(-1, value=4), "text", self)

    def test_numbers_that_json_lacks_are_texts(self) -> None:
        values = (math.nan, math.inf, -math.inf, np.float32(0.5), True)
        self.assertEqual([columns.number(value) for value in values], ["NaN", "Infinity", "-Infinity", 0.5, 1.0])
        self.assertTrue(columns.is_nan(np.float64("nan")))
        self.assertFalse(any(columns.is_nan(v) for v in (None, "nan", 0, 1.0)))

    def test_blocks_join_runs_of_one_encoding(self) -> None:
        hot = [Column(0, (ADD,), (5, k), off=0.0, on=float(k)) for k in range(3)]
        found = columns.blocks([hot[0], hot[1], Column(1), hot[2], Column(0, (ADD,), (6, 0))])
        self.assertEqual([block.get("first") for block in found], [0, None, 2, 0])
        self.assertEqual(found[0], {"input": 0, "steps": [ADD], "first": 0, "on": [0.0, 1.0], "off": [0.0, 0.0]})
        self.assertEqual(found[1], {"input": 1, "steps": []})


class Labels:
    """A fitted classifier, as far as a part asks it."""

    @property
    def classes_(self) -> Any:
        """Its labels."""
        return np.array(["a", "b"])


@unittest.skipIf(np is None, "numpy and scikit-learn are not installed")
class GraphCase(unittest.TestCase):
    """References become slots: base columns first, then what every node fills."""

    def test_a_base_column_is_kept_once(self) -> None:
        state = state_of("number", "number")
        found = columns.refs(state, [Column(0), Column(1), Column(0), Column(0, (ADD,)), Column(0, (), (0, 0), off=math.nan)])
        self.assertEqual(found, [0, 1, 0, 2, 3])
        self.assertEqual(len(state.graph.base), 4)

    def test_steps_on_a_value_are_a_node(self) -> None:
        state = state_of("number")
        (value,) = state.graph.add({"op": "link", "link": "exp", "from": columns.refs(state, [Column(0)])}, 1)
        self.assertEqual(columns.ref(state, Column(-1, value=value)), value)
        later = columns.ref(state, columns.then(Column(-1, value=value), ADD))
        self.assertNotEqual(later, value)
        self.assertEqual(state.graph.nodes[-1], {"op": "steps", "steps": [ADD], "from": [value]})

    def test_slots(self) -> None:
        graph = Graph()
        early = graph.add({"op": "mean", "from": []}, 2)
        a, b = graph.base_ref(Column(0)), graph.base_ref(Column(1))
        late = graph.add({"op": "product", "from": [a, early[1]], "terms": [[a, a], [early[1], b], []]}, 3)
        graph.add({"op": "sparse", "from": [b], "parts": [{"from": [b, a]}, {"text": 0, "width": 9}]}, 1)
        base, nodes, slots, result = graph.finish([late[2], b])
        self.assertEqual(([column.source for column in base], slots, result), ([0, 1], 8, [6, 1]))
        self.assertEqual([node["to"] for node in nodes], [2, 4, 7])
        self.assertEqual((nodes[1]["from"], nodes[1]["terms"]), ([0, 3], [[0, 0], [3, 1], []]))
        self.assertEqual(nodes[2]["parts"], [{"from": [1, 0]}, {"text": 0, "width": 9}])

    def test_arrays_of_a_node_have_its_number(self) -> None:
        graph = Graph()
        graph.add({"op": "mean", "from": []}, 1)
        graph.add({"op": "linear", "from": []}, 1, {"coefficients": np.ones(1)})
        self.assertEqual((list(graph.arrays), graph.nodes[1]["arrays"]), (["n1/coefficients"], "n1/"))

    def test_what_is_not_exact_is_handed_on_and_refused_where_it_matters(self) -> None:
        graph = Graph()
        (soft,) = graph.add({"op": "link", "from": []}, 1, inexact="its exp is another")
        (late,) = graph.add({"op": "mean", "from": [soft]}, 1)
        (other,) = graph.add({"op": "mean", "from": []}, 1)
        graph.exact(self, [other])
        with self.assertRaisesRegex(Refused, "GraphCase reads what is not exact: its exp is another"):
            graph.exact(self, [other, late])

    def test_parts_answer_in_the_form_that_is_asked(self) -> None:
        graph = Graph()
        raw = graph.add({"op": "mean", "from": []}, 2)
        model = Labels()
        self.assertEqual(Part(graph, model, raw, graph_spec(raw, "identity", "largest")).shares(), raw)
        self.assertEqual(len(Part(graph, model, raw[:1], graph_spec(raw[:1], "sigmoid", "positive")).shares()), 2)
        label = Part(graph, model, raw, graph_spec(raw, "none", "largest")).label()
        self.assertEqual(graph.nodes[graph.places[label][0]], {"op": "decide", "rule": "largest", "from": raw})
        with self.assertRaisesRegex(Refused, "hidden here"):
            Part(graph, model, raw, graph_spec(raw, "none", "largest", hidden="hidden here")).shares()
        regressor = Part(graph, model, raw[:1], graph_spec(raw[:1], "identity", None))
        self.assertEqual((regressor.number(), regressor.classes), (raw[:1], None))
        with self.assertRaisesRegex(Refused, "inside another model"):
            Part(graph, model, raw[:1], graph_spec(raw[:1], "sigmoid32", None)).number()


def random_tree(roll: random.Random, depth: int, offset: int) -> dict[str, Any]:
    """A tree of numbers with children before and behind their parents, as libraries have them."""
    nodes: list[list[float]] = []

    def grow(level: int) -> int:
        place = len(nodes)
        nodes.append([-1, -1, 0, 0.0, roll.random()])
        if level < depth and roll.random() < 0.8:
            left, right = grow(level + 1), grow(level + 1)
            nodes[place] = [left, right, roll.randrange(3), round(roll.random(), 2), 0.0]
        return place

    grow(0)
    table = np.array(nodes)
    leaf = table[:, 0] < 0
    return {
        "leaf": leaf,
        "feature": np.where(leaf, -1, table[:, 2]).astype("int64"),
        "threshold": table[:, 3],
        "left": table[:, 0].astype("int64"),
        "right": table[:, 1].astype("int64"),
        "flags": np.zeros(len(nodes), dtype="int64"),
        "leaves": table[:, 4:] + offset,
        "bitsets": np.zeros((0, 8), dtype="uint32"),
        "cover": np.ones(len(nodes)),
    }


def walk(tree: dict[str, Any], x: list[float]) -> float:
    """The leaf that a row comes to."""
    node = 0
    while not tree["leaf"][node]:
        node = tree["left" if x[tree["feature"][node]] <= tree["threshold"][node] else "right"][node]
    return float(tree["leaves"][node, 0])


@unittest.skipIf(np is None, "numpy and scikit-learn are not installed")
class TreesCase(unittest.TestCase):
    """Many trees in one set of arrays give what each gave alone."""

    def test_flat_trees_walk_as_the_trees_did(self) -> None:
        roll = random.Random(5)
        grown = [random_tree(roll, depth, offset=10 * k) for k, depth in enumerate([4, 0, 5, 3])]
        nodes = trees.Nodes()
        for tree in grown:
            nodes.add(tree)
        flat = FlatModel.__new__(FlatModel)
        flat.arrays = {name: values.tolist() for name, values in nodes.arrays().items()}
        spec = {"rounding": "float64", "base": [0.5], "leaf_width": 1, "divide": 1, "missing": "allow", "infinite": "allow"}
        for _ in range(200):
            x = [round(roll.random(), 2) for _ in range(3)]
            self.assertAlmostEqual(flat.trees(spec, x, "")[0], 0.5 + sum(walk(tree, x) for tree in grown), places=9)

    def test_types_are_those_of_the_file(self) -> None:
        nodes = trees.Nodes()
        nodes.add(random_tree(random.Random(1), 2, 0))
        kinds = {name: values.dtype.str for name, values in nodes.arrays().items()}
        wanted = dict.fromkeys(("roots", "feature", "left", "right"), "<i4") | dict.fromkeys(("threshold", "leaves", "cover"), "<f8")
        self.assertEqual(kinds, wanted | {"flags": "|u1", "bitsets": "<u4"})

    def test_sets_of_categories_are_numbered_across_trees(self) -> None:
        nodes = trees.Nodes()
        for _ in range(2):
            tree = random_tree(random.Random(0), 1, 0)
            self.assertEqual(len(tree["leaf"]), 3)
            tree["flags"][:] = trees.MISSING_LEFT  # of leaves it means nothing
            tree["flags"][~tree["leaf"]] = trees.CATEGORICAL + trees.MISSING_LEFT
            tree["threshold"] = np.zeros(len(tree["leaf"]))
            tree["bitsets"] = np.ones((1, 8), dtype="uint32")
            nodes.add(tree)
        arrays = nodes.arrays()
        split = arrays["feature"] >= 0
        self.assertEqual(arrays["flags"].tolist(), [3, 0, 0, 3, 0, 0])
        self.assertEqual((arrays["threshold"][split].tolist(), len(arrays["bitsets"])), ([0.0, 1.0], 16))

    def test_a_split_by_number_keeps_its_threshold_beside_sets(self) -> None:
        nodes = trees.Nodes()
        for flags in (trees.CATEGORICAL, trees.MISSING_LEFT):
            tree = random_tree(random.Random(0), 1, 0)
            tree["flags"][~tree["leaf"]] = flags
            tree["threshold"] = np.full(len(tree["leaf"]), 0.25 if flags == trees.MISSING_LEFT else 0.0)
            tree["bitsets"] = np.ones((1 if flags == trees.CATEGORICAL else 0, 8), dtype="uint32")
            nodes.add(tree)
        arrays = nodes.arrays()
        self.assertEqual(arrays["threshold"][arrays["feature"] >= 0].tolist(), [0.0, 0.25])

    def test_the_bits_of_flags_are_those_of_the_format(self) -> None:
        bits = (trees.MISSING_LEFT, trees.CATEGORICAL, trees.ZERO_MISSING, trees.TRUNCATES, trees.OUTSIDE_OTHER)
        self.assertEqual(bits, (1, 2, 4, 4, 8))

    def test_renumbering_puts_parents_first_and_drops_the_unreachable(self) -> None:
        left, right = np.array([4, -1, -1, -1, 1, -1]), np.array([3, -1, -1, -1, 5, -1])
        keep, new_left, new_right = trees.reachable(left, right)
        self.assertEqual(keep.tolist(), [0, 4, 3, 1, 5])
        self.assertEqual((new_left.tolist(), new_right.tolist()), ([1, 3, -1, -1, -1], [2, 4, -1, -1, -1]))

    def test_sets_hold_what_is_put_in(self) -> None:
        words = trees.bitset_words(300)
        self.assertEqual((words, trees.bitset_words(0)), (10, 8))
        bits = trees.set_of([0, 31, 32, 300], words)
        held = [k for k in range(32 * words) if bits[k // 32] >> np.uint32(k % 32) & 1]
        self.assertEqual(held, [0, 31, 32, 300])
        with self.assertRaisesRegex(Refused, "native are those below 65536"):
            trees.bitset_words(1 << 16)


if __name__ == "__main__":
    unittest.main()
