"""The shape of the package: no import circles, small folders, files and functions, and nothing but the standard library where it counts."""

from __future__ import annotations

import ast
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "slipway").rglob("*.py"))
}
MOST_FILES = 25
MOST_LINES = 500
MOST_FUNCTION_LINES = 80
#: Run inside the user's own code or before a model is open, so neither they nor what they load may need a package.
BARE = (
    "slipway.step",
    "slipway.remote",
    "slipway.record",
    "slipway.lower.command",
    "slipway.export.command",
    "slipway.scorer.worker",
    "slipway.display",
)


def imported(tree: ast.AST, top: bool = False) -> list[str]:
    """Names that a module imports: everywhere in it, or with `top` only where it is loaded. `from a import b` gives a.b."""
    nodes = tree.body if top and isinstance(tree, ast.Module) else ast.walk(tree)
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def module_of(name: str) -> str | None:
    """The module of ours that an imported name is, or lies in."""
    while name:
        if name in MODULES:
            return name
        name = name.rpartition(".")[0]
    return None


def find_circle(edges: dict[str, set[str]]) -> list[str] | None:
    """A path that comes back to its beginning, or None."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        done.add(node)
        return next((circle for other in sorted(edges.get(node, ())) if (circle := visit(other, [*path, node]))), None)

    return next((circle for node in sorted(edges) if (circle := visit(node, []))), None)


class LayoutCase(unittest.TestCase):
    """Rules that a reader relies on."""

    def test_no_import_circle_even_inside_functions(self) -> None:
        edges: dict[str, set[str]] = {}
        for name, path in MODULES.items():
            targets = {module_of(one) for one in imported(ast.parse(path.read_text("utf-8")))}
            edges[name] = {target for target in targets if target is not None and target != name}
        self.assertIn("slipway.step.log", edges["slipway.step.supervisor"])
        self.assertIsNone(find_circle(edges))

    def test_a_circle_is_found(self) -> None:
        self.assertEqual(find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertIsNone(find_circle({"a": {"b", "c"}, "b": {"c"}}))
        tree = ast.parse("import a\nfrom b import c\ndef f():\n    from d import e")
        self.assertEqual((imported(tree), imported(tree, top=True)), (["a", "b.c", "d.e"], ["a", "b.c"]))

    def test_what_runs_in_any_environment_loads_the_standard_library_alone(self) -> None:
        waiting = [name for name in MODULES if name.startswith(BARE)]
        self.assertGreater(len(waiting), 8)
        known = set(waiting)
        while waiting:
            name = waiting.pop()
            for one in imported(ast.parse(MODULES[name].read_text("utf-8")), top=True):
                self.assertIn(one.partition(".")[0], {*sys.stdlib_module_names, "slipway"}, name)
                target = module_of(one)
                if target is not None and target not in known:
                    known.add(target)
                    waiting.append(target)
        self.assertIn("slipway.refusal", known)

    def test_folders_files_and_functions_are_small(self) -> None:
        for folder in {path.parent for path in MODULES.values()}:
            self.assertLessEqual(len(list(folder.glob("*.py"))), MOST_FILES, folder)
        for path in [*MODULES.values(), *(ROOT / "tests").rglob("*.py")]:
            text = path.read_text("utf-8")
            self.assertLessEqual(text.count("\n"), MOST_LINES, path)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    self.assertLessEqual((node.end_lineno or 0) - node.lineno + 1, MOST_FUNCTION_LINES, f"{path}:{node.name}")

    def test_every_module_says_what_it_is_for(self) -> None:
        for name, path in MODULES.items():
            self.assertTrue(ast.get_docstring(ast.parse(path.read_text("utf-8"))), name)


if __name__ == "__main__":
    unittest.main()
