/** What makes no proof of a package that was edited, though all that is compared agrees; and a report that cannot be replaced. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { proveAgain } from '../../src/notebook/again.ts'
import { testEnv } from '../python-env.ts'
import { againBench } from './again.ts'
import { AS_GIVEN, WITHOUT_MLFLOW, type Packaged } from './notebooks.ts'

const bench = againBench()
after(bench.end)

/** Lines for a lock: what the environment has, and the lock does not. */
function rest(made: Packaged): string {
  const locked = new Set([...made.read('requirements.lock').matchAll(/^([\w.-]+)==/gm)].map(([, name]) => name))
  return Object.entries(made.report().installed)
    .filter(([name]) => !locked.has(name) && name !== 'pip' && name !== 'setuptools')
    .map(([name, version]) => `${name}==${version}\n`)
    .join('')
}

describe('a package that was edited is not verified', () => {
  it('where it imports what its lock does not have, which the proof had by chance', async () => {
    const made = await bench.packaged('drawn', ['--no-proof'])
    bench.edit(made, 'src/drawn/features.py', 'import pandas as pd\n', 'import matplotlib\nimport pandas as pd\n')
    assert.match(
      (await bench.again(made, 'drawn')).out,
      /^Proof: not verified: the lock pins no version of contourpy, /m,
    )
    // nor by the report of the proof that has refused it
    assert.match(
      (await bench.again(made, 'drawn')).out,
      /^Proof: not verified: the lock pins no version of contourpy, /m,
    )
    appendFileSync(join(made.folder, 'requirements.lock'), rest(made))
    assert.match((await bench.again(made, 'drawn')).out, /^Proof: verified$/m)
    assert.equal(made.report().packages['matplotlib'], '3.6.3')
  })

  it('where it imports what is not to be had', async () => {
    const made = await bench.packaged('missing', ['--no-proof'])
    const late = 'def later():\n    import nowhere_to_be_had\n\n\ndef '
    appendFileSync(join(made.folder, 'src/missing/features.py'), `\n\n${late}last():\n    pass\n`)
    const why = 'the package imports nowhere_to_be_had, and no installed distribution explains that'
    assert.equal((await bench.again(made, 'missing')).out.split('\n')[0], `Proof: not verified: ${why}`)
  })

  it('where it takes up what its lock does not have by no import, and does not run without', async () => {
    const loaded = 'import importlib\nversion = importlib.import_module("matplotlib").__version__'
    const made = await bench.packaged('loaded', ['--no-proof'], [loaded])
    assert.doesNotMatch(made.read('requirements.lock'), /matplotlib/)
    assert.match(
      (await bench.again(made, 'loaded')).out,
      /^Proof: not verified: without .*matplotlib.*, which the lock does not have: the package does not run: cell 4: .*No module named 'matplotlib'/m,
    )
  })

  it('where its code was changed while the proof ran', async () => {
    const made = await bench.packaged('moving', ['--no-proof'])
    const path = join(made.folder, 'src/moving/predict.py')
    let edits = 0
    const say = (line: string): void => {
      if (line.startsWith('the package runs') && (edits += 1) === 1) appendFileSync(path, '# late\n')
    }
    const python = await testEnv(WITHOUT_MLFLOW)
    const options = { ...AS_GIVEN, python, file: join(bench.folder, 'moving.ipynb'), say }
    const [found] = await proveAgain(options, [made.folder])
    const why = 'moving/predict.py was changed while the proof ran; prove it again'
    assert.deepEqual([found?.report.proof.verdict, found?.report.proof.why], ['not verified', why])
  })

  it('by a sample of data that it does not read', async () => {
    const made = await bench.packaged('sampled', ['--no-proof'])
    const same = await bench.again(made, 'sampled', '--sample', '0.001')
    assert.match(same.out, /^Proof: verified$/m)
    writeFileSync(join(made.folder, 'data/churn.csv'), made.read('data/churn.csv').replace(/\n$/, '\n\n'))
    const other = await bench.again(made, 'sampled', '--sample', '0.001')
    assert.match(
      other.out,
      /^Proof: not verified: the package reads \S+data\/churn\.csv as \w+, and the proof had a sample of \S+churn\.csv$/m,
    )
  })
})

describe('a report', () => {
  it('stays as it was where the new one cannot be written, and the command says so', async () => {
    const made = await bench.packaged('stuck', ['--no-proof'])
    const json = made.read('report.json')
    rmSync(join(made.folder, 'report.html'))
    mkdirSync(join(made.folder, 'report.html'))
    const { code, said } = await bench.again(made, 'stuck')
    assert.equal(code, 2)
    assert.match(said, /the report in \S+ stays as it was, for the new one cannot be written/)
    assert.equal(made.read('report.json'), json)
    const parts = readdirSync(made.folder).filter((name) => name.endsWith('.part'))
    assert.deepEqual(parts, [])
    const both = await bench.again(made, 'stuck', '--no-proof')
    assert.match(both.said, /--prove proves a package, and --no-proof none/)
  })
})
