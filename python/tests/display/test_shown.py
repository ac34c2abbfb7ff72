"""What stands in the notebook: the table, the curves, the link; whatever users wrote is text there."""

from __future__ import annotations

import math
import random
import re
import shlex
import subprocess
import sys
import types
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any
from unittest import mock

import slipway
from slipway.display.curves import COLOURS
from slipway.display.scale import scale_of, ticks
from tests.display.notebook import NotebookCase, Shell, Tags, run_row

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\u202e\x00\n"
ALLOWED = {"a", "div", "span", "table", "thead", "tbody", "tr", "th", "td", "figure"}
DRAWN = {"svg", "g", "title", "path", "polyline", "circle", "text"}
KEYS = {"metrics": ["loss", "acc"], "params": ["C"], "tags": [], "newest": {"metrics": ["acc"], "params": ["C"]}}


class Extension(NotebookCase):
    """`%load_ext slipway`."""

    def test_it_can_be_taken_away_and_asks_no_server(self) -> None:
        shell = Shell()
        slipway.load_ipython_extension(shell)
        self.assertEqual(list(shell.magics["line"]), ["slipway"])
        slipway.unload_ipython_extension(shell)
        slipway.unload_ipython_extension(shell)
        self.assertEqual((shell.magics["line"], self.server.asked), ({}, []))

    def test_ipython_is_never_imported(self) -> None:
        package = Path(slipway.__file__).resolve().parents[1]
        program = f"import sys; sys.path.insert(0, {str(package)!r}); sys.modules['IPython'] = None; import slipway.display.magic"
        subprocess.run([sys.executable, "-B", "-I", "-S", "-c", program], check=True)


class Table(NotebookCase):
    """`%slipway runs`."""

    def setUp(self) -> None:
        super().setUp()
        self.server.answers["/v1/runs/keys"] = KEYS

    def answer(self, *rows: dict[str, Any], more: bool = False) -> None:
        """The runs that there are."""
        self.server.answers["/v1/runs"] = {"items": list(rows), **({"next_page_token": "t"} if more else {})}

    def test_runs_with_metrics_and_params_in_the_order_of_the_server(self) -> None:
        second = run_row("r2", ended_at=None, status="RUNNING", metrics={"loss": "NaN"}, params={})
        self.answer(second, run_row("r1", lost=True, metrics={"acc": 0.123456789, "loss": 1200000}, params={"C": "1"}))
        shown = self.show("runs")
        lines = shown["text/plain"].splitlines()
        self.assertEqual(lines[0], "2 runs of all experiments, newest first")
        self.assertEqual(lines[1].split(), ["run", "status", "started", "(UTC)", "took", "metrics.acc", "metrics.loss", "params.C"])
        self.assertEqual(lines[2].split(), ["name-r2", "RUNNING", "2026-03-01", "10:00:00", "NaN"])
        self.assertEqual(lines[3].split(), ["name-r1", "LOST", "2026-03-01", "10:00:00", "1", "min", "5", "s", "0.123457", "1200000", "1"])
        tags = Tags(shown["text/html"])
        links = [attributes["href"] for tag, attributes in tags.found if tag == "a"]
        self.assertEqual(links, [f"{self.server.url}/runs/r2", f"{self.server.url}/runs/r1"])
        for text in ("name-r2", "LOST", "0.123457", "1200000", "metrics", "params"):
            self.assertIn(text, tags.text)

    def test_an_experiment_is_found_by_name_by_id_or_from_the_environment(self) -> None:
        self.answer(run_row())
        self.server.answers["/v1/experiments"] = {"items": [{"id": "7", "name": "it's", "project": "p"}]}
        self.assertIn('experiment "it\'s"', self.show('runs "it\'s"')["text/plain"])
        self.assertEqual(self.server.asked[0][1]["filter"], ["name = 'it''s'"])
        self.assertEqual(self.server.asked[-1][1]["experiment_id"], ["7"])
        self.server.answers["/v1/experiments"] = {"items": []}
        self.server.answers["/api/2.0/mlflow/experiments/get"] = {"experiment": {"experiment_id": "9", "name": "nine"}}
        self.assertIn('experiment "nine"', self.show("runs 9")["text/plain"])
        self.environment(SLIPWAY_URL=self.server.url, SLIPWAY_TOKEN=self.token, MLFLOW_EXPERIMENT_ID="9")
        self.assertIn('experiment "nine"', self.show("runs")["text/plain"])
        self.assertIn("all experiments", self.show("runs --all")["text/plain"])

    def test_names_that_are_several_are_told_with_their_ids(self) -> None:
        both = [{"id": "7", "name": "a", "project": "red"}, {"id": "8", "name": "a", "project": "blue"}]
        self.server.answers["/v1/experiments"] = {"items": both}
        self.assertIn("give the id: 7 (project red), 8 (project blue)", self.refused("runs a"))

    def test_what_is_left_out_is_said(self) -> None:
        many = [f"m{at}" for at in range(30)]
        self.server.answers["/v1/runs/keys"] = {**KEYS, "metrics": many, "newest": {"metrics": ["m20"], "params": []}}
        self.answer(run_row(), more=True)
        text = self.show("runs --limit 1")["text/plain"]
        self.assertIn("older runs are not shown", text)
        self.assertIn("22 more metrics: name some with --metrics a,b", text)
        self.assertEqual(self.server.asked[-1][1]["metrics"], ["m20,m0,m1,m2,m3,m4,m5,m6"])
        self.assertEqual(self.server.asked[-1][1]["limit"], ["1"])
        self.assertNotIn("more metrics", self.show("runs --metrics m1")["text/plain"])

    def test_texts_of_users_are_text(self) -> None:
        self.server.answers["/v1/runs/keys"] = {**KEYS, "metrics": [HOSTILE], "newest": {"metrics": [HOSTILE], "params": [HOSTILE]}}
        self.answer(run_row(HOSTILE, name=HOSTILE, status=HOSTILE, metrics={HOSTILE: HOSTILE}, params={HOSTILE: HOSTILE * 1000}))
        shown = self.show("runs")
        self.assert_harmless(shown, ALLOWED)
        self.assertLess(len(shown["text/html"]), 6000)

    def assert_harmless(self, shown: dict[str, str], allowed: set[str]) -> None:
        """No tag, attribute or address that a user wrote, and nothing that a terminal obeys."""
        for tag, attributes in Tags(shown["text/html"]).found:
            self.assertIn(tag, allowed)
            self.assertFalse([name for name in attributes if name.startswith("on") or name == "src"])
            self.assertTrue(str(attributes.get("href", self.server.url)).startswith(self.server.url))
        for text in shown.values():
            self.assertFalse(set(text) & set("\x00\x1b\u202e"))

    def test_the_token_stands_in_no_output_even_where_a_user_logged_it(self) -> None:
        self.answer(run_row(name=self.token, params={"C": "x" * 50 + self.token}))
        for text in self.show("runs").values():
            self.assertNotIn(self.token[:8], text, "nor the half of it, where a text is cut")
            self.assertIn("•••", text)

    def test_no_colour_is_set_that_a_dark_page_would_swallow(self) -> None:
        self.answer(run_row())
        for _, attributes in Tags(self.show("runs")["text/html"]).found:
            style = f";{attributes.get('style') or ''}"
            self.assertNotIn(";color:", style)
            self.assertIn(style.partition("background:")[2].partition(";")[0], ("", "transparent"))


class Last(NotebookCase):
    """`%slipway last`."""

    def setUp(self) -> None:
        super().setUp()
        self.server.answers["/v1/runs"] = {"items": [run_row("newest")]}
        for name in ("newest", "mine"):
            run = run_row(name, metrics=[{"key": "acc", "value": 0.5, "step": 1, "at": ""}])
            self.server.answers[f"/v1/runs/{name}"] = run

    def mlflow(self, uri: str, run: object) -> None:
        """The client in this process."""

        class MlflowException(Exception):
            pass

        def last_active_run() -> object:
            if run is None:
                raise MlflowException("gone")
            return run

        exceptions = types.SimpleNamespace(MlflowException=MlflowException)
        module = types.SimpleNamespace(get_tracking_uri=lambda: uri, last_active_run=last_active_run, exceptions=exceptions)
        patch = mock.patch.dict(sys.modules, {"mlflow": module})
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_newest_run_with_its_link(self) -> None:
        shown = self.show("last")
        link = f"{self.server.url}/runs/newest"
        facts = "FINISHED · started 2026-03-01 10:00:00 UTC · took 1 min 5 s · acc = 0.5"
        self.assertEqual(shown["text/plain"], f"name-newest  {link}\n{facts}")
        self.assertIn(f'href="{link}"', shown["text/html"])

    def test_the_run_of_this_notebook_before_others(self) -> None:
        run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="mine"))
        self.mlflow(self.server.url + "/", run)
        self.assertIn("name-mine", self.show("last")["text/plain"])

    def test_mlflow_at_another_server_or_without_a_run_is_not_asked_twice(self) -> None:
        run = types.SimpleNamespace(info=types.SimpleNamespace(run_id="mine"))
        for uri, found in (("http://elsewhere", run), (self.server.url, None)):
            self.mlflow(uri, found)
            self.assertIn("name-newest", self.show("last")["text/plain"])

    def test_no_run_at_all(self) -> None:
        self.server.answers["/v1/runs"] = {"items": []}
        self.assertIn("no run of all experiments", self.refused("last"))


class Curves(NotebookCase):
    """`%slipway curves`."""

    def drawn(self, *curves: tuple[list[int], list[Any]], total: int = 0) -> tuple[dict[str, str], ElementTree.Element]:
        """What is shown of runs r0, r1, … and the picture as XML, which is stricter than HTML."""
        rows = [run_row(f"r{at}", metrics={"loss": 1}) for at in range(len(curves))]
        items = [
            {"id": f"r{at}", "total": total or len(steps), "steps": steps, "times": steps, "values": values}
            for at, (steps, values) in enumerate(curves)
        ]
        self.server.answers["/v1/runs"] = {"items": rows}
        self.server.answers["/v1/runs/curves"] = {"items": items}
        shown = self.show("curves loss")
        html = shown["text/html"]
        return shown, ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])

    def lines(self, picture: ElementTree.Element) -> list[list[tuple[float, float]]]:
        """The points of each polyline."""
        found = [one.get("points", "").split() for one in picture.iter("{http://www.w3.org/2000/svg}polyline")]
        return [[(float(x), float(y)) for x, y in (place.split(",") for place in line)] for line in found]

    def test_each_run_is_a_line_that_falls_where_its_metric_falls(self) -> None:
        shown, picture = self.drawn(([0, 1, 2], [3, 2, 1]), ([0, 2], [0.5, 2.5]))
        falling, rising = self.lines(picture)
        self.assertEqual([x for x, _ in falling], sorted(x for x, _ in falling))
        self.assertEqual([y for _, y in falling], sorted(y for _, y in falling), "down is more in SVG")
        self.assertGreater(rising[0][1], rising[1][1])
        self.assertEqual((falling[0][0], falling[2][0]), (rising[0][0], rising[1][0]))
        self.assertAlmostEqual(falling[1][1], (falling[0][1] + falling[2][1]) / 2, delta=0.11)
        self.assertEqual(shown["text/plain"].splitlines()[2].split(), ["name-r0", "3", "3", "1", "1", "3"])
        links = [attributes["href"] for tag, attributes in Tags(shown["text/html"]).found if tag == "a"]
        self.assertEqual(links, [f"{self.server.url}/runs/r0", f"{self.server.url}/runs/r1"])
        texts = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual([one for one in texts if one in ("0", "1", "2", "3")], ["1", "2", "3", "0", "1", "2"], "no halves of steps")
        strokes = [one.get("stroke") for one in picture.iter("{http://www.w3.org/2000/svg}polyline")]
        below = shown["text/html"].partition("</svg>")[2]
        self.assertEqual(strokes, re.findall(r'<path d="M0 5H28" stroke="(.*?)"', below), "the legend's colours are those of the lines")
        self.assertIn("loss over steps", Tags(shown["text/html"]).text)

    def test_what_is_not_finite_cuts_a_line_and_is_told(self) -> None:
        shown, picture = self.drawn(([0, 1, 2, 3, 4], [1, 2, "NaN", 3, 1.7976931348623157e308]))
        self.assertEqual([len(line) for line in self.lines(picture)], [2])
        self.assertEqual(len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))), 1)
        self.assertIn("2 values that are not finite left out", shown["text/plain"])

    def test_a_curve_that_is_thinned_says_so(self) -> None:
        self.assertIn("1 of 1 curves are thinned", self.drawn(([0, 9], [1, 2]), total=9000)[0]["text/plain"])

    def test_every_number_that_a_metric_can_be_lies_within_the_picture(self) -> None:
        for values in ([0, 0], [5, 5], [1e-320, 3e-320], [-1e299, 1e299], [1e6, 1e6 + 1e-6], [-0.0, 1e-9], [7]):
            steps = list(range(-len(values), 0)) if values[0] else [10**15 + at for at in range(len(values))]
            _, picture = self.drawn((steps, values))
            dots = [(float(one.get("cx", "")), float(one.get("cy", ""))) for one in picture.iter("{http://www.w3.org/2000/svg}circle")]
            places = [*dots, *(place for line in self.lines(picture) for place in line)]
            self.assertEqual(len(places), len(values))
            for x, y in places:
                self.assertTrue(0 <= x <= 680 and 0 <= y <= 320, (values, x, y))

    def test_only_values_that_are_not_finite(self) -> None:
        self.server.answers["/v1/runs"] = {"items": [run_row("r0", metrics={"loss": "NaN"})]}
        curve = {"id": "r0", "total": 1, "steps": [0], "times": [0], "values": ["NaN"]}
        self.server.answers["/v1/runs/curves"] = {"items": [curve]}
        self.assertIn("no finite value to draw", self.show("curves loss")["text/html"])

    def test_texts_of_users_are_text(self) -> None:
        self.server.answers["/v1/runs/compare"] = {"runs": [run_row("r0", name=HOSTILE)]}
        curve = {"id": "r0", "total": 2, "steps": [0, 1], "times": [0, 1], "values": [1, 2]}
        self.server.answers["/v1/runs/curves"] = {"items": [curve]}
        key = shlex.quote('x" onload="alert(1)<script>\x1b')
        shown = self.show(f"curves {key} --run r0")
        tags = Tags(shown["text/html"])
        self.assertFalse([name for _, attributes in tags.found for name in attributes if name.startswith("on")])
        self.assertLessEqual({tag for tag, _ in tags.found}, ALLOWED | DRAWN)
        for text in shown.values():
            self.assertFalse(set(text) & set("\x00\x1b\u202e"))

    def test_a_metric_that_no_run_has_is_refused_with_those_that_there_are(self) -> None:
        self.server.answers["/v1/runs"] = {"items": [run_row()]}
        self.server.answers["/v1/runs/keys"] = KEYS
        self.assertIn('no run has the metric "los"; there are: loss, acc', self.refused("curves los"))

    def test_colours_are_seen_on_white_and_on_dark(self) -> None:
        def light(colour: str) -> float:
            parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
            red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue

        for colour in COLOURS:
            for page in ("#ffffff", "#1e1e1e", "#111111"):
                high, low = sorted((light(colour), light(page)), reverse=True)
                self.assertGreaterEqual((high + 0.05) / (low + 0.05), 3, f"{colour} on {page}")


class Axes(unittest.TestCase):
    """Numbers at an axis."""

    def test_they_are_few_different_and_where_they_say(self) -> None:
        some = random.Random(7)
        for _ in range(2000):
            low = some.choice((0, 1, -1)) * 10 ** some.uniform(-12, 12)
            scale = scale_of([low, low + 10 ** some.uniform(-9, 12)], 0, 100)
            found = ticks(scale)
            texts = [text for _, text in found]
            self.assertEqual(len(set(texts)), len(texts), texts)
            self.assertTrue(2 <= len(texts) <= 7, texts)
            for value, text in found:
                self.assertTrue(-0.01 <= scale.at(value) <= 100.01)
                self.assertTrue(math.isclose(float(text), value, abs_tol=(scale.high - scale.low) / 20), (text, value))


if __name__ == "__main__":
    unittest.main()
