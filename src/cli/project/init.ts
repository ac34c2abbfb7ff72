/** `slipway init`: writes a project file that fits the Python files of a folder, or says how its notebook becomes a project. */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { stringify } from 'yaml'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { PROJECT_FILE } from './file/project-file.ts'

export async function run(invocation: Invocation): Promise<number> {
  const folder = resolve(invocation.args[0] ?? '.')
  const path = join(folder, PROJECT_FILE)
  if ((await ifMissing(stat(path))) !== undefined) throw new UsageError(`${path} exists already; it is left as it is`)
  await mkdir(folder, { recursive: true })
  const names = await readdir(folder)
  const research = researchIn(names)
  if (research.length > 0) return adopt(invocation, folder, research)
  const module = ['train.py', 'main.py'].find((name) => names.includes(name)) ?? 'train.py'
  await writeFile(path, template(projectName(basename(folder)), module.replace(/\.py$/, '')))
  if (!names.includes(module)) await writeFile(join(folder, module), STARTER)
  invocation.out.data({ written: path, module })
  invocation.out.line(`Wrote ${path}. Look at it, then: slipway ship ${invocation.args[0] ?? ''}`.trimEnd())
  return 0
}

/** Notebooks and scripts of a folder that has no first step of its own: notebooks first. */
function researchIn(names: readonly string[]): string[] {
  if (names.includes('train.py') || names.includes('main.py')) return []
  const ending = (end: string): string[] =>
    names.filter((name) => name.endsWith(end) && !/^(?:setup|conftest|__init__|test_.*)\.py$/.test(name)).toSorted()
  return [...ending('.ipynb'), ...ending('.py')]
}

/** Code that is there is packaged, and no other model is put beside it: nothing is written. */
function adopt({ args, out }: Invocation, folder: string, research: readonly string[]): number {
  const [first = ''] = research
  const path = args[0] === undefined ? first : join(args[0], first)
  out.data({ written: null, research })
  out.line(
    `${folder} holds ${research.join(', ')}: nothing was written, so that your model is the one that is shipped.`,
  )
  out.line(`Make a project of it: slipway package ${path}`)
  out.line(
    'Or name the file of your training step train.py or main.py, with a function main(model), and call slipway init again.',
  )
  return 0
}

/** The nearest name that a project file takes: it begins with a letter or a digit and has at most 128 characters. */
function projectName(folder: string): string {
  const name = folder.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return name.slice(0, 128) || 'project'
}

/** A project file with one training step; the comments say what to add next. */
function template(name: string, module: string): string {
  // quoted where YAML would read a number or a truth value
  const project = stringify(name).trimEnd()
  return `project: ${project}
python:
  requires: ">=3.10"
  packages: [scikit-learn, pandas, mlflow-skinny]   # or: requirements: requirements.txt
pipeline:
  steps:
    # ${module}.main(model: pathlib.Path) writes the model folder and returns its metrics as a dict
    train: {run: ${module}:main, outputs: [model]}
model:
  name: ${project}
  from: train.model
  gates: []          # for example: - {metric: roc_auc, at_least: 0.8}
endpoint:
  name: ${project}
`
}

/** A first training step on a data set that scikit-learn ships. */
const STARTER = `"""Trains a classifier; replace the data and the model by your own."""
import pathlib

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split


def main(model: pathlib.Path) -> dict[str, float]:
    x, y = load_iris(return_X_y=True, as_frame=True)
    y = (y == 2).astype(int)  # is it Iris virginica? The labels are 0 and 1
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    fitted = RandomForestClassifier(n_estimators=50, random_state=0).fit(x_train, y_train)
    signature = infer_signature(x_train, fitted.predict_proba(x_train))
    # it answers probabilities: labels that come later can judge those, and classes alone only in part
    mlflow.sklearn.save_model(
        fitted,
        model,
        signature=signature,
        input_example=x_train.head(5),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    score = fitted.predict_proba(x_test)[:, 1]
    return {
        "roc_auc": float(roc_auc_score(y_test, score)),
        "log_loss": float(log_loss(y_test, score)),
        "accuracy": float(fitted.score(x_test, y_test)),
    }
`
