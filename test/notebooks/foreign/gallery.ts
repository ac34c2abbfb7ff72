/** Notebooks of others: the gallery of scikit-learn as Debian ships it, fetched by apt-get, held to a digest, and packaged in the environment of its time. */
import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Report } from '../../../src/notebook/output/report.ts'
import { cachedFolder, testEnv } from '../../python-env.ts'

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts')
const PACKAGE = 'python-sklearn-doc'
const VERSION = '1.2.1+dfsg-1'
const SHA256 = '4e244556326064e87e7563e3e544c2288d44b5719db2d7b3a85c9a84ae93488d'
/** The libraries that this gallery was written for. */
const LIBRARIES = ['scikit-learn==1.2.2', 'matplotlib==3.6.3', 'pandas==1.5.3', 'numpy==1.24.4', 'scipy==1.10.1']

/** Notebook, and the variable with its model where it fits several. */
export const GALLERY: readonly (readonly [name: string, model?: string])[] = [
  ['plot_adaboost_twoclass'],
  ['plot_confusion_matrix'],
  ['plot_digits_classification'],
  ['plot_digits_pipe', 'search'],
  ['plot_feature_selection', 'clf_selected'],
  ['plot_forest_importances'],
  ['plot_gpr_noisy_targets'],
  ['plot_gradient_boosting_regression'],
  ['plot_grid_search_digits'],
  ['plot_huber_vs_ridge', 'ridge'],
  ['plot_iris_exercise', 'clf'],
  ['plot_isolation_forest'],
  ['plot_logistic_multinomial'],
  ['plot_ols'],
  ['plot_permutation_importance_multicollinear', 'clf'],
  ['plot_random_forest_embedding', 'nb'],
  ['plot_ransac', 'ransac'],
  ['plot_roc_crossval'],
  ['plot_scaling_importance', 'scaled_clf'],
  ['plot_tree_regression', 'regr_2'],
  ['plot_underfitting_overfitting', 'pipeline'],
  ['plot_unveil_tree_structure'],
  ['plot_voting_regressor', 'ereg'],
  ['plot_weighted_samples', 'clf_weights'],
]

export interface Tried {
  readonly notebook: string
  readonly cells: number
  readonly verdict: string
  readonly why: string
}

/** The folder with the gallery and the interpreter; undefined where either cannot be had here, as without apt-get. */
export async function openGallery(): Promise<{ folder: string; python: string } | undefined> {
  const folder = await cachedFolder(`${PACKAGE}-1.2.1`, async (target, run) => {
    const work = mkdtempSync(join(tmpdir(), 'slipway-gallery-'))
    try {
      await run('apt-get', ['download', '-qq', `${PACKAGE}=${VERSION}`], { cwd: work })
      const [file = ''] = readdirSync(work)
      const digest = createHash('sha256')
        .update(readFileSync(join(work, file)))
        .digest('hex')
      if (digest !== SHA256) throw new Error(`${file} has the digest ${digest}, expected ${SHA256}`)
      await run('dpkg', ['-x', join(work, file), target])
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
  if (folder === undefined) return undefined
  const python = await testEnv(LIBRARIES).catch((error: Error) => error)
  return typeof python === 'string' ? { folder, python } : undefined
}

/** Packages one notebook with its proof. */
export async function tryNotebook(
  { folder, python }: { readonly folder: string; readonly python: string },
  [name, model]: readonly [name: string, model?: string],
): Promise<Tried> {
  const work = mkdtempSync(join(tmpdir(), 'slipway-foreign-'))
  try {
    const path = join(work, `${name}.ipynb`)
    writeFileSync(path, notebookOf(folder, name))
    const out = join(work, 'project')
    const words = ['package', path, '--out', out, '--python', python, '--offline', '--cell-limit', '120']
    const said = await new Promise<string>((resolve) => {
      const args = [MAIN, ...words, ...(model === undefined ? [] : ['--model', model])]
      execFile(process.execPath, args, { cwd: work, maxBuffer: 1e8 }, (_, __, stderr) => resolve(stderr))
    })
    return outcome(name, out, said)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function outcome(notebook: string, out: string, said: string): Tried {
  const refused = /^slipway: (.*)$/m.exec(said)?.[1]
  if (refused !== undefined) return { notebook, cells: 0, verdict: 'refused', why: refused }
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report
  return { notebook, cells: report.cells.length, verdict: report.proof.verdict, why: report.proof.why }
}

function notebookOf(folder: string, name: string): Buffer {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    [`${name}.ipynb`, `${name}.ipynb.gz`].includes(basename(file)),
  )
  const [file] = files
  if (file === undefined) throw new Error(`${PACKAGE} has no ${name}`)
  const bytes = readFileSync(join(folder, file))
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

/** The table of the guide. */
export function asTable(tried: readonly Tried[]): string {
  const rows = tried.map(({ notebook, cells, verdict, why }) => {
    const reason = why
      .replaceAll('|', '\\|')
      .replaceAll(/\d+ of \d+ numbers/g, 'numbers')
      .slice(0, 240)
    return `| ${notebook} | ${cells === 0 ? '' : cells} | ${verdict} | ${reason} |`
  })
  return ['| notebook | cells | verdict | reason |', '|---|---|---|---|', ...rows].join('\n')
}
