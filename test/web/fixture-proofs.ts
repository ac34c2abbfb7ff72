/** Recorded replies with the proof of a notebook: a version that is of the code that was proved, one of other code, one whose report is broken. */
import { createHash } from 'node:crypto'
import type { registryApi } from '../../src/contract/registry.ts'
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
      saved: { verdict: 'verified', why: '' },
    },
    cells,
    findings: [
      { code: 'D2', cell: null, found: 'cells were run in another order', treatment: 'changed', action: 'order 2 1 3' },
    ],
    rotate: [],
    lost: [],
    samples: [],
    lock: { hashed: true, why: '', packages: 50 },
    python: '3.11.7',
    files: Object.fromEntries(Object.entries(CODE).map(([path, text]) => [path, digestOf(text)])),
  }
}

/** The text of the report of a version. */
export function reportText(version: string): string {
  return version === '1' ? '{"proof": {' : JSON.stringify(packageReport())
}

/** Files of a version: version 4 has no report, that of version 1 is broken, version 2 was edited after the proof. */
export function versionFiles(version: string): Reply<typeof registryApi.versionFiles> {
  const code = Object.entries(CODE).map(([path, text]) => ({
    path: `code/${path}`,
    size: text.length,
    digest: digestOf(version === '2' && path.endsWith('train.py') ? `${text}#` : text),
  }))
  const text = reportText(version)
  const report = { path: 'package-report.json', size: text.length, digest: digestOf(text) }
  return { items: version === '4' ? [] : [...code, report] }
}
