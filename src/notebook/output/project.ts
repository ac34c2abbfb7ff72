/** Writes what stands around the modules: pyproject.toml, the lock, slipway.yaml, tests and README. */
import { stringify, type ScalarTag } from 'yaml'
import type { Environment } from '../facts/facts.ts'
import type { Golden } from './golden.ts'
import { directPins, MLFLOW, type ProjectLock } from './lock.ts'
import { mentions } from './imports.ts'
import { modules, type Package } from './modules.ts'
import type { Input } from '../rewrite/program.ts'

export interface Project extends Package {
  readonly environment: Environment
  readonly lock: ProjectLock
  readonly inputs: readonly Input[]
  readonly goldens: readonly Golden[]
  /** Variable that holds the notebook's own answers to `model.rows`; undefined where it kept none. */
  readonly answers: string | undefined
  /** File name of the research code. */
  readonly source: string
}

/** Path to text of everything but the modules and the report. */
export function projectFiles(given: Project): Map<string, string> {
  return new Map([
    ['pyproject.toml', pyproject(given)],
    ['requirements.lock', lockText(given)],
    ['slipway.yaml', projectFile(given)],
    ['README.md', readme(given)],
    ['tests/__init__.py', '"""Tests of the package; `python -m unittest` in the folder of the project runs them."""\n'],
    ['tests/whole.py', wholeRun(given)],
    ['tests/test_steps.py', stepTests(given)],
    ['tests/test_golden.py', goldenTests(given)],
    ['tests/test_predict.py', predictTests(given)],
    ['tests/test_saved.py', savedTests(given)],
    ['.slipwayignore', 'report.html\n'],
  ])
}

function minor({ environment }: Project): string {
  return environment.python.split('.').slice(0, 2).join('.')
}

function pyproject(given: Project): string {
  const { name, environment } = given
  const hasMlflow = 'mlflow-skinny' in environment.extras
  const own = Object.entries(environment.extras).map(([extra, version]) => `${extra}==${version}`)
  const dependencies = [...new Set([...directPins(environment), ...(hasMlflow ? own : [MLFLOW])])].toSorted()
  return `[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "${name.replaceAll('_', '-')}"
version = "0.1.0"
description = "Made from ${given.source} by slipway package."
requires-python = "==${minor(given)}.*"
# the versions of the environment that was observed; requirements.lock has all that they need
dependencies = [
${dependencies.map((one) => `  "${one}",\n`).join('')}]

[tool.setuptools.packages.find]
where = ["src"]
`
}

function lockText({ lock, environment }: Project): string {
  const state = lock.hashed ? 'with hashes' : `unhashed: ${lock.why}`
  return `# The environment that was observed: Python ${environment.python}, ${environment.platform}; ${state}\n${lock.text}`
}

function projectFile(given: Project): string {
  const { name, program } = given
  const params = Object.fromEntries(
    [...program.settings.values()]
      .filter(({ input, type }) => input === undefined && ['int', 'float', 'str', 'bool'].includes(type))
      .map(({ name: setting, source }) => [setting, valueOf(source)] as const)
      .filter(([, value]) => value !== undefined),
  )
  const code = [...modules(given).values()].join('\n')
  const secrets = [...program.secrets.keys()].filter((secret) => mentions(code, secret))
  const step = {
    run: `${name}.train:main`,
    ...(Object.keys(params).length > 0 && { params }),
    outputs: ['model'],
    ...(secrets.length > 0 && { secrets }),
  }
  const project = name.replaceAll('_', '-')
  const whole = {
    project,
    python: { requires: `==${minor(given)}.*`, requirements: 'requirements.lock' },
    pipeline: { steps: { train: step } },
    model: { name: project, from: 'train.model', gates: [] },
    endpoint: { name: project },
  }
  return `# Made from ${given.source} by slipway package.\n${stringify(whole, { customTags: (tags) => [SPELT, ...tags] })}`
}

/** A number as Python spells it: 3.0 is no 3. */
class Spelt {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const SPELT: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => value instanceof Spelt,
  resolve: (text) => new Spelt(text),
  stringify: ({ value }) => (value as Spelt).text,
}

/** The value of a Python literal; undefined for what YAML cannot say as it is. */
function valueOf(source: string): unknown {
  if (source === 'True' || source === 'False') return source === 'True'
  if (/^-?\d{1,300}$/.test(source) || /^-?\d+(?:\.\d*)?(?:e[-+]?\d+)?$/.test(source)) return new Spelt(source)
  const text = /^(['"])([^'"\\\n]*)\1$/.exec(source)
  return text?.[2]
}

function wholeRun({ name }: Project): string {
  return `"""One run of the step of the pipeline, shared by the tests: what it gave back and saved, which steps it took, what it said."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import io
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from ${name} import train  # noqa: E402

#: Saving the model takes it; it is in requirements.lock.
MLFLOW = importlib.util.find_spec("mlflow") is not None


class Whole(NamedTuple):
    """The outcome of a run."""

    state: dict[str, Any]
    called: dict[str, int]
    text: str
    #: What \`main\` gave back, and where it saved the model.
    metrics: dict[str, float]
    model: Path


@functools.cache
def whole() -> Whole:
    """Runs once for each process."""
    called: dict[str, int] = {}
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("${name}")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    home = str(Path(train.__file__).parent)

    def look(frame: Any, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(home):
            called[frame.f_code.co_name] = called.get(frame.f_code.co_name, 0) + 1

    state: dict[str, Any] = {}
    run = train.run

    def kept(settings: Any) -> dict[str, Any]:
        sys.setprofile(look)
        try:
            state.update(run(settings))
        finally:
            sys.setprofile(None)
        return state

    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    train.run = kept
    if not MLFLOW:
        train.save = lambda predictor, rows, folder: None
    try:
        with contextlib.redirect_stdout(text):
            metrics = train.main(Path(folder.name, "model"))
    finally:
        logger.removeHandler(handler)
    return Whole(state, called, text.getvalue(), metrics, Path(folder.name, "model"))
`
}

function stepTests({ name, sections, results }: Project): string {
  return `"""Smoke tests: each step is there, is run once, and the whole gives back what it promises."""

from __future__ import annotations

import unittest

from tests.whole import whole  # isort: skip  it finds the package

from ${name} import features, train

STEPS = [
${sections.map((section) => `    (${section.module}, "${section.name}"),\n`).join('')}]


class StepTests(unittest.TestCase):
    """Every step of the pipeline."""

    def test_each_step_runs_once(self) -> None:
        for module, name in STEPS:
            with self.subTest(step=name):
                self.assertTrue(callable(getattr(module, name)))
                self.assertEqual(whole().called.get(name), 1)

    def test_the_whole_gives_back_what_it_promises(self) -> None:
        self.assertEqual(sorted(whole().state), ${JSON.stringify([...results].toSorted())})


if __name__ == "__main__":
    unittest.main()
`
}

function goldenTests({ goldens }: Project): string {
  return `"""Golden values: lines with numbers that the notebook had put out, and that the package has to say again."""

from __future__ import annotations

import math
import re
import unittest

from tests.whole import whole

NUMBER = re.compile(r"[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?")
#: Cell and line.
GOLDEN = [
${goldens.map(({ cell, text }) => `    (${cell}, ${pythonText(text)}),\n`).join('')}]


def alike(line: str, wanted: str) -> bool:
    """The same words, and numbers that differ in the sixth digit at most."""
    if NUMBER.sub("#", line.strip()) != NUMBER.sub("#", wanted):
        return False
    pairs = zip(NUMBER.findall(line), NUMBER.findall(wanted))
    return all(math.isclose(float(a), float(b), rel_tol=1e-6) for a, b in pairs)


class GoldenTests(unittest.TestCase):
    """What was put out once."""

    def test_the_package_says_what_the_notebook_said(self) -> None:
        lines = whole().text.split("\\n")
        for cell, wanted in GOLDEN:
            with self.subTest(cell=cell, wanted=wanted):
                self.assertTrue(any(alike(line, wanted) for line in lines))


if __name__ == "__main__":
    unittest.main()
`
}

/** A text as a literal of Python. */
export function pythonText(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\x7f')
}

function predictTests({ name, model, answers }: Project): string {
  const compare =
    answers === undefined
      ? ''
      : `
    def test_the_answers_are_those_of_the_notebook(self) -> None:
        found = predict(predictor_of(whole().state), whole().state["${model.rows}"])
        self.assertEqual(repr(list(found)), repr(list(whole().state["${answers}"])))
`
  const rows =
    model.rows === undefined
      ? ''
      : `
    def test_each_row_has_an_answer(self) -> None:
        rows = whole().state["${model.rows}"][:5]
        self.assertEqual(len(predict(predictor_of(whole().state), rows)), len(rows))
`
  return `"""The contract of predict: an answer for each row, none for none."""

from __future__ import annotations

import unittest

from tests.whole import whole  # isort: skip  it finds the package

from ${name}.predict import predict
from ${name}.train import predictor_of


class PredictTests(unittest.TestCase):
    """What serving relies on."""

    def test_no_rows_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "at least one"):
            predict(predictor_of(whole().state), [])
${rows}${compare}

if __name__ == "__main__":
    unittest.main()
`
}

function savedTests({ name, model, metrics }: Project): string {
  const rows =
    model.rows === undefined
      ? ''
      : `
    @unittest.skipUnless(MLFLOW, "mlflow-skinny of requirements.lock is not installed here")
    def test_the_saved_model_answers_as_the_predictor(self) -> None:
        rows = whole().state["${model.rows}"]
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = Path(folder, "asked.pickle"), Path(folder, "answered.pickle")
            asked.write_bytes(pickle.dumps(as_table(rows)[0]))
            self.ask(str(asked), str(answered))
            found = pickle.loads(answered.read_bytes())
        self.assertEqual(repr(list(found)), repr(list(predict(predictor_of(whole().state), rows))))
`
  return `"""What \`main\` leaves: numbers that judge the model, and a model that a process without the package loads and asks."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.whole import MLFLOW, whole  # isort: skip  it finds the package

from ${name}.predict import as_table, predict
from ${name}.train import predictor_of

ASK = """
import pickle, sys
from pathlib import Path
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
if len(sys.argv) > 2:
    rows = pickle.loads(Path(sys.argv[2]).read_bytes())
    Path(sys.argv[3]).write_bytes(pickle.dumps(model.predict(rows)))
"""


class SavedTests(unittest.TestCase):
    """What a server relies on."""

    def ask(self, *words: str) -> None:
        """Load the model where nothing leads to the package, and let it answer."""
        path = {"PYTHONPATH": ""}
        with tempfile.TemporaryDirectory() as elsewhere:
            command = [sys.executable, "-c", ASK, str(whole().model), *words]
            subprocess.run(command, cwd=elsewhere, env={**os.environ, **path}, check=True)

    @unittest.skipUnless(MLFLOW, "mlflow-skinny of requirements.lock is not installed here")
    def test_the_model_is_saved_and_can_be_loaded(self) -> None:
        self.ask()
${rows}
    def test_main_gives_back_the_numbers_that_judge_the_model(self) -> None:
        state = whole().state
        wanted = {name: float(state[name]) for name in ${JSON.stringify(metrics)} if getattr(state[name], "ndim", 0) == 0 and hasattr(state[name], "__float__")}
        self.assertEqual(whole().metrics, wanted)


if __name__ == "__main__":
    unittest.main()
`
}

/** Lines, or a word for none. */
function list(lines: readonly string[], nothing: string): string {
  return lines.length === 0 ? nothing : lines.join('\n')
}

function readme(given: Project): string {
  const { name, inputs, program, sections } = given
  return `# ${name.replaceAll('_', '-')}

Made from \`${given.source}\` by \`slipway package\`. [report.html](report.html) shows each change with its reason and its cell, and
whether the package was proved to compute the same.

\`\`\`
python -m unittest            # in this folder, in an environment with requirements.lock
slipway validate              # the project file
slipway ship                  # environment, training, gates, registry, endpoint
\`\`\`

| module | what is in it |
|---|---|
| \`${name}.config\` | settings: inputs, constants, the seed |
| \`${name}.features\` | ${sections.filter(({ module }) => module === 'features').length} steps that read and prepare, and the functions |
| \`${name}.train\` | ${sections.filter(({ module }) => module === 'train').length} steps that train and judge; \`run\` is the whole in order |
| \`${name}.predict\` | what answers rows |

## Inputs

${list(
  inputs.map(
    (one) =>
      `- \`${one.name}\`: ${one.copied ?? one.path ?? `${one.written}, which was not here when the package was made`}`,
  ),
  'None: the data comes with the packages.',
)}

## Secrets

${list(
  [...program.secrets.keys()].map((one) => `- \`${one}\`: it stood in the notebook, so rotate it`),
  'None were found.',
)}
`
}
