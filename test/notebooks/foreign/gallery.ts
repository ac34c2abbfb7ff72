/** Notebooks of others: examples of libraries as Debian and PyPI ship them, held to a digest, and packaged in an environment of their time. */
import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Report } from '../../../src/notebook/output/report.ts'
import { cachedFolder, testEnv, type Run } from '../../python-env.ts'
import { findPython } from '../../tools.ts'
import { OTHERS, WITHOUT_MLFLOW } from '../notebooks.ts'

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts')

/** A notebook or script, and the variable with its model where it fits several. */
type Named = readonly [name: string, model?: string]

export interface Source {
  readonly library: string
  /** What ships the examples. */
  readonly from: string
  readonly fetch: { readonly name: string; readonly into: (target: string, work: string, run: Run) => Promise<void> }
  readonly libraries: readonly string[]
  readonly notebooks: readonly Named[]
}

/** A package of Debian, by apt-get. */
function deb(name: string, version: string, sha256: string): Source['fetch'] {
  return {
    name: `${name}-${version.replace(/[+-].*/, '')}`,
    into: async (target, work, run) => {
      await run('apt-get', ['download', '-qq', `${name}=${version}`], { cwd: work })
      await run('dpkg', ['-x', held(work, sha256), target])
    },
  }
}

/** A source distribution of PyPI, by pip, which holds it to the digest. */
function sdist(name: string, version: string, sha256: string): Source['fetch'] {
  return {
    name: `${name}-${version}-examples`,
    into: async (target, work, run) => {
      writeFileSync(join(work, 'wanted.txt'), `${name}==${version} --hash=sha256:${sha256}\n`)
      const flags = ['--no-deps', '--no-binary', name, '--require-hashes', '--disable-pip-version-check', '-d', 'out']
      await run(findPython() ?? 'python3', ['-m', 'pip', 'download', '-q', ...flags, '-r', 'wanted.txt'], { cwd: work })
      await run('mkdir', ['-p', target])
      await run('tar', ['xzf', held(join(work, 'out'), sha256), '-C', target])
    },
  }
}

/** The one file of a folder. Throws where its digest is another one. */
function held(folder: string, sha256: string): string {
  const [file = ''] = readdirSync(folder)
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex')
  if (digest !== sha256) throw new Error(`${file} has the digest ${digest}, expected ${sha256}`)
  return join(folder, file)
}

const SKLEARN: Source = {
  library: 'scikit-learn',
  from: 'python-sklearn-doc 1.2.1+dfsg-1 of Debian 12',
  fetch: deb('python-sklearn-doc', '1.2.1+dfsg-1', '4e244556326064e87e7563e3e544c2288d44b5719db2d7b3a85c9a84ae93488d'),
  libraries: WITHOUT_MLFLOW,
  notebooks: [
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
  ],
}

/** Where the examples come from. */
export const SOURCES: readonly Source[] = [
  SKLEARN,
  {
    library: 'statsmodels',
    from: 'python-statsmodels-doc 0.13.5+dfsg-7 of Debian 12',
    fetch: deb(
      'python-statsmodels-doc',
      '0.13.5+dfsg-7',
      '4167a3e13347343b9f0a6677fc804ecad80dd735d17bc051829610f6f1bc2afb',
    ),
    libraries: OTHERS,
    notebooks: [
      ['ols'],
      ['glm'],
      ['gls', 'gls_results'],
      ['wls', 'res_wls'],
      ['robust_models_0'],
      ['predict', 'olsres'],
      ['glm_formula', 'mod1'],
      ['quantile_regression', 'res'],
      ['ordinal_regression', 'resf_logit'],
    ],
  },
  {
    library: 'imbalanced-learn',
    from: 'the source distribution imbalanced-learn 0.10.1 of PyPI',
    fetch: sdist('imbalanced-learn', '0.10.1', 'bc7609619ec3c38c442292928239ad3d10b5deb0af8a29c83822b7b57b319f8b'),
    libraries: OTHERS,
    notebooks: [
      ['plot_classification_report'],
      ['plot_pipeline_classification'],
      ['plot_metrics'],
      ['plot_multi_class_under_sampling'],
      ['plot_outlier_rejections', 'pipe'],
      ['plot_validation_curve'],
    ],
  },
  {
    library: 'hmmlearn',
    from: 'the source distribution hmmlearn 0.3.2 of PyPI',
    fetch: sdist('hmmlearn', '0.3.2', 'edaf485fdb1ea88da9ac642b2006c63d9950dd15d4d132f7205305d383e6f745'),
    libraries: OTHERS,
    notebooks: [
      ['plot_casino', 'best_model'],
      ['plot_multinomial_hmm', 'new_model'],
    ],
  },
  {
    library: 'lmfit',
    from: 'python-lmfit-doc 1.1.0-1 of Debian 12',
    fetch: deb('python-lmfit-doc', '1.1.0-1', 'c7ed21ecd1b3aedf5592bdf06b548e89a20c3432bde6539c1326917a874df6ff'),
    libraries: OTHERS,
    notebooks: [
      ['example_expression_model'],
      ['example_Model_interface'],
      ['example_two_dimensional_peak'],
      ['example_complex_resonator_model'],
      ['example_detect_outliers', 'fit_result'],
      ['example_use_pandas'],
    ],
  },
]

export interface Tried {
  readonly library: string
  readonly notebook: string
  readonly cells: number
  readonly verdict: string
  readonly why: string
}

export interface Opened {
  readonly library: string
  readonly folder: string
  readonly python: string
}

/** The folder with a library's examples and the interpreter; undefined where either cannot be had here, as without apt-get. */
export async function openSource({ library, fetch, libraries }: Source): Promise<Opened | undefined> {
  const folder = await cachedFolder(fetch.name, async (target, run) => {
    const work = mkdtempSync(join(tmpdir(), 'slipway-gallery-'))
    try {
      await fetch.into(target, work, run)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
  if (folder === undefined) return undefined
  const python = await testEnv(libraries).catch((error: Error) => error)
  return typeof python === 'string' ? { library, folder, python } : undefined
}

/** Packages one notebook with its proof. */
export async function tryNotebook({ library, folder, python }: Opened, [name, model]: Named): Promise<Tried> {
  const work = mkdtempSync(join(tmpdir(), 'slipway-foreign-'))
  try {
    const { ending, bytes } = exampleOf(folder, name)
    const path = join(work, `${name}${ending}`)
    writeFileSync(path, bytes)
    const out = join(work, 'project')
    const words = ['package', path, '--out', out, '--python', python, '--offline', '--cell-limit', '120']
    const said = await new Promise<string>((resolve) => {
      const args = [MAIN, ...words, ...(model === undefined ? [] : ['--model', model])]
      execFile(process.execPath, args, { cwd: work, maxBuffer: 1e8 }, (_, __, stderr) => resolve(stderr))
    })
    return { library, ...outcome(name, out, said) }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function outcome(notebook: string, out: string, said: string): Omit<Tried, 'library'> {
  const refused = /^slipway: (.*)$/m.exec(said)?.[1]
  if (refused !== undefined) return { notebook, cells: 0, verdict: 'refused', why: refused }
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report
  return { notebook, cells: report.cells.length, verdict: report.proof.verdict, why: report.proof.why }
}

/** An example of the folder: a notebook, else a script. */
function exampleOf(folder: string, name: string): { ending: string; bytes: Buffer } {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const wanted of [`${name}.ipynb`, `${name}.ipynb.gz`, `${name}.py`]) {
    const file = files.find((one) => basename(one) === wanted)
    if (file === undefined) continue
    const bytes = readFileSync(join(folder, file))
    return wanted.endsWith('.gz') ? { ending: '.ipynb', bytes: gunzipSync(bytes) } : { ending: extname(wanted), bytes }
  }
  throw new Error(`${folder} has no ${name}`)
}

/** The table of the guide. */
export function asTable(tried: readonly Tried[]): string {
  const rows = tried.map(({ library, notebook, cells, verdict, why }) => {
    const reason = why
      .replaceAll('|', '\\|')
      .replaceAll(/\d+ of \d+ numbers/g, 'numbers')
      .slice(0, 240)
    return `| ${library} | ${notebook} | ${cells === 0 ? '' : cells} | ${verdict} | ${reason} |`
  })
  return ['| library | notebook | cells | verdict | reason |', '|---|---|---|---|---|', ...rows].join('\n')
}
