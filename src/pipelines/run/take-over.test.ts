/** A retry runs what failed and what comes after it, and takes the rest over, never-cached steps too. Real processes. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ANA, benchOnce, type Bench } from '../bench.fixture.ts'
import { requireRun, retryRun } from './runs.ts'
import type { RunView } from './view.ts'

let bench: Bench
const root = benchOnce('take-over', (opened) => void (bench = opened))

const ledger = join(root, 'ledger')
const FILES = {
  'slipway.yaml': `project: again
pipeline:
  steps:
    draw: {run: job:draw, outputs: [number], cache: never}
    load: {run: job:load, inputs: {number: draw.number}, outputs: [table]}
    fit: {run: job:fit, inputs: {table: load.table}, outputs: [model], env: {DOOR: "${join(root, 'door')}"}}
    judge: {run: job:judge, inputs: {model: fit.model, number: draw.number}}
`,
  'job.py': `
import os, pathlib, random
def note(name):
    with open("${ledger}", "a") as file: file.write(name + "\\n")
def draw(number):
    note("draw"); number.write_text(str(random.random()))
def load(number, table):
    note("load"); table.write_text(number.read_text())
def fit(table, model):
    note("fit")
    if not os.path.exists(os.environ["DOOR"]): raise RuntimeError("the door is closed")
    model.write_text(table.read_text())
def judge(model, number):
    note("judge"); assert model.read_text() == number.read_text()
    return {"same": 1}
`,
}

async function retry(run: RunView): Promise<RunView> {
  const id = await retryRun(bench.room.context, ANA, await requireRun(bench.room.context, ANA, run.id))
  bench.room.wake(id)
  return bench.end(id)
}

const ran = (): string[] => readFileSync(ledger, 'utf8').trim().split('\n')
const states = (run: RunView): string[] => run.steps.map(({ name, state }) => `${name} ${state}`)

test('only what failed and what comes after it runs', async () => {
  const first = await bench.end(await bench.begin(FILES, { force: true }))
  assert.deepEqual(states(first), ['draw succeeded', 'load succeeded', 'fit failed', 'judge skipped'])
  const second = await retry(first)
  assert.deepEqual(states(second), ['draw cached', 'load cached', 'fit failed', 'judge skipped'])
  assert.deepEqual(ran(), ['draw', 'load', 'fit', 'fit'], 'a step that is never cached is not run again either')
  assert.equal(second.steps[0]?.cache?.reason, `it succeeded in run ${first.id}, which this run retries`)
  writeFileSync(join(root, 'door'), '')
  const third = await retry(second)
  assert.deepEqual(states(third), ['draw cached', 'load cached', 'fit succeeded', 'judge succeeded'])
  assert.equal(third.outcome, 'succeeded', third.message)
  assert.deepEqual(third.steps[0]?.outputs, first.steps[0]?.outputs)
  assert.deepEqual([third.steps[0]?.cache?.from_run, third.environment], [first.id, first.environment])
  assert.deepEqual(ran().slice(4), ['fit', 'judge'])
})

test('a step whose outputs are gone runs again', async () => {
  rmSync(join(root, 'door'))
  const first = await bench.end(await bench.begin(FILES, { force: true }))
  const before = ran().length
  const digest = first.steps[0]?.outputs['number']?.digest ?? ''
  assert.equal(await bench.store.blobs.delete(digest), true)
  writeFileSync(join(root, 'door'), '')
  const second = await retry(first)
  assert.equal(second.steps[0]?.state, 'succeeded')
  assert.deepEqual(ran().slice(before), ['draw', 'load', 'fit', 'judge'], 'and what read them')
  assert.equal(second.outcome, 'succeeded', second.message)
})

test('a run that succeeded is begun anew: nothing is taken over but what the cache has', async () => {
  const first = await bench.end(await bench.begin(FILES))
  assert.equal(first.outcome, 'succeeded')
  const before = ran().length
  const second = await retry(first)
  assert.deepEqual(ran().slice(before), ['draw', 'load', 'fit', 'judge'])
  assert.equal(second.outcome, 'succeeded')
})
