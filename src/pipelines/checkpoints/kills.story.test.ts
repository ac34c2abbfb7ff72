/** A loop with checkpoints is killed at random points, by kill -9 of its wrapper and of the server: it ends bit by bit as if nothing had been. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { benchOnce, type Bench } from '../bench.fixture.ts'
import { until } from '../drivers/remote/attempts.fixture.ts'
import type { RunView } from '../run/view.ts'
import { dice, kill, ROUNDS, TRAIN } from './train.fixture.ts'

const MODULE = `${TRAIN}
def main(out, seed, pause): out.write_text(train(seed, ${ROUNDS}, pause))
`

/** The wrapper of an attempt of this machine; undefined where it has none yet, or none any more. */
function wrapperOf(attempts: string, attempt: string): number | undefined {
  const path = join(attempts, attempt, 'process.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid : undefined
}

let bench: Bench
const root = benchOnce('kills', (opened) => void (bench = opened))

const ITEMS = [1, 2, 3, 4]
const project = (name: string, pause: number): Record<string, string> => ({
  'slipway.yaml': `project: ${name}
pipeline:
  steps:
    fit: {run: "work:main", params: {seed: "{item}", pause: ${pause}}, outputs: [out], for_each: {item: ${JSON.stringify(ITEMS)}, at_once: 2}}
    all: {run: "end:main", inputs: {parts: "fit.out[*]"}, outputs: [text]}
`,
  'work.py': MODULE,
  'end.py':
    'def main(parts, text): text.write_text("".join(p.read_text() for p in sorted(parts.rglob("out*")) if p.is_file()))\n',
})

/** What all items came to, by content. */
const digestOf = (run: RunView): string | undefined =>
  run.steps.find(({ name }) => name === 'all')?.outputs['text']?.digest

describe('killed at random', () => {
  let whole: string | undefined
  before(async () => {
    const run = await bench.end(await bench.begin(project('whole', 0)))
    assert.equal(run.outcome, 'succeeded', run.message)
    whole = digestOf(run)
    assert.match(whole ?? '', /^sha256:/)
  })

  test('twelve times by its wrapper, as items of a step', async () => {
    const roll = dice(11)
    // an item goes on between a look and its kill: three times that must not be its end
    const id = await bench.begin(project('wrapper', 0.15))
    const attempts = join(root, 'data/run/attempts')
    const killed = new Map<string, number>()
    const seen = new Set<string>()
    const isDone = (): boolean => [...killed.values()].reduce((sum, n) => sum + n, 0) >= 12
    for (const end = performance.now() + 120_000; !isDone() && performance.now() < end;) {
      const active = await bench.store.db.all<{ id: string; step: string }>(
        "SELECT id, step FROM pipeline_attempts WHERE run_id = ? AND state = 'running' AND item_of = 'fit'",
        [id],
      )
      for (const one of active.filter((attempt) => !seen.has(attempt.id) && (killed.get(attempt.step) ?? 0) < 3)) {
        seen.add(one.id)
        await sleep(roll() * 500)
        if (kill(wrapperOf(attempts, one.id))) killed.set(one.step, (killed.get(one.step) ?? 0) + 1)
      }
      await sleep(30)
    }
    const run = await bench.end(id)
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.deepEqual([...killed.values()], [3, 3, 3, 3], 'each was killed')
    assert.equal(digestOf(run), whole)
    assert.deepEqual(await bench.store.db.all('SELECT * FROM pipeline_checkpoints'), [])
  })

  test('ten times by its server, four of them together with the wrapper', async () => {
    const roll = dice(12)
    const dataDir = join(root, 'server')
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'files.json'), JSON.stringify(project('server', 0.1)))
    const begin = () =>
      spawn(process.execPath, [join(import.meta.dirname, '../run/control.fixture.ts'), dataDir], { stdio: 'inherit' })
    const attempts = join(dataDir, 'run/attempts')
    for (let i = 0; i < 10; i++) {
      const control = begin()
      const ended = new Promise((resolve) => control.once('exit', resolve))
      if (i === 0) await until(() => existsSync(attempts) && readdirSync(attempts).length > 0)
      await sleep(300 + roll() * 900)
      kill(control.pid)
      await ended
      if (i % 3 === 0) for (const attempt of readdirSync(attempts)) kill(wrapperOf(attempts, attempt))
    }
    const last = begin()
    assert.equal(await new Promise((resolve) => last.once('exit', resolve)), 0)
    const { run } = JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as { run: RunView }
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.equal(digestOf(run), whole)
  })
})
