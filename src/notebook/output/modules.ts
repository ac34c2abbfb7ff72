/** Writes the modules of the package: config, features, train, predict, and figures where the code draws. */
import { edited, type Edit } from '../rewrite/edit.ts'
import type { Definition } from '../facts/facts.ts'
import { boundName, type Lifted } from '../rewrite/lifting.ts'
import type { Model } from '../rewrite/model.ts'
import { cellFacts, functionsOf, seedSetting, type Placed, type Program } from '../rewrite/program.ts'
import { headingOf } from '../rewrite/scrubbed.ts'
import { chunksOf, type Section } from '../rewrite/sections.ts'
import { hintOf, type Seen } from './hints.ts'
import { BOUND, FIGURES, PROVED, ROWS } from './whole-modules.ts'
import { importLines, mentions } from './imports.ts'

export interface Package {
  readonly name: string
  readonly program: Program
  readonly model: Model
  readonly lifted: Lifted
  readonly sections: readonly Section[]
  /** Variables that the run gives back. */
  readonly results: readonly string[]
  /** Variables that are numbers which judge the model. */
  readonly metrics: readonly string[]
  readonly seen: Seen
  /** The code makes figures of matplotlib. */
  readonly draws: boolean
  /** Cells of which the run has seen figures; undefined where nothing was run. */
  readonly figures: ReadonlySet<number> | undefined
  /** Modules that lie beside the notebook and come with the package. */
  readonly local: readonly string[]
}

/** Names that train.py and predict.py have of their own: functions of the notebook that are called so are imported where they are used. */
const OWN_OF_TRAIN: readonly string[] = [
  'set_seed',
  'run',
  'predictor_of',
  'metrics_of',
  'main',
  'Config',
  'Predictor',
  'save',
]
const OWN_OF_PREDICT: readonly string[] = ['Predictor', 'predict', 'as_table', 'save']

/** What keeps a copy of rows that are changed later. */
const KEPT = 'kept_rows'

/** Path to text of the modules. */
export function modules(given: Package): Map<string, string> {
  const folder = `src/${given.name}`
  const files = new Map([
    [`${folder}/__init__.py`, `"""${title(given)}"""\n`],
    [`${folder}/config.py`, configModule(given)],
    [`${folder}/features.py`, featuresModule(given)],
    [`${folder}/train.py`, trainModule(given)],
    [`${folder}/predict.py`, predictModule(given)],
    [`${folder}/proved.py`, PROVED],
  ])
  if (given.draws) files.set(`${folder}/figures.py`, FIGURES)
  if ([...files.values()].some((text) => mentions(text, KEPT))) files.set(`${folder}/rows.py`, ROWS)
  const bound = boundName(given.program)
  if ([...files.values()].some((text) => mentions(text, bound))) files.set(`${folder}/bound.py`, BOUND)
  return files
}

function title({ name, program }: Package): string {
  return `${name}: made from a ${program.research.kind} by slipway package.`
}

function configModule({ program, draws }: Package): string {
  const settings = [...program.settings.values()]
  const paths = settings.some(({ source }) => source.includes('ROOT'))
  const fields = settings.map(
    ({ name, type, source, meaning }) => `    #: ${meaning}\n    ${name}: ${type} = ${source}\n`,
  )
  const extra = draws
    ? '    #: Folder in which figures are kept as PNG files; none are where it is empty.\n    figures: str = ""\n'
    : ''
  const root = paths ? '\nROOT = Path(__file__).resolve().parents[2]\n' : ''
  return `"""The settings of the project: inputs, constants of the notebook, the seed."""

from __future__ import annotations

from dataclasses import dataclass
${paths ? 'from pathlib import Path\n' : ''}${root}

@dataclass(frozen=True)
class Config:
    """Every setting with the value that the notebook had."""

${[...fields, extra].filter((one) => one !== '').join('')}`
}

function featuresModule(given: Package): string {
  const functions = functionTexts(given)
  const steps = given.sections.filter(({ module }) => module === 'features').map((section) => stepText(given, section))
  return moduleText(given, {
    head: '"""Reads and prepares the data, and the functions that training and serving share."""',
    parts: [...functions, ...steps],
    first: true,
    own: [],
  })
}

function trainModule(given: Package): string {
  const { name } = given
  const steps = given.sections.filter(({ module }) => module === 'train').map((section) => stepText(given, section))
  const body = [...steps, runText(given), mainText(given)]
  const own = [
    ...functionsOf(given.program).keys(),
    ...given.sections.filter(({ module }) => module === 'features').map((one) => one.name),
  ]
  const text = body.join('\n')
  const shared = own.filter((one) => mentions(text, one) && !OWN_OF_TRAIN.includes(one))
  return moduleText(given, {
    head: '"""Trains and judges the model: `run` is the whole notebook in order, `main` the step of the pipeline."""',
    parts: body,
    first: false,
    own: [
      'from pathlib import Path',
      `from ${name}.config import Config`,
      ...(shared.length > 0
        ? [
            `from ${name}.features import ${
              shared.length > 4
                ? `(\n${shared
                    .toSorted()
                    .map((one) => `    ${one},\n`)
                    .join('')})`
                : shared.toSorted().join(', ')
            }`,
          ]
        : []),
      `from ${name}.predict import Predictor, save`,
    ],
  })
}

interface ModuleParts {
  readonly head: string
  readonly parts: readonly string[]
  readonly first: boolean
  readonly own: readonly string[]
}

function moduleText({ name, program }: Package, { head, parts, first, own }: ModuleParts): string {
  const body = parts.join('\n\n')
  const figures = mentions(body, 'keep_figures') ? [`from ${name}.figures import keep_figures`] : []
  const rows = mentions(body, KEPT) ? [`from ${name}.rows import ${KEPT}`] : []
  const bound = boundName(program)
  const binds = mentions(body, bound)
    ? [`from ${name}.bound import Bound${bound === 'Bound' ? '' : ` as ${bound}`}`]
    : []
  const logging = mentions(body, 'logger')
  const typing = mentions(body, 'Any') ? ['from typing import Any'] : []
  const lines = importLines(program, body, first)
  const standard = [...own.filter((line) => !line.startsWith(`from ${name}.`)), ...typing]
  const imports = [
    ...((logging || mentions(body, 'logging')) && !lines.includes('import logging') ? ['import logging'] : []),
    ...standard.filter((line) => !lines.includes(line)),
    ...lines,
  ]
  const ours = [...own.filter((line) => line.startsWith(`from ${name}.`)), ...figures, ...rows, ...binds].toSorted()
  const known = new Set(program.facts.standard)
  const isStandard = (line: string): boolean => known.has(/^(?:from|import) (\w+)/.exec(line)?.[1] ?? '')
  const groups = [
    ['from __future__ import annotations'],
    imports.filter(isStandard),
    imports.filter((line) => !isStandard(line)),
    ours,
  ].filter((group) => group.length > 0)
  const logger = logging ? '\n\nlogger = logging.getLogger(__name__)' : ''
  return `${head}\n\n${groups.map((group) => group.join('\n')).join('\n\n')}${logger}\n\n\n${body.trimEnd()}\n`
}

/** Functions and classes of the notebook, with hints and docstrings. */
function functionTexts(given: Package): string[] {
  const { program } = given
  return [...functionsOf(program).values()].map(({ definition, placed }) => {
    const facts = cellFacts(program.facts, placed.cell)
    const chunk = chunksOf(program, placed.cell).find((one) => one.placed === placed)
    if (facts === undefined || chunk === undefined) return ''
    const edits = [...annotations(given, placed, definition), ...(program.edits.get(placed.cell) ?? [])]
    return edited(facts.clean, edits, chunk.start, chunk.end).trim().replace(/;$/, '').concat('\n')
  })
}

function annotations({ lifted }: Package, placed: Placed, top: Definition): Edit[] {
  const edits: Edit[] = []
  const done = new Set<number>()
  for (const definition of placed.statement.definitions) {
    if (done.has(definition.span[0]) || definition.kind !== 'function') continue
    done.add(definition.span[0])
    for (const at of definition.bare ?? []) edits.push({ start: at, end: at, text: ': Any' })
    if (definition.returns === false && definition.colon !== undefined && definition.colon >= 0)
      edits.push({ start: definition.colon, end: definition.colon, text: ' -> Any' })
  }
  if (!top.documented && top.own_line) {
    const names = lifted.get(top.name) ?? []
    const more =
      names.length === 0
        ? ''
        : `; ${names.join(', ')} ${names.length === 1 ? 'was a variable' : 'were variables'} of the notebook`
    const text = `"""From cell ${placed.cell}${more}."""\n${' '.repeat(top.indent)}`
    edits.push({ start: top.body, end: top.body, text })
  }
  return edits
}

/** A step as a function. */
function stepText(given: Package, section: Section): string {
  const { program, seen } = given
  const parameters = section.parameters.map((name) => `${name}: ${hintOf(program, seen, name)}`)
  const result =
    section.results.length === 0
      ? 'None'
      : section.results.length === 1
        ? hintOf(program, seen, section.results[0] ?? '')
        : `tuple[${section.results.map((name) => hintOf(program, seen, name)).join(', ')}]`
  const heading = headingOf(program, section.cell).replaceAll('"', "'").replaceAll('\\', '/').trim()
  const doc =
    heading === ''
      ? `Cell ${section.cell} of the ${program.research.kind}.`
      : `Cell ${section.cell}: ${heading.replace(/[.:]+$/, '')}.`
  const keeps = keepsFigures(given, section) ? `    keep_figures("cell_${section.cell}")\n` : ''
  const back = section.results.length === 0 ? '' : `    return ${section.results.join(', ')}\n`
  const hidden = [...functionsOf(program).keys()].filter((one) => OWN_OF_TRAIN.includes(one))
  const used = section.module === 'train' ? hidden.filter((one) => mentions(section.body, one)) : []
  const inside = used.length === 0 ? '' : `    from ${given.name}.features import ${used.toSorted().join(', ')}\n\n`
  const body = `${inside}${section.body.trim() === '' ? '' : section.body}`
  return `${signature(`def ${section.name}`, parameters, result)}\n    """${doc}"""\n${body}${keeps}${back}`
}

/** Figures that a cell of a notebook leaves open are shown at its end; a script shows them when it says so. */
function keepsFigures(given: Package, section: Section): boolean {
  if (!given.draws || given.program.research.kind === 'script' || !section.last) return false
  if (/keep_figures\("\w+"\)\s*$/.test(section.body)) return false
  if (given.figures !== undefined) return given.figures.has(section.cell)
  return /\b(?:plt|sns|pyplot|seaborn)\b|\.plot\b|\.hist\b|\bax\w*\.|\bfig\w*\.|_display\b|Display\b|plot/.test(
    section.body,
  )
}

function signature(begin: string, parameters: readonly string[], result: string): string {
  const line = `${begin}(${parameters.join(', ')}) -> ${result}:`
  return line.length <= 100 ? line : `${begin}(\n${parameters.map((one) => `    ${one},\n`).join('')}) -> ${result}:`
}

/** The whole notebook in order. */
function runText(given: Package): string {
  const { program, sections, results, draws } = given
  const calls = sections.map(({ name, parameters, results: made }) => {
    const values = parameters.map((one) => (program.settings.has(one) ? `config.${one}` : one))
    const begin = `    ${made.length > 0 ? `${made.join(', ')} = ` : ''}${name}(`
    const line = `${begin}${values.join(', ')})`
    if (line.length <= 100 || values.length === 0) return line
    return `${begin}\n${values.map((one) => `        ${one},\n`).join('')}    )`
  })
  const names = results.map((name) => `"${name}": ${program.settings.has(name) ? `config.${name}` : name}`)
  const setting = seedSetting(program)
  const seed = setting === undefined ? '0' : `config.${setting.name}`
  return `def set_seed(seed: int) -> None:
    """Seed the global generators that are imported; the hash of texts is seeded by PYTHONHASHSEED."""
    import random
    import sys

    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def run(config: Config) -> dict[str, Any]:
    """Every step in the order of the ${program.research.kind}; returns what serving, metrics and tests need."""
    set_seed(${seed})
${draws ? '    if config.figures:\n        from NAME.figures import keep_in\n\n        keep_in(config.figures)\n'.replace('NAME', given.name) : ''}${calls.join('\n')}
    return {${names.length <= 3 ? names.join(', ') : `\n${names.map((one) => `        ${one},\n`).join('')}    `}}
`
}

function mainText({ name, model, metrics }: Package): string {
  const chain = [...new Set(model.chain.filter(({ kind }) => kind === 'transform').map(({ name }) => name))]
  const fields = [`model=state["${model.name}"]`, ...chain.map((one) => `${one}=state["${one}"]`)]
  const rows = model.rows === undefined ? 'None' : `state["${model.rows}"]`
  return `def predictor_of(state: dict[str, Any]) -> Predictor:
    """What answers, of what a run gave back."""
    return Predictor(${fields.join(', ')})


def metrics_of(state: dict[str, Any]) -> dict[str, float]:
    """The numbers that judge the model."""
${metricsBody(metrics)}


def main(model: Path, **settings: Any) -> dict[str, float]:
    """The step of slipway.yaml: writes the model folder and returns the metrics."""
    from ${name}.proved import attach

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = Config(**settings)
    state = run(config)
    save(predictor_of(state), ${rows}, model)
    attach(model, config)
    return metrics_of(state)
`
}

function metricsBody(metrics: readonly string[]): string {
  if (metrics.length === 0) return '    return {}'
  return `    names = [${metrics.map((name) => `"${name}"`).join(', ')}]
    numbers = {name: state[name] for name in names if isinstance(state[name], (int, float)) or getattr(state[name], "ndim", 1) == 0}
    return {name: float(value) for name, value in numbers.items()}`
}

function predictModule({ name, model, program, local }: Package): string {
  const transforms = [...new Set(model.chain.filter(({ kind }) => kind === 'transform').map((one) => one.name))]
  const functions = [...new Set(model.chain.filter(({ kind }) => kind === 'function').map((one) => one.name))]
  const fields = ['    model: Any', ...transforms.map((one) => `    ${one}: Any`)]
  const steps = model.chain.map(
    (step) => `        rows = ${step.kind === 'transform' ? `self.${step.name}.transform` : step.name}(rows)`,
  )
  const [hidden, shared] = [true, false].map((own) =>
    functions.filter((one) => OWN_OF_PREDICT.includes(one) === own).toSorted(),
  )
  const inside = hidden?.length ? `        from ${name}.features import ${hidden.join(', ')}\n\n` : ''
  const plain = functions.length === 0
  const parts = model.chain.map(({ name: step }) => `("${step}", predictor.${step})`)
  const whole =
    plain && transforms.length > 0 ? `Pipeline([${parts.join(', ')}, ("model", predictor.model)])` : 'predictor.model'
  const method = model.method
  const code = `[${[name, ...local].map((one) => `"${one}"`).join(', ')}]`
  return `"""Answers rows: the same steps as in training, then the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
${shared?.length ? `\nfrom ${name}.features import ${shared.join(', ')}\n` : ''}

@dataclass(frozen=True)
class Predictor:
    """The model and the fitted steps before it, as training left them."""

${fields.join('\n')}

    def predict(self, rows: Any) -> Any:
        """One answer for each row${model.rows === undefined ? '' : `; rows are those of \`${model.rows}\` in the ${program.research.kind}`}."""
${inside}${steps.join('\n')}${steps.length > 0 ? '\n' : ''}        return self.model.${method}(rows)


def predict(predictor: Predictor, rows: Any) -> Any:
    """Answers of a predictor. Raises ValueError where rows is empty."""
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    if count == 0:
        raise ValueError("rows: got none, expected at least one")
    return predictor.predict(rows)


def as_table(rows: Any) -> tuple[Any, bool]:
    """Rows as MLflow takes them, and whether they were a column on its own: it becomes the only one of a table."""
    if isinstance(rows, (list, tuple)):
        import numpy as np
        import pandas as pd

        rows = np.asarray(rows) if rows and isinstance(rows[0], (list, tuple)) else pd.Series(list(rows), name="rows")
    column = hasattr(rows, "to_frame") and not hasattr(rows, "columns")
    return (rows.to_frame(rows.name or "rows") if column else rows), column


def save(predictor: Predictor, rows: Any, folder: Path) -> None:
    """Write an MLflow model; its signature and example come from rows."""
    import mlflow
    from mlflow.models import infer_signature

    table, column = as_table(rows)
    # of all rows, for one that lacks a value says that the column may lack it
    signature = None if rows is None else infer_signature(table, predict(predictor, rows))
    home = Path(__file__).resolve().parents[1]
    common: dict[str, Any] = {
        "signature": signature,
        "input_example": None if rows is None else table[:5],
        # whoever loads the model does not have the package
        "code_paths": [str(one) for name in ${code} for one in (home / name, home / f"{name}.py") if one.exists()],
    }
    lock = home.parent / "requirements.lock"
    if lock.exists():
        lines = [line.split(";")[0].split() for line in lock.read_text(encoding="utf-8").splitlines()]
        common["pip_requirements"] = [words[0] for words in lines if words and "==" in words[0]]
${plain ? plainSave(whole, method) : PYFUNC}
`
}

function plainSave(whole: string, method: string): string {
  const indent = '        '
  const pipeline = whole.startsWith('Pipeline') ? `${indent}from sklearn.pipeline import Pipeline\n` : ''
  return `    if hasattr(predictor.model, "get_params") and not column:
        import mlflow.sklearn
${pipeline}
        whole = ${whole}
        mlflow.sklearn.save_model(
            whole,
            folder,
            pyfunc_predict_fn="${method}",
            serialization_format="cloudpickle",
            **common,
        )
        return

${PYFUNC}`
}

/** Saving for what is no estimator of scikit-learn, or has functions of the package before it. */
const PYFUNC = `    import mlflow.pyfunc

    class Answers(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        """The predictor as MLflow calls it."""

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            """One answer for each row."""
            return predict(predictor, model_input.iloc[:, 0] if column else model_input)

    mlflow.pyfunc.save_model(path=str(folder), python_model=Answers(), **common)`
