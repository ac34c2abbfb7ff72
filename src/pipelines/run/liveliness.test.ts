/** Steps that hang and steps that work: real processes, judged by what they put out and log. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openBench, type Bench } from '../bench.fixture.ts'

const YAML = (steps: string): string => `project: quiet\npipeline:\n  steps:\n${steps}\n`
const CODE = `
import os, sys, time, threading, urllib.request, json
def hangs():
    print("begins", flush=True)
    time.sleep(600)
def never_prints():
    while True: time.sleep(0.05)
def prints():
    for at in range(36):
        print("row", at, flush=True)
        time.sleep(0.25)
def draws():
    for at in range(36):
        sys.stderr.write("\\r%d%%" % at); sys.stderr.flush()
        time.sleep(0.25)
def child_prints():
    import subprocess
    subprocess.run([sys.executable, "-c", "import time\\nfor i in range(36): print(i, flush=True); time.sleep(0.25)"], check=True)
`

describe('a step with a silent_timeout', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-quiet-'))
  let bench: Bench
  before(async () => {
    bench = await openBench(join(root, 'data'), () => ({ capacity: { cpus: 8, memory_bytes: 2 ** 40 } }))
  })
  after(async () => {
    await bench.close()
    rmSync(root, { recursive: true, force: true })
  })

  test('is ended when it neither prints nor logs, although its supervisor beats, and stays while it prints', async () => {
    const names = ['hangs', 'never_prints', 'prints', 'draws', 'child_prints']
    const steps = names.map((name) => `    ${name}: {run: job:${name}, silent_timeout: 4s}`).join('\n')
    const run = await bench.end(await bench.begin({ 'slipway.yaml': YAML(steps), 'job.py': CODE }))
    const states = Object.fromEntries(run.steps.map(({ name, state, failure }) => [name, [state, failure?.class]]))
    assert.deepEqual(states, {
      hangs: ['failed', 'timeout'],
      never_prints: ['failed', 'timeout'],
      prints: ['succeeded', undefined],
      draws: ['succeeded', undefined],
      child_prints: ['succeeded', undefined],
    })
    const said = run.steps[0]?.failure?.message ?? ''
    assert.match(said, /^put out nothing and logged nothing for \d+ s; its silent_timeout is 4 s$/)
    const [attempt] = run.steps[1]?.attempts ?? []
    assert.equal(attempt?.measured, 'partly', 'its use is known to its last heartbeat')
    assert.ok((attempt.cpu_seconds ?? 0) > 0 && (attempt.wall_ms ?? 0) > 3000)
  })
})
