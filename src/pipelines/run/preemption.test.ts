/** A step that something outside of the server ends, as a machine that is shut down: it is tried again, and never counts as done. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { benchOnce, type Bench } from '../bench.fixture.ts'

let bench: Bench

const root = benchOnce('preemption', (opened) => void (bench = opened))

/** A step that asks its own supervisor to end, as the system would, until it has done so `times` times. */
function project(name: string, times: number, retries: string): Record<string, string> {
  return {
    'slipway.yaml': `project: ${name}\npipeline: {steps: {one: {run: one:main, outputs: [a]${retries}}, two: {run: two:main, inputs: {a: one.a}}}}\n`,
    'one.py': `import os, pathlib, signal, time
def main(a):
    noted = pathlib.Path(${JSON.stringify(join(root, name))})
    count = len(noted.read_text()) if noted.exists() else 0
    if count < ${times}:
        noted.write_text("x" * (count + 1))
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(600)
    a.write_text("done")
`,
    'two.py': 'def main(a):\n    return {"m": len(a.read_text())}\n',
  }
}

test('an attempt that is ended from outside is tried again', async () => {
  const run = await bench.end(await bench.begin(project('once', 1, '')))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(
    run.steps[0]?.attempts.map(({ state, failure }) => [state, failure?.class ?? null]),
    [
      ['failed', 'preempted'],
      ['succeeded', null],
    ],
  )
  assert.deepEqual(run.steps[1]?.metrics, { m: 4 })
  assert.equal(bench.tracked.get(run.steps[0]?.attempts[0]?.tracking_run_id ?? '')?.status, 'FAILED')
})

test('one that is ended each time fails its run, and what follows is skipped', async () => {
  const run = await bench.end(await bench.begin(project('always', 9, ', retries: {preempted: 1}')))
  assert.deepEqual([run.state, run.outcome], ['failed', 'failed'])
  assert.equal(run.message, 'step "one" failed: was ended by a signal from outside')
  assert.deepEqual(
    run.steps.map(({ state, attempts }) => [state, attempts.length]),
    [
      ['failed', 2],
      ['skipped', 0],
    ],
  )
})
