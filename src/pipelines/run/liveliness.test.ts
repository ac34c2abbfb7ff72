/** Steps that hang and steps that work: real processes, judged by what they put out and log. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openBench, type Bench } from '../bench.fixture.ts'
import type { Context } from '../context/context.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { StepSpec } from '../spec/spec.ts'
import { whyGivenUp } from './liveliness.ts'

const YAML = (steps: string): string => `project: quiet\npipeline:\n  steps:\n${steps}\n`
const CODE = `
import os, sys, time, threading, urllib.request, json
def hangs():
    print("begins", flush=True)
    time.sleep(600)
def never_prints():
    while True: time.sleep(0.05)
def prints():
    for at in range(96):
        print("row", at, flush=True)
        time.sleep(0.25)
def draws():
    for at in range(96):
        sys.stderr.write("\\r%d%%" % at); sys.stderr.flush()
        time.sleep(0.25)
def child_prints():
    import subprocess
    subprocess.run([sys.executable, "-c", "import time\\nfor i in range(96): print(i, flush=True); time.sleep(0.25)"], check=True)
`

test('one that is past its time and silent is given up: here soon, elsewhere once its machine has had time to find the server', async () => {
  const [now, hour] = [1_750_000_000_000, 3_600_000]
  const context = { deps: { clock: () => now, driver: { name: 'local' } } } as unknown as Context
  const step = { timeout_ms: hour, silent_timeout_ms: null } as StepSpec
  const why = async (driver: string, silent_ms: number, age = 2 * hour): Promise<string | undefined> => {
    const attempt = { driver, begun_at: now - age } as AttemptRow
    return (await whyGivenUp(context, attempt, step, { silent_ms, quiet_ms: 0, since: 0 }))?.class
  }
  assert.equal(await why('local', 20_000), 'timeout')
  assert.equal(await why('local', 20_000, hour), undefined)
  assert.equal(await why('ray', 20_000), undefined)
  assert.equal(await why('ray', 100_000), undefined)
  assert.equal(await why('ray', 130_000), 'timeout')
})

describe('a step with a silent_timeout', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-quiet-'))
  let bench: Bench
  before(async () => {
    bench = await openBench(join(root, 'data'), () => ({ capacity: { cpus: 8, memory_bytes: 2 ** 40 } }))
  })
  after(async () => {
    await bench.close()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })

  test('is ended when it neither prints nor logs, although its supervisor beats, and stays while it prints', async () => {
    const names = ['hangs', 'never_prints', 'prints', 'draws', 'child_prints']
    // by the clock: a pause between two rows is far shorter than what is allowed, and all rows together take longer
    const steps = names.map((name, at) => `    ${name}: {run: job:${name}, silent_timeout: ${at < 2 ? 8 : 20}s}`)
    const run = await bench.end(await bench.begin({ 'slipway.yaml': YAML(steps.join('\n')), 'job.py': CODE }))
    const states = Object.fromEntries(run.steps.map(({ name, state, failure }) => [name, [state, failure?.class]]))
    assert.deepEqual(states, {
      hangs: ['failed', 'timeout'],
      never_prints: ['failed', 'timeout'],
      prints: ['succeeded', undefined],
      draws: ['succeeded', undefined],
      child_prints: ['succeeded', undefined],
    })
    const said = run.steps[0]?.failure?.message ?? ''
    assert.match(
      said,
      /^put out nothing and logged nothing for \d+ s; its silent_timeout is 8 s; raise it, or have the step print or log$/,
    )
    const [attempt] = run.steps[1]?.attempts ?? []
    assert.equal(attempt?.measured, 'partly', 'its use is known to its last heartbeat')
    assert.ok((attempt.cpu_seconds ?? 0) > 0 && (attempt.wall_ms ?? 0) > 3000)
  })
})
