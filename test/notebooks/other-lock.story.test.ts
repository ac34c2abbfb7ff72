/** A proof counts for the versions that it ran with: a lock that names others is not verified by it, whatever agrees. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { proved } from './expectations.ts'
import { IMPORTS, LOAD, notebookBench, WITHOUT_MLFLOW, writeNotebook, type Packaged } from './notebooks.ts'
import { testEnv } from '../python-env.ts'
import { findsEach, type Mutation } from './wrong-rewrites.ts'

const bench = notebookBench()
after(bench.end)
const call = promisify(execFile)
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

const CELLS = [
  IMPORTS,
  `${LOAD}\nX = df[["tenure", "charge"]]`,
  'model = LogisticRegression().fit(X, df["churn"])\npred = model.predict(X)',
]

const LOCKED = 'requirements: requirements.lock'
const MUTATIONS: readonly Mutation[] = [
  ['another version', 'requirements.lock', 'pandas==1.5.3', 'pandas==1.5.2'],
  ['another version, spelt with spaces', 'requirements.lock', 'pandas==1.5.3', 'pandas == 1.5.2'],
  ['another build', 'requirements.lock', 'numpy==1.24.4', 'numpy==1.24.4+mkl'],
  ['another version of what an import needs', 'requirements.lock', 'threadpoolctl==', 'threadpoolctl==1'],
  ['a package that is gone', 'requirements.lock', 'scikit-learn==1.2.2\n', ''],
  ['a version that is left open', 'requirements.lock', 'pandas==1.5.3', 'pandas>=1.5.3'],
  ['one more package', 'requirements.lock', 'pandas==1.5.3', 'pandas==1.5.3\nxgboost==2.0.3'],
  [
    'another version under a condition that holds',
    'requirements.lock',
    'pandas==1.5.3',
    'pandas==1.5.3 ; python_version < "3.0"\npandas==2.1.0 ; python_version >= "3.0"',
  ],
  ['a file that it names and that is not there', 'requirements.lock', 'pandas==1.5.3', '-r more.txt'],
  ['packages by name', 'slipway.yaml', LOCKED, 'packages: [pandas==2.1.0, scikit-learn==1.2.2]'],
  ['a project of ranges', 'slipway.yaml', LOCKED, 'pyproject: pyproject.toml'],
  ['a file that is not there', 'slipway.yaml', LOCKED, 'requirements: other.txt'],
  ['another Python', 'slipway.yaml', 'requires: ', 'requires: "==3.99.*" # '],
]

/** Edits a file of a project. */
function edit(made: Packaged, path: string, from: string | RegExp, to: string): void {
  const text = made.read(path)
  assert.notEqual(text.replace(from, to), text, String(from))
  writeFileSync(join(made.folder, path), text.replace(from, to))
}

describe('the lock of a package', () => {
  it(`is that of the environment that ran: each of ${MUTATIONS.length} others is found`, () =>
    findsEach(bench, {
      name: 'locked',
      cells: CELLS,
      mutations: MUTATIONS,
      packages: WITHOUT_MLFLOW,
    }))

  it('makes the verdict, in proof, validate and run alike; versions that are spelt otherwise or count elsewhere do not', async () => {
    const python = await testEnv(WITHOUT_MLFLOW)
    const file = writeNotebook(bench.folder, 'locked', CELLS)
    const made = await bench.run(file, '--python', python)
    proved(made)
    const notes = async (): Promise<string> => (await call(process.execPath, [MAIN, 'validate', made.folder])).stdout
    assert.doesNotMatch(await notes(), /proof/i)
    edit(
      made,
      'requirements.lock',
      'pandas==1.5.3',
      'Pandas==1.5.3.0 \\\n    --hash=sha256:00\npandas==9 ; sys_platform == "win32"',
    )
    const spelt = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.match(spelt.out, /^Proof: verified$/m)
    edit(made, 'requirements.lock', 'Pandas==1.5.3.0', 'pandas==2.1.0')
    const why = 'not verified: the lock pins pandas 2.1.0, the proof ran with 1.5.3'
    const other = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.deepEqual([other.code, other.out.split('\n')[0]], [1, `Proof: ${why}`])
    assert.match(other.out, /^\d of 3 cells verified/m)
    assert.match(await notes(), new RegExp(`The proof of this package says: ${why}`))
    edit(made, 'requirements.lock', 'pandas==2.1.0', 'pandas==1.5.3\nbottleneck==1.3.8')
    const more = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.match(more.out, /^Proof: not verified: the lock pins bottleneck 1\.3\.8, the proof ran without it$/m)
    const unseen = 'not verified: the lock pins bottleneck 1\\.3\\.8, the proof ran without it'
    assert.match(await notes(), new RegExp(`The proof of this package says: ${unseen}`))
    edit(made, 'requirements.lock', 'bottleneck==1.3.8', '-e ./pandas')
    const folder = 'not verified: the lock asks for ./pandas, and nobody can tell which version that is'
    const editable = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.equal(editable.out.split('\n')[0], `Proof: ${folder}`)
    assert.match(await notes(), new RegExp(`The proof of this package says: ${folder}`))
    edit(made, 'requirements.lock', '-e ./pandas', '-e .')
    const own = await bench.run(file, '--python', python, '--prove', made.folder)
    assert.match(own.out, /^Proof: verified$/m)
    assert.doesNotMatch(await notes(), /asks for/)
  })

  it('counts because it computes: plain Python gives other figures with the other version, and a proof there is verified', async () => {
    const [one, two] = [await withRatio('1.0', 100), await withRatio('2.0', 200)]
    const cells = [`${IMPORTS}\nfrom ratio import share`, `${LOAD}\nX = df[["tenure"]] + share(df["charge"].mean())`]
    const last =
      'model = LogisticRegression().fit(X, df["churn"])\npred = model.predict_proba(X)\nprint(X["tenure"].sum())'
    const file = writeNotebook(bench.folder, 'ratios', [...cells, last])
    const made = await bench.run(file, '--python', one)
    proved(made)
    edit(made, 'requirements.lock', 'ratio==1.0', 'ratio==2.0')
    // the original by plain Python, without Slipway
    const plain = async (python: string): Promise<string> =>
      (await call(python, ['-c', [...cells, last].join('\n')], { cwd: bench.folder })).stdout
    assert.notEqual(await plain(one), await plain(two))
    const other = await bench.run(file, '--python', one, '--prove', made.folder)
    assert.match(other.out, /^Proof: not verified: the lock pins ratio 2\.0, the proof ran with 1\.0$/m)
    const right = await bench.run(file, '--python', two, '--prove', made.folder)
    assert.deepEqual([right.code, right.out.split('\n')[0]], [0, 'Proof: verified'])
  })
})

/** An environment with a package of one function, whose versions compute different things. */
async function withRatio(version: string, whole: number): Promise<string> {
  const base = await testEnv(WITHOUT_MLFLOW)
  const folder = join(bench.folder, `env-${version}`)
  await call(base, ['-m', 'venv', '--without-pip', folder])
  const python = join(folder, 'bin/python')
  const ask = 'import sysconfig; print(sysconfig.get_path("purelib"))'
  const [site, others] = await Promise.all(
    [python, base].map(async (one) => (await call(one, ['-c', ask])).stdout.trim()),
  )
  writeFileSync(join(site ?? '', 'others.pth'), `${others}\n`)
  writeFileSync(join(site ?? '', 'ratio.py'), `def share(x):\n    return x / ${whole}\n`)
  const info = join(site ?? '', `ratio-${version}.dist-info`)
  mkdirSync(info)
  writeFileSync(join(info, 'METADATA'), `Metadata-Version: 2.1\nName: ratio\nVersion: ${version}\n`)
  writeFileSync(join(info, 'top_level.txt'), 'ratio\n')
  writeFileSync(join(info, 'RECORD'), `ratio.py,,\nratio-${version}.dist-info/METADATA,,\n`)
  return python
}
