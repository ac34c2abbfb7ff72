/** `slipway run` as a person has it: prints as they come, Ctrl-C, cancel, retry. Real programs on a real server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { freePort } from '../programs/free-port.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { never, until } from '../until.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')

const YAML = (go: string): string => `project: held
pipeline:
  steps:
    load: {run: job:load, outputs: [table], cache: never}
    fit: {run: job:fit, inputs: {table: load.table}, env: {GO: "${go}"}}
    judge: {run: job:judge, after: [fit]}
`
const CODE = `
import os, time
def load(table):
    print("loaded 3 rows"); table.write_text("t")
def fit(table):
    print("waiting for go")
    while not os.path.exists(os.environ["GO"]): time.sleep(0.1)
    print("key", os.environ["MLFLOW_TRACKING_TOKEN"])
def judge(): print("judged")
`

interface Running {
  out: string
  said: string
  readonly code: Promise<number | null>
  readonly interrupt: () => void
}

describe('the runs of the command line', () => {
  let server: TestServer
  let project: string
  let go: string
  let signs: string
  before(async () => {
    // a port that no connection of another takes while the server is away
    server = await startTestServer({ args: ['--port', String(await freePort())] })
    project = join(server.data, 'project')
    // outside of the data folder, in which a step sees nothing
    signs = mkdtempSync(join(tmpdir(), 'slipway-go-'))
    go = join(signs, 'go')
    mkdirSync(project)
    writeFileSync(join(project, 'slipway.yaml'), YAML(go))
    writeFileSync(join(project, 'job.py'), CODE)
  })
  after(async () => {
    await server.stop()
    rmSync(server.data, { recursive: true, force: true })
    rmSync(signs, { recursive: true, force: true })
  })

  function slipway(...words: readonly string[]): Running {
    const child = spawn(process.execPath, [MAIN, ...words, '--data', server.data], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running: Running = {
      out: '',
      said: '',
      code: new Promise((done) => child.once('close', done)),
      interrupt: () => void child.kill('SIGINT'),
    }
    child.stdout.on('data', (part: Buffer) => (running.out += part.toString()))
    child.stderr.on('data', (part: Buffer) => (running.said += part.toString()))
    return running
  }
  const waiting = (run: Running): Promise<true> =>
    until(
      () => `the step to wait for go: ${run.out}${run.said}`,
      () => run.out.includes('  fit | waiting for go\n'),
    )
  const stateOf = async (id: string): Promise<string> =>
    (await server.client.call(pipelinesApi.getPipelineRun, { params: { id } })).state

  let id = ''
  test('prints come while the step runs; Ctrl-C leaves the run going on and says how to end it', async () => {
    const run = slipway('run', project)
    await waiting(run)
    assert.match(run.out, /  load \| loaded 3 rows\n✓ load succeeded /)
    assert.match(run.out, /^Ctrl-C ends this view and not the run; slipway cancel pr_\w+ ends the run\.$/m)
    id = /^Run (pr_\w+) of held/m.exec(run.out)?.[1] ?? ''
    run.interrupt()
    assert.equal(await run.code, 130)
    assert.match(
      run.said,
      new RegExp(`slipway: run ${id} goes on\\. See it: slipway runs ${id}\\. End it: slipway cancel ${id}\\n`),
    )
    await never('the run has ended', async () => (await stateOf(id)) !== 'running', 20)
  })

  test('cancel ends it; what did not run has no tick', async () => {
    const cancel = slipway('cancel', id)
    assert.equal(await cancel.code, 0, cancel.out + cancel.said)
    assert.match(cancel.out, /^- fit cancelled/m)
    assert.match(cancel.out, /^- judge cancelled/m)
    assert.match(cancel.out, new RegExp(`^Run ${id}: cancelled\\.`, 'm'))
    assert.equal(await stateOf(id), 'cancelled')
    const again = slipway('cancel', id, '--json')
    assert.equal(await again.code, 0)
    assert.equal((JSON.parse(again.out) as { outcome: string }).outcome, 'cancelled')
  })

  test('retry runs only what did not succeed, and masks the token in what it prints', async () => {
    writeFileSync(go, '')
    const retry = slipway('retry', id)
    assert.equal(await retry.code, 0, retry.out + retry.said)
    assert.match(retry.out, new RegExp(`^Run pr_\\w+ of held retries ${id}: http`, 'm'))
    assert.match(
      retry.out,
      new RegExp(`^= load cached \\d+\\.\\d\\d s \\(it succeeded in run ${id}, which this run retries\\)$`, 'm'),
    )
    assert.doesNotMatch(retry.out, /loaded 3 rows/)
    assert.match(retry.out, /^  fit \| key \[secret\]\n✓ fit succeeded/m)
    assert.match(retry.out, /^  judge \| judged\n✓ judge succeeded/m)
    rmSync(go)
  })

  test('a server that is killed and comes back is followed on, and nothing is printed twice', async () => {
    const run = slipway('run', project, '--force', '--url', server.url)
    await waiting(run)
    const { port } = new URL(server.url)
    await server.kill()
    const data = server.data
    server = await startTestServer({ data, args: ['--port', port] })
    writeFileSync(go, '')
    assert.equal(await run.code, 0, run.out + run.said)
    assert.equal(run.out.split('waiting for go').length, 2, run.out)
    assert.match(run.out, /^  fit \| key \[secret\]\n✓ fit succeeded/m)
    rmSync(go)
    rmSync(join(data, 'project'), { recursive: true })
  })

  test('validate needs no server', async () => {
    const folder = join(server.data, 'faulty')
    mkdirSync(folder)
    writeFileSync(join(folder, 'slipway.yaml'), YAML(go).replace('job:fit', 'job:fti'))
    writeFileSync(join(folder, 'job.py'), CODE)
    const child = spawn(process.execPath, [MAIN, 'validate', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (part: Buffer) => (out += part.toString()))
    assert.equal(await new Promise((done) => child.once('close', done)), 1)
    assert.equal(
      out,
      'slipway.yaml:5: pipeline.steps.fit.run: got "job:fti", and job.py defines no "fti"; expected module:function\n1 fault\n',
    )
  })
})
