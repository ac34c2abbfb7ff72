/** D1 to D8: what ties code to a machine, an order or a memory is found, treated and proved to compute the same. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { found, proved } from './expectations.ts'
import { FIXTURES, notebookBench } from './notebooks.ts'

const bench = notebookBench()
after(bench.end)

describe('slipway package', { concurrency: 2 }, () => {
  it('D1: takes versions from the environment and not from an install line', async () => {
    const made = await bench.run('d01_dependencies')
    proved(made)
    found(made, 'D1', 1, /pip install/)
    assert.match(made.read('requirements.lock'), /^scikit-learn==1\.\d+\.\d+$/m)
    assert.doesNotMatch(made.read('pyproject.toml'), /scikit-learn==1\.0"/)
    assert.match(made.read('pyproject.toml'), /requires-python = "==3\.\d+\.\*"/)
    assert.match(made.read('requirements.lock'), /unhashed/)
    // the step saves the model by it, though no cell imports it
    assert.match(made.read('requirements.lock'), /^mlflow-skinny==\d+\.\d+\.\d+$/m)
    assert.match(made.read('requirements.lock'), /^protobuf==/m, 'and what it needs')
  })

  it('D2: puts cells into the one order in which every name is defined before it is used', async () => {
    const made = await bench.run('d02_order')
    proved(made)
    assert.deepEqual(made.report().order, [2, 4, 5, 3, 1])
    found(made, 'D2', null, /in the order 1 2 3 4 5/)
  })

  it('D2: takes the order that a person chose where two orders compute different things', async () => {
    const written = await bench.run('d02_two_meanings', '--order', 'document')
    const executed = await bench.run('d02_two_meanings', '--order', 'executed')
    for (const made of [written, executed]) proved(made)
    assert.deepEqual(executed.report().order, [1, 2, 4, 3, 5, 6, 7])
    assert.notEqual(written.read('src/d02_two_meanings/train.py'), executed.read('src/d02_two_meanings/train.py'))
  })

  it('D4: makes variables that functions read their parameters, through calls and where a function is a value', async () => {
    const made = await bench.run('d04_globals')
    proved(made)
    const text = made.read('src/d04_globals/features.py')
    assert.match(
      text,
      /def is_dear\(charge: Any, factor: Any=1\.0, \*, mean_charge: Any\) -> Any: {2}# compared with the mean/,
    )
    assert.match(text, /def label\(row: Any, \*, LIMIT: int, mean_charge: Any\) -> Any:/)
    assert.match(text, /is_dear\(row\["charge"\], mean_charge=mean_charge\) and row\["tenure"\] < LIMIT/)
    assert.match(text, /df\.apply\(Bound\(label, LIMIT=LIMIT, mean_charge=mean_charge\), axis=1\)/)
    found(made, 'D4', 3, /label reads LIMIT, mean_charge/)
  })

  it('D5: writes the names that stars brought, the later of two modules first', async () => {
    const made = await bench.run('d05_stars')
    proved(made)
    found(made, 'D5', 1, /import \*/)
    const text = made.read('src/d05_stars/train.py')
    assert.match(text, /from math import sqrt/)
    assert.match(text, /from sklearn\.metrics import .*roc_auc_score/)
    assert.doesNotMatch(text, /import \*|from numpy import/)
  })

  it('D6: makes a path that only another machine has an input, and says where it is not here', async () => {
    const absent = await bench.run('d06_paths')
    assert.equal(absent.code, 1)
    assert.match(absent.report().proof.why, /the original does not run: cell 2: FileNotFoundError/)
    const made = await bench.run('d06_paths', '--data', `churn_path=${join(FIXTURES, 'churn.csv')}`)
    proved(made)
    assert.equal(made.read('data/churn.csv'), readFileSync(join(FIXTURES, 'churn.csv'), 'utf8'))
    assert.match(made.read('src/d06_paths/config.py'), /churn_path: str = str\(ROOT \/ "data" \/ "churn\.csv"\)/)
    assert.doesNotMatch(made.read('src/d06_paths/features.py'), /content\/drive/)
  })

  it('D7: takes secrets out of code, outputs and metadata, names them to be rotated, and writes them nowhere', async () => {
    const made = await bench.run('d07_secrets')
    proved(made)
    const { rotate } = made.report()
    assert.deepEqual([rotate.length, rotate.slice(0, 2)], [4, ['API_KEY', 'PASSWORD']])
    assert.match(made.read('src/d07_secrets/features.py'), /API_KEY = os\.environ\["API_KEY"\]/)
    assert.match(made.read('slipway.yaml'), /secrets:\s+- API_KEY\s+- PASSWORD/)
    const secrets = ['sk-proj-abc', 'hunter2hunter2', 'ghp_0123456789', 'AKIAIOSFODNN7EXAMPLE']
    for (const entry of readdirSync(made.folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) {
        const text = readFileSync(join(entry.parentPath, entry.name), 'utf8') + made.out + made.said
        for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${entry.name}`)
      }
  })

  it('D8: seeds what nothing seeded, sorts folders, and leaves the clock to the reader', async () => {
    const made = await bench.run('d08_random')
    proved(made)
    const text = made.read('src/d08_random/features.py')
    assert.match(text, /rng = np\.random\.default_rng\(seed\)/)
    assert.match(text, /len\(sorted\(glob\.glob\("\*\.parquet"\)\)\)/)
    found(made, 'D8', 2, /time\.time is another value in each run/)
    found(made, 'D8', 4, /train_test_split may draw by chance, and nothing seeds it/)
    assert.match(text, /train_test_split\(X, y, test_size=0\.3, random_state=seed\)/)
  })
})
