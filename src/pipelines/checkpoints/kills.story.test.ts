/** A loop with checkpoints is killed at random points, by kill -9 of its wrapper and of the server: it ends bit by bit as if nothing had been. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../../test/until.ts'
import { benchOnce, type Bench } from '../bench.fixture.ts'
import type { RunView } from '../run/view.ts'
import { dice, kill, ROUNDS, TRAIN } from './train.fixture.ts'

/** With a gate, an item ends once its file is there. */
const MODULE = `import os
${TRAIN}
def main(out, seed, pause, gate):
    text = train(seed, ${ROUNDS}, pause)
    while gate and not os.path.exists(f"{gate}{seed}"): time.sleep(0.02)
    out.write_text(text)
`

/** The wrapper of an attempt of this machine; undefined where it has none yet, or none any more. */
function wrapperOf(attempts: string, attempt: string): number | undefined {
  const path = join(attempts, attempt, 'process.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid : undefined
}

let bench: Bench
const root = benchOnce('kills', (opened) => void (bench = opened))

const ITEMS = [1, 2, 3, 4]
const project = (name: string, pause: number, gate = ''): Record<string, string> => ({
  'slipway.yaml': `project: ${name}
pipeline:
  steps:
    fit: {run: "work:main", params: {seed: "{item}", pause: ${pause}, gate: ${JSON.stringify(gate)}}, outputs: [out], for_each: {item: ${JSON.stringify(ITEMS)}, at_once: 2}, retries: {infrastructure: 100}}
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
    const gate = join(root, 'wrapper-')
    const id = await bench.begin(project('wrapper', 0.15, gate))
    const attempts = join(root, 'data/run/attempts')
    const killed = new Map(ITEMS.map((item) => [item, 0]))
    const seen = new Set<string>()
    const killNext = async (): Promise<boolean> => {
      const active = await bench.store.db.all<{ id: string; step: string }>(
        "SELECT id, step FROM pipeline_attempts WHERE run_id = ? AND state = 'running' AND item_of = 'fit'",
        [id],
      )
      for (const one of active.filter((attempt) => !seen.has(attempt.id))) {
        const item = ITEMS[Number(/\[(\d+)\]/.exec(one.step)?.[1])] ?? assert.fail(one.step)
        const times = killed.get(item) ?? 0
        if (times === 3) continue
        // by the clock: it dies at another point each time, and does not end before
        await sleep(roll() * 500)
        if (!kill(wrapperOf(attempts, one.id))) continue
        seen.add(one.id)
        killed.set(item, times + 1)
        if (times === 2) writeFileSync(`${gate}${item}`, '')
        return true
      }
      return false
    }
    for (let n = 1; n <= 12; n++) await until(() => `kill ${n} of 12: ${JSON.stringify([...killed])}`, killNext)
    const run = await bench.end(id)
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.equal(digestOf(run), whole)
    assert.deepEqual(await bench.store.db.all('SELECT * FROM pipeline_checkpoints'), [])
  })

  test('ten times by its server, four of them together with the wrapper', async () => {
    const roll = dice(12)
    const dataDir = join(root, 'server')
    mkdirSync(dataDir)
    const gate = join(root, 'server-')
    writeFileSync(join(dataDir, 'files.json'), JSON.stringify(project('server', 0.1, gate)))
    const begin = () =>
      spawn(process.execPath, [join(import.meta.dirname, '../run/control.fixture.ts'), dataDir], { stdio: 'inherit' })
    const attempts = join(dataDir, 'run/attempts')
    for (let i = 0; i < 10; i++) {
      const control = begin()
      const ended = new Promise((resolve) => control.once('exit', resolve))
      if (i === 0) await until('an attempt', () => existsSync(attempts) && readdirSync(attempts).length > 0)
      // by the clock: it dies at another point each time, and does not end before
      await sleep(300 + roll() * 900)
      assert.ok(kill(control.pid), 'it was killed while the run goes on')
      await ended
      if (i % 3 === 0) for (const attempt of readdirSync(attempts)) kill(wrapperOf(attempts, attempt))
    }
    for (const item of ITEMS) writeFileSync(`${gate}${item}`, '')
    const last = begin()
    assert.equal(await new Promise((resolve) => last.once('exit', resolve)), 0)
    const { run } = JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as { run: RunView }
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.equal(digestOf(run), whole)
  })
})
