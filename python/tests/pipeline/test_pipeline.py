"""Pipelines in Python: what they say, that steps stay functions, and what is refused."""

from __future__ import annotations

import pickle
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from slipway.pipeline import item, param, partition, pipeline, source, step
from slipway.pipeline.expressions import Expression, Metrics, Operand, Output
from slipway.pipeline.projects import PipelineError
from slipway.pipeline.written import yaml_of
from slipway.step.behind import Behind, come_behind
from tests.pipeline import authored

HERE = "tests.pipeline.authored"


class SpecCase(unittest.TestCase):
    """Every key of a pipeline."""

    def test_partitions_and_triggers(self) -> None:
        partitions = {"by": "day", "start": "2026-01-01"}
        triggers = {"hook": {"on": "webhook", "at_most": 2}}

        @pipeline("daily", partitions=partitions, triggers=triggers)
        def daily() -> None:
            authored.ingest(month=partition)

        said = daily.spec()["pipeline"]
        self.assertEqual((said["partitions"], said["triggers"]), (partitions, triggers))
        self.assertEqual(said["steps"]["ingest"]["params"], {"month": "{partition}"})
        self.assertEqual(partition.start._taken, "{partition.start}")

    def test_all_of_it(self) -> None:
        expected = {
            "project": "flights",
            "python": {"packages": []},
            "pipeline": {
                "params": {
                    "lr": {"type": "float", "default": 0.1, "min": 0, "max": 1, "help": "how fast"},
                    "months": {"type": "list", "default": ["a", "b"], "of": "string"},
                },
                "steps": {
                    "ingest": {
                        "run": f"{HERE}:ingest",
                        "params": {"month": "é ☃ 😀"},
                        "outputs": ["raw"],
                        "env": {"MODE": "x"},
                        "secrets": ["API_KEY"],
                    },
                    "fit-it": {
                        "run": f"{HERE}:train",
                        "inputs": {"raw": "ingest.raw"},
                        "when": "params.lr > 0",
                        "params": {"max_iter": 2**80},
                        "outputs": ["model", "plot"],
                        "timeout": "30m",
                        "retries": {"user": 1},
                        "resources": {"cpus": 2, "memory": "4GiB"},
                    },
                    "main": {
                        "run": "elsewhere.score:main",
                        "inputs": {"model": "fit-it.model?"},
                        "params": {"tags": ["a", 1.0, None, True], "months": "{params.months}"},
                        "outputs": ["table"],
                        "cache": "never",
                        "seed": 3,
                    },
                    "show": {
                        "run": ["python", "show.py", "{inputs.model}"],
                        "inputs": {"model": "fit-it.model", "table": "main.table"},
                        "params": {"lr": "{params.lr}"},
                        "after": ["ingest", "fit-it"],
                        "silent_timeout": 60,
                    },
                },
                "schedule": {"cron": "0 4 * * *"},
                "reads": "strict",
                "salt": "s",
            },
            "model": {"name": "delay", "from": "fit-it.model", "gates": [{"metric": "auc", "at_least": 0.5}]},
            "endpoint": {"name": "delay"},
        }
        self.assertEqual(authored.flights.spec(), expected)
        self.assertEqual(authored.flights.spec(), expected, "asked twice it says the same")

    def test_items(self) -> None:
        @pipeline("p")
        def built(months: Any = param("list", of="string", default=[])) -> None:
            fit = authored.ingest.options(name="fit", for_each={"item": months, "at_once": 2})(month=item)
            part = authored.ingest.options(name="part", for_each={"item": [{"a": 1.0}]})(month=item.a)
            authored.show(models=fit.raw, parts=part.raw.optional(), last=part)

        steps = built.spec()["pipeline"]["steps"]
        self.assertEqual(steps["fit"]["for_each"], {"item": "{params.months}", "at_once": 2})
        self.assertEqual((steps["fit"]["params"], steps["part"]["params"]), ({"month": "{item}"}, {"month": "{item.a}"}))
        self.assertEqual(steps["show"]["inputs"], {"models": "fit.raw[*]", "parts": "part.raw[*]?", "last": "part.raw[*]"})

    def test_sources(self) -> None:
        @pipeline("p", sources={"raw": {"file": "/srv/raw.csv", "table": "csv"}})
        def built() -> None:
            authored.train(source("raw"))

        said = built.spec()
        self.assertEqual(said["sources"], {"raw": {"file": "/srv/raw.csv", "table": "csv"}})
        self.assertEqual(said["pipeline"]["steps"]["fit-it"]["inputs"], {"raw": "sources.raw"})

    def test_rows_and_files_of_sources(self) -> None:
        @pipeline("p", sources={"raw": {"file": "/srv/raw"}, "orders": {"sql": {"database": "DB", "query": "SELECT 1 AS n"}}})
        def built() -> None:
            files = {"files": source("raw"), "at_once": 2}
            authored.train.options(name="files", for_each=files)(source("raw").each_file(), max_iter=item.size)
            rows = {"rows": source("orders"), "columns": {"n": "int"}}
            authored.ingest.options(name="rows", for_each=rows)(month=item.n)

        steps = built.spec()["pipeline"]["steps"]
        self.assertEqual(steps["files"]["for_each"], {"files": "sources.raw", "at_once": 2})
        self.assertEqual(steps["files"]["inputs"], {"raw": "sources.raw[item]"})
        self.assertEqual(steps["files"]["params"], {"max_iter": "{item.size}"})
        self.assertEqual(steps["rows"]["for_each"], {"rows": "sources.orders", "columns": {"n": "int"}})
        self.assertEqual(steps["rows"]["params"], {"month": "{item.n}"})

    def test_it_is_no_function_to_call(self) -> None:
        with self.assertRaisesRegex(TypeError, "slipway run"):
            authored.flights()


class StepCase(unittest.TestCase):
    """Outside of a pipeline a step is its function."""

    def test_a_call_is_a_call(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            raw, model = Path(folder, "raw"), Path(folder, "model")
            self.assertIsNone(authored.ingest(raw, month="ab"))
            self.assertEqual(authored.train(raw, model=model, max_iter=2), {"auc": 0.5})
            self.assertEqual(model.read_text(), "abab")
            self.assertEqual(authored.train.options(timeout="1h")(raw, model, 1), {"auc": 0.5})
        self.assertEqual((authored.train.__name__, authored.train.__doc__), ("train", "Leaves another, with a metric."))

    def test_it_is_pickled_by_its_name(self) -> None:
        self.assertIs(pickle.loads(pickle.dumps(authored.train)), authored.train)

    def test_what_is_not_loaded_is_not_called(self) -> None:
        with self.assertRaisesRegex(TypeError, "not loaded here"):
            authored.score()


class ExpressionCase(unittest.TestCase):
    """Conditions as the grammar of project files has them."""

    def test_texts(self) -> None:
        auc, a, b = Metrics("fit")["auc"], Operand("params.a"), Operand("params.b")
        cases: list[tuple[Expression, str]] = [
            (auc >= 0.8, "steps.fit.metrics.auc >= 0.8"),
            (Metrics("fit-it")["val/auc"] < 1e-7, "steps.fit-it.metrics['val/auc'] < 1e-07"),
            (Metrics("1st").auc != auc, "steps['1st'].metrics.auc != steps.fit.metrics.auc"),
            (Output("fit", "model").size > 0, "steps.fit.outputs.model.size > 0"),
            (Output("fit", "model").files == 1, "steps.fit.outputs.model.files == 1"),
            ((a == "x") & (b == True) | ~a, "params.a == 'x' and params.b == true or not params.a"),  # noqa: E712
            (((a == 1) | b) & ~(b & a), "(params.a == 1 or params.b) and not (params.b and params.a)"),
            (~~a, "not not params.a"),
            (a.is_in(["it's", 'a "b"', 3]) & b, 'params.a in ["it\'s", \'a "b"\', 3] and params.b'),
        ]
        for expression, text in cases:
            self.assertEqual(expression.text, text)

    def test_what_cannot_be_said_is_refused_where_it_is_written(self) -> None:
        a: Any = Operand("params.a")
        wrong: list[tuple[Any, str]] = [
            (lambda: bool(a > 1), "hand it over with when="),
            (lambda: 0 < a < 1, r"write \(0 < x\) & \(x < 1\)"),
            (lambda: a == float("nan"), "finite number"),
            (lambda: a == [1], "cannot be compared"),
            (lambda: a == "'\"", "both kinds of quotes"),
            (lambda: (a == 1) & True, "no condition"),
        ]
        for write, message in wrong:
            with self.assertRaisesRegex((TypeError, ValueError), message):
                write()


def outer() -> Any:
    """Makes what no run can find."""

    @step
    def inner() -> None: ...

    return inner


class Holder:
    """A class with a step."""

    @step
    def method(self) -> None:
        """A method."""


@step
async def waits() -> None:
    """No run awaits it."""


@step
def hidden() -> None:
    """The first of two with one name."""


first_hidden = hidden


@step  # type: ignore[no-redef]
def hidden() -> None:
    """The second."""


class RefusalCase(unittest.TestCase):
    """Functions that no run could find."""

    def refusal(self, one: Any, **arguments: Any) -> str:
        """What is said of a pipeline of one step."""

        @pipeline("p")
        def built() -> None:
            one(**arguments)

        with self.assertRaises(PipelineError) as caught:
            built.to_yaml()
        return str(caught.exception)

    def test_functions(self) -> None:
        nested: Any = outer()
        main: Any = step(lambda: None)
        main._run.__module__, main._run.__qualname__, main._run.__name__ = "__main__", "train", "train"
        cases = [
            (nested, "exists only while another function runs"),
            (step(name="l")(lambda: None), "got a lambda"),
            (Holder.method, "part of a class"),
            (main, "__main__, a module that no run can import"),
            (waits, "async or a generator"),
            (first_hidden, "what has that name there is something else"),
        ]
        for one, message in cases:
            self.assertRegex(self.refusal(one), message)
            self.assertIn(f"{__file__}:" if one is not main else ":", self.refusal(one))

    def test_values(self) -> None:
        cases: list[tuple[Any, str]] = [
            ({1: 2}, "got the key 1, expected a text"),
            (Path("x"), "got a value of type pathlib"),
            ({"a": [Output("a", "b")]}, "inside of another value"),
            (Metrics("a").b, "known only while the pipeline runs"),
            (param("int"), "declares a param of the pipeline"),
        ]
        for value, message in cases:
            self.assertRegex(self.refusal(authored.ingest, month=value), message)
        circular: list[Any] = []
        circular.append(circular)
        self.assertRegex(self.refusal(authored.ingest, month=circular), "more than 100 deep")
        self.assertRegex(self.refusal(authored.ingest, mounth=1), "takes no mounth; by name it takes month, raw")


class YamlCase(unittest.TestCase):
    """Texts and numbers that YAML writes in its own way."""

    def test_scalars(self) -> None:
        text = yaml_of({"a": [1, 1.0, float("nan"), float("-inf"), "\x7f\u2028\ud800é", None, True], "null": {"1": {}}, "-": "no"})
        expected = 'a: [1, 1.0, .nan, -.inf, "\\u007f\\u2028\\ud800é", null, true]\n"null":\n  "1": {}\n"-": "no"\n'
        self.assertEqual(text, expected)


class BehindCase(unittest.TestCase):
    """Steps find the package where nothing else brings it."""

    def test_it_is_last_and_there_once(self) -> None:
        before = list(sys.meta_path)
        try:
            come_behind()
            come_behind()
            self.assertEqual([one for one in sys.meta_path if one is Behind], [Behind])
            self.assertIs(sys.meta_path[-1], Behind)
        finally:
            sys.meta_path[:] = before
        found = Behind.find_spec("slipway")
        assert found is not None and found.origin is not None
        self.assertTrue(found.origin.endswith("slipway/__init__.py"))
        self.assertIsNone(Behind.find_spec("json"))


if __name__ == "__main__":
    unittest.main()
