/** A check that has an end is not late: what had no time left is named and skipped, and never failed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { treeOf } from './files.fixture.ts'
import { runSuite, testFiles } from './suite.ts'
import { timeLeft } from './time-left.ts'

const HEAD = "import { test } from 'node:test'\n"
const PASSES = `${HEAD}test('ok', () => {})\n`

test('files begin until the time, with room for what is still to be tried again, and those that run are ended after it', () => {
  let at = 0
  const time = timeLeft(1_000_000, () => at)
  assert.deepEqual([time.mayBegin(0, 0), time.leftMs(), time.again.leftMs()], [true, 1_180_000, 1_270_000])
  at = 999_999
  assert.deepEqual([time.mayBegin(0, 0), time.mayBegin(180_000, 0), time.mayBegin(181_000, 0)], [true, true, false])
  assert.equal(time.mayBegin(0, 90_000), true, 'second tries have a minute and a half of their own')
  assert.equal(time.mayBegin(0, 91_000), false)
  at = 800_000
  assert.deepEqual([time.mayBegin(0, 280_000), time.mayBegin(0, 291_000)], [true, false])
  at = 1_000_000
  assert.deepEqual([time.mayBegin(0, 0), time.again.mayBegin(0, 0)], [false, true])
  at = 2_000_000
  assert.deepEqual([time.leftMs(), time.again.leftMs(), time.again.mayBegin(0, 0)], [0, 0, false])
})

test('a part that would take two hours ends in time and says what it left out', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`src/${i}.test.ts`, PASSES]))
  const root = treeOf(t, files)
  // each file takes half an hour of this clock
  let begun = 0
  const { tally, leftOut } = await runSuite(root, testFiles(root), {
    concurrency: 1,
    limitMs: 120_000,
    watch: { started: () => (begun += 1), ended: () => undefined },
    time: { mayBegin: () => begun < 2, leftMs: () => 240_000, over: new Promise(() => undefined) },
  })
  assert.deepEqual([tally.passed, tally.failed], [2, 0])
  assert.deepEqual(leftOut, ['src/2.test.ts', 'src/3.test.ts', 'src/4.test.ts'])
})

test('a file that runs when the time is over is ended and left out; its own limit still makes it fail', async (t) => {
  const root = treeOf(t, { 'src/hang.test.ts': `${PASSES}setInterval(() => {}, 1000)\n` })
  const run = (limitMs: number, leftMs: number) =>
    runSuite(root, testFiles(root), {
      concurrency: 1,
      limitMs,
      time: { mayBegin: () => true, leftMs: () => leftMs, over: new Promise(() => undefined) },
    })
  const cut = await run(120_000, 2000)
  assert.deepEqual([cut.leftOut, cut.failed.length, cut.tally.failed], [['src/hang.test.ts'], 0, 0])
  const failed = await run(2000, 120_000)
  assert.deepEqual([failed.leftOut, failed.tally.failed], [[], 1])
})

test('a file that the last time took longer than what is left does not begin', async (t) => {
  const root = treeOf(t, { 'src/long.test.ts': PASSES, 'src/short.test.ts': PASSES })
  const { leftOut, tally } = await runSuite(root, testFiles(root), {
    concurrency: 1,
    limitMs: 120_000,
    expectedMs: (file) => (file.includes('long') ? 90_000 : 0),
    time: { mayBegin: (expected) => expected < 60_000, leftMs: () => 240_000, over: new Promise(() => undefined) },
  })
  assert.deepEqual([leftOut, tally.passed], [['src/long.test.ts'], 1])
})

test('what waits for something that is never brought is left out when the time is over', async (t) => {
  const root = treeOf(t, { 'src/a.test.ts': PASSES, 'src/waits.test.ts': PASSES })
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const { leftOut, tally } = await runSuite(root, testFiles(root), {
    concurrency: 2,
    limitMs: 120_000,
    held: { holds: (file) => file.includes('waits'), until: new Promise(() => undefined) },
    watch: { started: () => undefined, ended: () => resolve() },
    time: { mayBegin: () => true, leftMs: () => 240_000, over },
  })
  assert.deepEqual([leftOut, tally.passed], [['src/waits.test.ts'], 1])
})
