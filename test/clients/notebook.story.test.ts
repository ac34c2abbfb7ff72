/** `%load_ext slipway` of the installed package in a real IPython kernel, against a real server. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runProgram, testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { NOTEBOOK } from './packages.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-notebook-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const EXPERIMENT = 'churn <i>v3</i>'

/** A run of the cell itself in an experiment that it sets, and then a newer one there that is somebody else's. */
const OWN_RUN = `import mlflow
mlflow.set_experiment("set in a cell")
with mlflow.start_run(run_name="of-this-notebook"):
    mlflow.log_metric("auc", 0.75)
experiment = mlflow.get_experiment_by_name("set in a cell").experiment_id
other = mlflow.MlflowClient().create_run(experiment, run_name="of-somebody-else")`

interface Output {
  readonly output_type: string
  /** nbformat keeps a text as its lines. */
  readonly data?: Readonly<Record<string, string | string[]>>
  readonly traceback?: readonly string[]
}

/** Installs a copy of the Python package, as a user does, and gives the folder it lies in. */
async function installed(python: string): Promise<string> {
  const [source, target] = [join(folder, 'python'), join(folder, 'site')]
  cpSync(join(import.meta.dirname, '../../python'), source, { recursive: true })
  const offline = ['--quiet', '--no-index', '--no-deps', '--no-build-isolation', '--disable-pip-version-check']
  await runProgram(python, ['-m', 'pip', 'install', ...offline, '--target', target, './python'], { cwd: folder })
  return target
}

async function mlflow(server: TestServer, call: string, body: object): Promise<Record<string, unknown>> {
  const reply = await fetch(`${server.url}/api/2.0/mlflow/${call}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(reply.status, 200, call)
  return (await reply.json()) as Record<string, unknown>
}

/** Logs a run whose loss falls from a value in ten steps; its id. */
async function logged(server: TestServer, experiment: string, name: string, loss: number): Promise<string> {
  const start = Date.now()
  const made = await mlflow(server, 'runs/create', { experiment_id: experiment, run_name: name, start_time: start })
  const id = (made['run'] as { info: { run_id: string } }).info.run_id
  const metrics = Array.from({ length: 10 }, (_, step) => ({
    key: 'loss',
    value: loss / (step + 1),
    step,
    timestamp: start,
  }))
  const params = [
    { key: 'depth', value: '<b onclick=x>7</b>' },
    { key: 'leaked', value: server.token },
  ]
  await mlflow(server, 'runs/log-batch', { run_id: id, metrics, params })
  await mlflow(server, 'runs/update', { run_id: id, status: 'FINISHED', end_time: start + 1500 })
  return id
}

/** Runs the cells and gives the text of the notebook and the outputs of each cell. */
async function executed(python: string, cells: readonly string[], env: NodeJS.ProcessEnv) {
  const [given, out] = [join(folder, 'cells.json'), join(folder, 'out.ipynb')]
  writeFileSync(given, JSON.stringify(cells))
  await runProgram(python, [join(import.meta.dirname, 'notebook_shown.py'), given, out], {
    cwd: folder,
    env: { ...process.env, ...env, IPYTHONDIR: join(folder, 'ipython') },
  })
  const text = readFileSync(out, 'utf8')
  return { text, outputs: (JSON.parse(text) as { cells: { outputs: Output[] }[] }).cells.map((cell) => cell.outputs) }
}

const htmlOf = (outputs: readonly Output[] | undefined): string => {
  assert.deepEqual(
    outputs?.map((one) => one.output_type),
    ['display_data'],
    JSON.stringify(outputs),
  )
  return [outputs[0]?.data?.['text/html'] ?? []].flat().join('')
}
const links = (html: string): string[] => [...html.matchAll(/href="([^"]*)"/g)].map(([, link = '']) => link)

test('runs, curves and the last run stand in a notebook', async (t) => {
  const python = await testEnv(NOTEBOOK).catch((error: Error) => error)
  if (python instanceof Error) {
    t.skip(`IPython cannot be installed here: ${python.message.split('\n')[0]}`)
    return
  }
  const site = await installed(python)
  const server = await startTestServer()
  try {
    const { experiment_id: experiment } = await mlflow(server, 'experiments/create', { name: EXPERIMENT })
    const first = await logged(server, String(experiment), 'first', 8)
    const second = await logged(server, String(experiment), '<script>second</script>', 4)
    const cells = [
      '%load_ext slipway\nimport slipway; print(slipway.__file__)',
      `%slipway runs "${EXPERIMENT}"\nx = 1`,
      `%slipway curves loss "${EXPERIMENT}"`,
      `%slipway last "${EXPERIMENT}"`,
      '%slipway runs missing',
      'import os; os.environ["SLIPWAY_URL"] = "http://127.0.0.1:9"\n%slipway last',
      '%slipway runs --limit none',
      OWN_RUN,
      'del os.environ["SLIPWAY_URL"]\n%slipway last\n%slipway runs',
    ]
    const own = { SLIPWAY_DATA: server.data, SLIPWAY_URL: '', SLIPWAY_TOKEN: '' }
    const client = { MLFLOW_TRACKING_URI: server.url, MLFLOW_TRACKING_TOKEN: server.token }
    const environment = { ...own, ...client, PYTHONPATH: site }
    const { text, outputs } = await executed(python, cells, environment)

    assert.ok(text.includes(join(site, 'slipway')), 'the installed package was used')
    const pages = [second, first].map((id) => `${server.url}/runs/${id}`)
    const table = htmlOf(outputs[1])
    assert.deepEqual(links(table), pages, 'newest first')
    assert.ok(table.includes('&lt;script&gt;second&lt;/script&gt;') && table.includes('&lt;b onclick=x&gt;7&lt;/b&gt;'))
    assert.ok(table.includes('churn &lt;i&gt;v3&lt;/i&gt;') && table.includes('>0.4<') && table.includes('>0.8<'))
    assert.doesNotMatch(table, /<script|<b |<i>/)

    const curves = htmlOf(outputs[2])
    assert.deepEqual(links(curves), pages)
    const lines = [...curves.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = '']) => points.split(' ').length)
    assert.deepEqual(lines, [10, 10])

    const last = htmlOf(outputs[3])
    assert.deepEqual(links(last), [pages[0]])
    assert.equal((await fetch(pages[0] as string)).status, 200, 'the link leads to a page')

    const failures = [4, 5, 6].map((at) => outputs[at]?.[0]?.traceback?.join('\n') ?? '')
    assert.match(failures[0] ?? '', /no experiment "missing" on .*there are: /)
    assert.match(failures[1] ?? '', /^slipway: no server answers at http:\/\/127\.0\.0\.1:9: /)
    assert.match(failures[2] ?? '', /got none, expected a whole number from 1 to 200\n%slipway runs/)
    assert.ok(failures.every((one) => !one.includes('Traceback')))

    const [mine = '', set = ''] = (outputs[8] ?? []).map((one) => htmlOf([one]))
    assert.ok(mine.includes('>of-this-notebook<') && mine.includes('auc = 0.75'), mine)
    assert.ok(set.startsWith('<div>2 runs of experiment &quot;set in a cell&quot;, newest first'), set)

    assert.ok(!text.includes(server.token) && !text.includes('/login/'), 'notebooks are committed')
  } finally {
    await server.stop()
  }
})
