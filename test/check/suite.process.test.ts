/** The check counts what really happened: passes, failures, skips with their reasons, files that crash or never end. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { treeOf } from './files.fixture.ts'
import { readUnittest, runPythonSuite } from './python-suite.ts'
import { runSuite, testFiles } from './suite.ts'
import { sum, totalLine } from './tally.ts'
import { readTap } from './tap.ts'
import { findChromium, findProgram, findPython } from '../tools.ts'

test('passes, failures, skips and crashes are counted, and only failing files are reported', async (t) => {
  const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
  const root = treeOf(t, {
    'src/a.test.ts': `${head}test('ok', () => {})\ntest('with parts', async (t) => { await t.test('part', () => {}) })\n`,
    'src/b.test.ts': `${head}test('wrong', () => assert.equal(1, 2))\ntest('away', { skip: 'no browser' }, () => {})\n`,
    'web/c.test.ts': `throw new Error('crashed at once')\n`,
  })
  const { tally, report, failed, ended } = await runSuite(root, testFiles(root), {
    concurrency: 2,
    limitMs: 60_000,
  })
  assert.deepEqual(tally, { passed: 3, failed: 2, skipped: 1, skips: ['src/b.test.ts: away: no browser'] })
  assert.match(report, /src\/b\.test\.ts/)
  assert.match(report, /crashed at once/)
  assert.doesNotMatch(report, /src\/a\.test\.ts/)
  assert.equal(ended.length, 3)
  const reasons = failed.map((one) => `${one.file}\n${one.reasons}`).join('\n\n')
  assert.match(reasons, /src\/b\.test\.ts\n[^]*wrong[^]*1 !== 2/)
  assert.match(reasons, /web\/c\.test\.ts\n[^]*crashed at once/)
  assert.doesNotMatch(reasons, /✔|﹣|ℹ/, 'what passed or was skipped is no reason')
})

test('a file whose whole suite is skipped is skipped and has not failed', async (t) => {
  const head = "import { describe, test } from 'node:test'\n"
  const part = "describe('part', { skip: 'no #1 server' }, () => { test('in it', () => {}) })"
  const root = treeOf(t, {
    'src/whole.test.ts': `${head}describe('all of it', { skip: 'no server' })\n`,
    'src/part.test.ts': `${head}describe('all', () => { test('ok', () => {})\n${part} })\n`,
    'src/todo.test.ts': `${head}test('later', { todo: 'no room' }, () => { throw new Error('not yet') })\n`,
    'src/none.test.ts': `${head}describe('empty', () => {})\n`,
  })
  const { tally, report } = await runSuite(root, testFiles(root), { concurrency: 1, limitMs: 60_000 })
  assert.deepEqual(tally, {
    passed: 1,
    failed: 1,
    skipped: 3,
    skips: [
      'src/part.test.ts: part: no #1 server',
      'src/todo.test.ts: later: no room',
      'src/whole.test.ts: all of it: no server',
    ],
  })
  assert.match(report, /src\/none\.test\.ts/, 'without a test and without a skip, a file has failed')
})

/** The limit of a file that hangs: on a busy machine Node alone takes seconds to begin. */
const HANGS_MS = 6000

test('a file that never ends is killed with its processes and has failed', async (t) => {
  const root = treeOf(t, {
    'src/hang.test.ts': `import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
test('ok', () => { writeFileSync('child.pid', String(spawn('sleep', ['60']).pid)) })
setInterval(() => {}, 1000)\n`,
  })
  const { tally, report } = await runSuite(root, testFiles(root), { concurrency: 2, limitMs: HANGS_MS })
  assert.equal(tally.failed, 1)
  assert.match(report, /still running after 6 s; killed/)
  const pid = Number(readFileSync(join(root, 'child.pid'), 'utf8'))
  // killed and not yet collected by the system's first process, it is a zombie for a moment
  const state = (): string => spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  for (const end = performance.now() + 30_000; !/^(Z.*)?$/.test(state()); await delay(50))
    assert.ok(performance.now() < end, `it is still there: ${state()}`)
})

test('files that wait for something are left out until it is over, and are the next ones then', async (t) => {
  const empty = "import { test } from 'node:test'\ntest('ok', () => {})\n"
  const root = treeOf(t, { 'src/a.test.ts': empty, 'src/b.test.ts': empty, 'src/c.test.ts': empty })
  const started: string[] = []
  const { promise: until, resolve } = Promise.withResolvers<void>()
  const run = (held: { holds: (file: string) => boolean; until: Promise<void> }) =>
    runSuite(root, testFiles(root), {
      concurrency: 1,
      limitMs: 60_000,
      held,
      watch: { started: ([file = '']) => started.push(file), ended: () => resolve() },
    })
  await run({ holds: (file) => file.includes('a.test'), until })
  assert.deepEqual(started.splice(0), ['src/b.test.ts', 'src/a.test.ts', 'src/c.test.ts'])
  const { tally } = await run({ holds: () => true, until: delay(50) })
  assert.deepEqual([started.length, tally.passed], [3, 3], 'nothing else is there to be run meanwhile')
})

test('a report without closing counts, without tests or against the exit code is a failure', () => {
  const whole =
    'TAP version 13\n    ok 1 - part # SKIP no disk\n# tests 2\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 1\n# todo 0\n'
  assert.deepEqual(readTap('a.test.ts', whole, 0), {
    passed: 1,
    failed: 0,
    skipped: 1,
    skips: ['a.test.ts: part: no disk'],
  })
  assert.equal(readTap('a.test.ts', whole, 1).failed, 1)
  assert.equal(readTap('a.test.ts', '', null).failed, 1)
  assert.equal(readTap('a.test.ts', '# tests 0\n# pass 0\n', 0).failed, 1)
})

test('filters choose files by a part of their path', (t) => {
  const root = treeOf(t, { 'src/store/a.test.ts': '', 'src/b.test.ts': '', 'test/c.test.ts': '', 'src/d.ts': '' })
  assert.deepEqual(testFiles(root), ['src/b.test.ts', 'src/store/a.test.ts', 'test/c.test.ts'])
  assert.deepEqual(testFiles(root, ['store/', 'c.test']), ['src/store/a.test.ts', 'test/c.test.ts'])
})

test('tallies add up', () => {
  const total = sum([
    { passed: 1, failed: 2, skipped: 1, skips: ['a'] },
    { passed: 4, failed: 0, skipped: 1, skips: ['b'] },
  ])
  assert.equal(totalLine(total), '5 passed, 2 failed, 2 skipped')
  assert.deepEqual(total.skips, ['a', 'b'])
})

test('real Python tests are counted', { skip: findPython() === undefined && 'no Python 3.10' }, async (t) => {
  const text = `import unittest
class T(unittest.TestCase):
    def test_ok(self): pass
    def test_wrong(self): self.assertEqual(1, 2)
    def test_error(self): raise ValueError("x")
    @unittest.skip("no numpy here")
    def test_away(self): pass
`
  const root = treeOf(t, { 'python/tests/__init__.py': '', 'python/tests/test_t.py': text })
  const { tally, report } = await runPythonSuite(root, findPython() ?? '')
  assert.deepEqual(tally, { passed: 1, failed: 2, skipped: 1, skips: ['python: test_away: no numpy here'] }, report)
})

test('a report of unittest without its closing lines is a failure', () => {
  assert.equal(readUnittest('Traceback', 1).failed, 1)
  assert.equal(readUnittest('Ran 3 tests in 0.1s\n\nOK\n', 1).failed, 1)
  assert.equal(readUnittest('Ran 0 tests in 0.0s\n\nNO TESTS RAN\n', 5).failed, 1)
  assert.deepEqual(readUnittest('Ran 3 tests in 0.1s\n\nOK\n', 0), { passed: 3, failed: 0, skipped: 0, skips: [] })
})

test('programs are found on a path, and a wrong CHROMIUM_PATH is an error', (t) => {
  const root = treeOf(t, { 'bin/chromium': '' })
  writeFileSync(join(root, 'bin/google-chrome'), '', { mode: 0o755 })
  assert.equal(findProgram('chromium', join(root, 'bin')), undefined, 'not executable')
  assert.equal(findChromium({ PATH: join(root, 'bin') }), join(root, 'bin/google-chrome'))
  assert.throws(
    () => findChromium({ CHROMIUM_PATH: join(root, 'none') }),
    /CHROMIUM_PATH is .*none, which cannot be executed/,
  )
})
