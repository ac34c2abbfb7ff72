/** A notebook goes to its endpoint: packaged, trained and registered by the server, and its answers are those of the notebook's model. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import type { Report } from '../../src/notebook/output/report.ts'
import { readProof } from '../../web/data/models/package-proof.ts'
import { testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import { FIXTURES, notebookBench, writeNotebook } from './notebooks.ts'

const PACKAGES = ['scikit-learn==1.7.2', 'pandas==2.3.3', 'numpy==2.2.6', 'mlflow-skinny==3.17.2']
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const call = promisify(execFile)

/** Fits what the fixture fits, by hand. */
const ORACLE = `
import json, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
df = pd.read_csv("churn.csv")
X, y = df[["tenure", "charge"]], df["churn"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=7)
model = LogisticRegression().fit(X_train, y_train)
print(json.dumps([X_test.head(20).to_dict("records"), model.predict(X_test.head(20)).tolist()]))
`

const bench = notebookBench()
after(bench.end)

test('slipway ship trains the package on the server, and the endpoint answers as the model of the notebook', async (t) => {
  const python = await testEnv(PACKAGES)
  const made = await bench.run('d14_figures', '--python', python)
  assert.equal(made.code, 0, made.out + made.said)
  const server = await startTestServer({ gateways: 1 })
  t.after(() => server.stop())
  const shipped = await call(process.execPath, [MAIN, 'ship', made.folder, '--data', server.data], { maxBuffer: 1e8 })
  assert.match(shipped.stdout, /version 1: accepted/)
  const { stdout } = await call(python, ['-c', ORACLE], { cwd: FIXTURES })
  const [rows, expected] = JSON.parse(stdout) as [object[], number[]]
  const reply = await fetch(`${server.gatewayUrl}/v1/endpoints/d14-figures:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${server.token}` },
    body: JSON.stringify({ inputs: rows }),
  })
  const answer = (await reply.json()) as { predictions?: unknown }
  assert.equal(reply.status, 200, JSON.stringify(answer))
  assert.deepEqual(answer.predictions, expected, JSON.stringify(answer).slice(0, 500))
  // the proof goes with the version, and is one of the code that the version brings
  const read = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${server.token}` }
    const found = await fetch(`${server.url}/v1/models/d14-figures/versions/1/${path}`, { headers })
    assert.equal(found.status, 200, path)
    return (await found.json()) as T
  }
  const { items } = await read<{ items: { path: string; digest: string }[] }>('files')
  const report = await read<Report>('file?path=package-report.json')
  const code = items.filter(({ path }) => path.startsWith('code/') && path.endsWith('.py'))
  assert.equal(report.proof.verdict, 'verified')
  assert.deepEqual(Object.fromEntries(code.map(({ path, digest }) => [path.slice(5), digest])), report.files)
  // read as the page of a version does
  const pageOf = async (version: number): Promise<ReturnType<typeof readProof>> => {
    const headers = { authorization: `Bearer ${server.token}` }
    const get = (path: string): Promise<Response> =>
      fetch(`${server.url}/v1/models/d14-figures/versions/${version}/${path}`, { headers })
    const files = (await (await get('files')).json()) as { items: { path: string; size: number; digest: string }[] }
    const textOf = async (path: string): Promise<string> => (await get(`file?path=${path}`)).text()
    return readProof(
      { report: await textOf('package-report.json'), training: await textOf('package-training.json') },
      files.items,
    )
  }
  const first = await pageOf(1)
  assert.ok(first.state === 'found', JSON.stringify(first))
  assert.deepEqual([first.proof.verdict, first.proof.differences, first.proof.untold], ['verified', [], ''])
  // a setting and the data that are others, and the version says so
  const project = join(made.folder, 'slipway.yaml')
  writeFileSync(project, readFileSync(project, 'utf8').replace('seed: 0', 'seed: 5'))
  appendFileSync(
    join(made.folder, 'data/churn.csv'),
    readFileSync(join(FIXTURES, 'churn.csv'), 'utf8').split('\n')[1] ?? '',
  )
  // data of the package, and modules beside it, which a step imports first
  writeFileSync(join(made.folder, 'src/d14_figures/table.json'), '[1]')
  mkdirSync(join(made.folder, 'helper'))
  writeFileSync(join(made.folder, 'helper/__init__.py'), '')
  writeFileSync(join(made.folder, 'helper/scale.py'), 'BY = 2\n')
  const again = await call(process.execPath, [MAIN, 'run', made.folder, '--data', server.data], { maxBuffer: 1e8 })
  assert.match(again.stdout, /note: Changed since the proof in report\.json: setting seed: proved with 0, now 5/)
  for (const name of ['d14_figures/table.json', '../helper/__init__.py', '../helper/scale.py'])
    assert.ok(again.stdout.includes(`Changed since the proof in report.json: code ${name}: proved with none`), name)
  const second = await pageOf(2)
  assert.ok(second.state === 'found', JSON.stringify(second))
  const told = second.proof.differences.map(({ kind, name, proved, now }) => [
    kind,
    name,
    ...(kind === 'data' || kind === 'code' ? [] : [proved, now]),
  ])
  assert.deepEqual(told, [
    ['code', '../helper/__init__.py'],
    ['code', '../helper/scale.py'],
    ['code', 'd14_figures/table.json'],
    ['setting', 'seed', '0', '5'],
    ['data', 'churn_path'],
  ])
})

/** Trains the package in a folder, loads what it saved as MLflow does, and asks it as a gateway does: by a table. */
const ASKED = `
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/src")
from texts.train import main
main(Path(sys.argv[1], "saved"))
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1] + "/saved")
print("\\n" + json.dumps([model.metadata.signature.inputs.input_names(), [str(one) for one in model.predict(pd.DataFrame({"text": ["free cash", "see you"]}))]]))
`

test('a model of texts, which a notebook asks with a column, is saved as one that is asked with a table', async () => {
  const python = await testEnv(PACKAGES)
  const path = writeNotebook(bench.folder, 'texts', [
    'import pandas as pd\nfrom sklearn.feature_extraction.text import TfidfVectorizer\nfrom sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline',
    'mails = pd.DataFrame({"text": ["free cash now", "see you soon", "win cash", "you and me"] * 5, "label": ["spam", "ham"] * 10})\nmails = mails.sort_values("text")',
    'texts = mails["text"]\npipe = make_pipeline(TfidfVectorizer(), LogisticRegression())\npipe.fit(texts, mails["label"])',
    'pred = pipe.predict(texts)',
  ])
  const made = await bench.run(path, '--python', python)
  assert.match(made.out, /^Proof: verified$/m, made.out + made.said)
  const { stdout } = await call(python, ['-c', ASKED, made.folder])
  assert.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), [['text'], ['spam', 'ham']])
})

test('the tutorial begins at a notebook: its commands package it with a proof, ship it and ask its endpoint', async (t) => {
  const root = join(import.meta.dirname, '../..')
  const page = readFileSync(join(root, 'docs/tutorial.md'), 'utf8')
  const block =
    /^```\n(slipway package (\S+) --out petals\nslipway ship petals\nslipway predict petals '(.*)')\n^```/m.exec(page)
  const [, , notebook = '', rows = ''] = block ?? []
  const made = await bench.run(notebook.replace('CHECKOUT', root), '--python', await testEnv(PACKAGES))
  assert.match(made.out, /^Proof: verified$/m)
  assert.match(made.out, /^Each change and the proof: file:\/\/\/.*report\.html$/m)
  assert.match(made.read('src/petals/features.py'), /def ratio\(rows: Any, \*, wide: float\)/)
  assert.match(made.read('src/petals/train.py'), /RandomForestClassifier\(n_estimators=50, random_state=seed\)/)
  const server = await startTestServer({ gateways: 1 })
  t.after(() => server.stop())
  const slipway = (...words: readonly string[]): Promise<{ stdout: string }> =>
    call(process.execPath, [MAIN, ...words, '--data', server.data], { maxBuffer: 1e8 })
  await slipway('ship', made.folder)
  const answered = await slipway('predict', 'petals', rows)
  const numbers = [...answered.stdout.matchAll(/[01]\.\d+(?:e-\d+)?|\b[01]\b/g)].map(Number)
  assert.ok(Math.max(...numbers) > 0.5, answered.stdout)
})
