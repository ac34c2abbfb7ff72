/** The control process is killed at every step that an item takes, with real processes: each item runs once, and the run ends as if nothing had been. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { RunView } from '../run/view.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-fan-kills-'))
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

const PYTHON = `import os
def fit(x, part, notes):
    with open(notes, "a") as file: file.write(f"{x}\\n")
    if x == "bad": raise ValueError("it is bad")
    part.write_text(x)
    return {"m": 1}
def all(parts):
    names = sorted(str(p.relative_to(parts)) for p in parts.rglob("*") if p.is_file())
    return {"files": len(names)}
`

interface Case {
  readonly dataDir: string
  readonly notes: string
}

function prepare(name: string, items: string, failures: string): Case {
  const folder = join(root, name)
  // the cache of environments lies beside the data, and so is shared
  const dataDir = join(root, `data-${name}`)
  mkdirSync(folder)
  mkdirSync(dataDir)
  const notes = join(folder, 'notes')
  writeFileSync(notes, '')
  const yaml = `project: crash
pipeline:
  steps:
    fit: {run: "work:fit", params: {x: "{item}", notes: ${JSON.stringify(notes)}}, outputs: [part], for_each: {item: ${items}, at_once: 2, failures: ${failures}}}
    all: {run: "work:all", inputs: {parts: "fit.part[*]"}}
`
  writeFileSync(join(dataDir, 'files.json'), JSON.stringify({ 'slipway.yaml': yaml, 'work.py': PYTHON }))
  return { dataDir, notes }
}

/** Runs a control process to its end; the signal that ended it. */
function control({ dataDir }: Case, fault?: string): Promise<NodeJS.Signals | null> {
  const hooks = fault === undefined ? {} : { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${fault}` }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../run/control.fixture.ts'), dataDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...hooks },
  })
  return new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
}

function ended({ dataDir }: Case): { run: RunView; tracked: { status: string }[] } {
  return JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as ReturnType<typeof ended>
}

const POINTS = [
  'fan_begun@1',
  'items_made@1',
  'items_admitted@1',
  'items_admitted@2',
  'tracked@2',
  'attempt_opened@1',
  'attempt_opened@3',
  'submitted@1',
  'submitted@4',
  'outputs_stored@1',
  'attempt_closed@2',
  'items_joined@1',
  'keyed@1',
  'run_closing@1',
]

describe('killed', { concurrency: 2 }, () => {
  for (const point of POINTS) {
    test(`at ${point} no item runs twice, and none is lost`, async () => {
      const here = prepare(point, '[a, b, c, d]', 'stop')
      assert.equal(await control(here, point), 'SIGKILL', 'the point is passed')
      assert.equal(await control(here), null)
      const { run, tracked } = ended(here)
      assert.equal(run.outcome, 'succeeded', run.message)
      const [fit, all] = run.steps
      assert.deepEqual([fit?.state, fit?.items], ['succeeded', { count: 4, states: { succeeded: 4 }, needed: 4 }])
      assert.deepEqual(all?.metrics, { files: 5 })
      assert.deepEqual(readFileSync(here.notes, 'utf8').trim().split('\n').toSorted(), ['a', 'b', 'c', 'd'])
      assert.deepEqual(readdirSync(join(here.dataDir, 'run', 'attempts')), [], 'nothing is left of the attempts')
      assert.deepEqual(
        tracked.filter(({ status }) => status === 'RUNNING'),
        [],
      )
    })
  }

  test('at items_taken@1, with equal items, each value runs once', async () => {
    const here = prepare('equal', '[a, b, a, a, a]', 'stop')
    assert.equal(await control(here, 'items_taken@1'), 'SIGKILL', 'the point is passed')
    assert.equal(await control(here), null)
    const { run } = ended(here)
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.deepEqual(run.steps[0]?.items, { count: 5, states: { cached: 3, succeeded: 2 }, needed: 5 })
    assert.deepEqual(run.steps[1]?.metrics, { files: 6 })
    assert.deepEqual(readFileSync(here.notes, 'utf8').trim().split('\n').toSorted(), ['a', 'b'])
  })

  for (const point of ['items_skipped@1', 'attempt_closed@1', 'outputs_stored@1']) {
    test(`at ${point}, with an item that fails, the step fails as it would have`, async () => {
      const here = prepare(`bad-${point}`, '[bad, b, c, d, e, f]', 'stop')
      assert.equal(await control(here, point), 'SIGKILL', 'the point is passed')
      assert.equal(await control(here), null)
      const { run } = ended(here)
      assert.equal(run.outcome, 'failed')
      assert.match(run.message, /step "fit" failed: item 0 \("bad"\) failed: ValueError: it is bad/)
      const { states = {} } = run.steps[0]?.items ?? {}
      const { skipped = 0, succeeded = 0, ...rest } = states
      assert.deepEqual([rest, skipped + succeeded], [{ failed: 1 }, 5])
      assert.equal(readFileSync(here.notes, 'utf8').trim().split('\n').length, 1 + succeeded)
    })
  }
})
