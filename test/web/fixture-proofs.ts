/** Recorded replies with the proof of a notebook: a version that is of the code that was proved, one of other code, one whose report is broken. */
import { createHash } from 'node:crypto'
import type { registryApi } from '../../src/contract/registry.ts'
import type { ReadTraining } from '../../src/contract/packages/read.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { Report, ReportCell } from '../../src/notebook/output/report.ts'

const CODE: Readonly<Record<string, string>> = {
  'explore/config.py': 'seed = 7\n',
  'explore/features.py': 'def ratios(rows): ...\n',
  'explore/predict.py': 'def predict(rows): ...\n',
  'explore/train.py': 'def main(model): ...\n',
}

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Twenty cells of every verdict, one with a long reason. */
export function packageReport(): Report {
  const states = ['verified', 'within tolerance', 'verified', 'nothing to compare']
  const cells = Array.from({ length: 20 }, (_, at): ReportCell => ({
    cell: at + 1,
    functions: at % 4 === 3 ? [] : [`make_step_${at + 1}`],
    verdict: states[at % 4] ?? '',
    why: [],
    skipped: at === 4 ? ["pipe.state.'steps'[0][1].state.'func': the function log_charge of the notebook"] : [],
    changes:
      at % 3 === 0
        ? [
            {
              code: 'D6',
              cell: at + 1,
              line: 2,
              found: '/content/drive/MyDrive/churn_v3_FINAL.csv',
              treatment: 'changed',
              action: 'the setting churn_path, copied into data/',
            },
          ]
        : [],
    diff: [],
  }))
  return {
    source: 'explore_v3_FINAL.ipynb',
    package: 'explore',
    order: cells.map(({ cell }) => cell),
    model: 'model',
    proof: {
      verdict: 'within tolerance',
      why: '',
      cells: [],
      predictions: 'verified',
      asked: { cell: 6, by: 'notebook' },
      pieces: {
        rows: 14,
        verdict: 'verified',
        why: '',
        batch: "row 3, asked alone: the notebook's own model answers 1.0, and among all rows 0.35",
      },
      invented: { rows: 857, refused: 51, verdict: 'verified', why: '', left: 'only 100 of 240 columns were changed' },
      saved: { verdict: 'verified', why: '' },
    },
    cells,
    findings: [
      { code: 'D2', cell: null, found: 'cells were run in another order', treatment: 'changed', action: 'order 2 1 3' },
    ],
    rotate: [],
    lost: [],
    samples: [],
    lock: { hashed: true, why: '', packages: 50, added: [] },
    python: '3.11.7',
    files: Object.fromEntries(Object.entries(CODE).map(([path, text]) => [path, digestOf(text)])),
    settings: { LIMIT: '2.5', seed: '7' },
    inputs: { churn_path: digestOf('churn') },
    step: {
      name: 'train',
      run: 'explore.train:main',
      params: { LIMIT: '2.5', seed: '7' },
      env: {},
      secrets: [],
      seed: 0,
      inputs: {},
      model: 'train.model',
      python: '{"requirements":"requirements.lock"}',
    },
    packages: { 'scikit-learn': '1.7.2', pandas: '2.3.3' },
    installed: { 'scikit-learn': '1.7.2', pandas: '2.3.3', numexpr: '2.8.0' },
    project: { 'requirements.lock': digestOf('lock') },
  }
}

/** What `main` of the package records beside the model: all as it was proved. */
export function packageTraining(): ReadTraining {
  const { settings, inputs, packages, project, python, rotate } = packageReport()
  const files = Object.fromEntries(Object.entries(MODEL).map(([path, text]) => [path, digestOf(text)]))
  return {
    files,
    settings,
    inputs,
    packages: { ...packages, pip: '25.0' },
    project,
    secrets: rotate,
    saving: [],
    python,
  }
}

/** Files of the model beside its code. */
const MODEL: Readonly<Record<string, string>> = {
  MLmodel: 'flavors:\n',
  'model.pkl': 'weights',
  ...Object.fromEntries(Object.entries(CODE).map(([path, text]) => [`code/${path}`, text])),
}

/** The text of the record of a version's training: version 5 was trained with another setting, other packages and other data. */
export function trainingText(version: string): string {
  const whole = packageTraining()
  if (version !== '5') return JSON.stringify(whole)
  return JSON.stringify({
    ...whole,
    settings: { ...whole.settings, LIMIT: '0' },
    packages: { ...whole.packages, pandas: '2.2.0' },
    inputs: { churn_path: digestOf('another') },
  })
}

/** The text of the report of a version. */
export function reportText(version: string): string {
  return version === '1' ? '{"proof": {' : JSON.stringify(packageReport())
}

/** Files of a version: version 4 has no report, that of version 1 is broken, version 2 was edited after the proof. */
export function versionFiles(version: string): Reply<typeof registryApi.versionFiles> {
  const model = Object.entries(MODEL).map(([path, text]) => ({
    path,
    size: text.length,
    digest: digestOf(version === '2' && path.endsWith('train.py') ? `${text}#` : text),
  }))
  const beside = [
    ['package-report.json', reportText(version)],
    ['package-training.json', trainingText(version)],
  ] as const
  const more = beside.map(([path, text]) => ({ path, size: text.length, digest: digestOf(text) }))
  return { items: version === '4' ? [] : [...model, ...more] }
}

/** The text of one of them, as the server sends it. */
export function fileOf(version: string, path: string | null): string {
  return path === 'package-training.json' ? trainingText(version) : reportText(version)
}

/** Both texts of a version, as the page reads them. */
export function proofTexts(version: string): { readonly report: string; readonly training: string } {
  return { report: reportText(version), training: trainingText(version) }
}
