/** A preparation that throws what is no refusal: it is tried again, calmly, and the run goes on once it can. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { PipelinesDeps } from '../context/deps.ts'
import { openBench } from '../bench.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-preparation-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('a broken preparation is tried a few times a second, and the run succeeds when it is mended', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  let broken = true
  let asked = 0
  const bench = await openBench(join(root, 'data'), ({ db }) => ({
    tracking: {
      ensureExperiment: async () => {
        asked += 1
        begin()
        await db.get('SELECT 1')
        if (broken) throw new Error('ENOTDIR: not a directory')
        return 'experiment'
      },
      createRun: () => Promise.resolve(),
      logMetrics: () => Promise.resolve(),
      finishRun: () => Promise.resolve(),
    } satisfies PipelinesDeps['tracking'],
  }))
  try {
    const id = await bench.begin({
      'slipway.yaml': 'project: calm\npipeline: {steps: {one: {run: one:main}}}\n',
      'one.py': 'def main(): return {"m": 1}\n',
    })
    await begun
    const before = asked
    await delay(1000)
    assert.ok(asked - before <= 20, `${asked - before} tries in a second`)
    assert.ok(bench.errors.length > 0, 'whoever runs the server is told')
    assert.match(
      (await bench.view(id)).message ?? '',
      /a fault of the server.*tried again/,
      'and whoever waits for the run',
    )
    broken = false
    const ended = await bench.end(id)
    assert.equal(ended.outcome, 'succeeded')
    assert.doesNotMatch(ended.message ?? '', /fault/)
  } finally {
    await bench.close()
  }
})
