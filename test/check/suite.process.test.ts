/** The check counts what really happened: passes, failures, skips with their reasons, files that crash or never end. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'
import { treeOf } from './files.fixture.ts'
import { isRunning } from './processes.fixture.ts'
import { pythonTests, readUnittest, runPythonSuite } from './python-suite.ts'
import { envOf, limitOf } from './run-files.ts'
import { runSuite, testFiles } from './suite.ts'
import { sum, totalLine } from './tally.ts'
import { readTap } from './tap.ts'
import { findChromium, findProgram, findPython } from '../tools.ts'
import { PATIENCE, until } from '../until.ts'

/** Longer than any of these files takes on a busy machine. */
const LIMIT_MS = 120_000

test('passes, failures, skips and crashes are counted, and only failing files are reported', async (t) => {
  const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
  const root = treeOf(t, {
    'src/a.test.ts': `${head}test('ok', () => {})\ntest('with parts', async (t) => { await t.test('part', () => {}) })\n`,
    'src/b.test.ts': `${head}test('wrong', () => assert.equal(1, 2))\ntest('away', { skip: 'no browser' }, () => {})\n`,
    'web/c.test.ts': `throw new Error('crashed at once')\n`,
  })
  const { tally, report, failed, ended } = await runSuite(root, testFiles(root), {
    concurrency: 2,
    limitMs: LIMIT_MS,
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

test('a test with a long message hides no other that failed in its file', async (t) => {
  const head = "import { test } from 'node:test'\n"
  const long = "Array.from({ length: 500 }, (_, i) => `line ${i}`).join('\\n')"
  const root = treeOf(t, {
    'src/long.test.ts': `${head}test('tells all', () => { throw new Error(${long}) })\ntest('is short', () => { throw new Error('the cause') })\n`,
    'src/many.test.ts': `${head}for (let i = 0; i < 40; i++) test('number ' + i + ' of many', () => { throw new Error('each') })\n`,
  })
  const { failed } = await runSuite(root, ['src/long.test.ts'], { concurrency: 1, limitMs: LIMIT_MS })
  const reasons = failed[0]?.reasons ?? ''
  assert.match(reasons, /tells all[^]*line 5\n[^]*… and \d+ more lines\n[^]*is short[^]*the cause/)
  assert.ok(reasons.split('\n').length < 80, reasons)
  const many = await runSuite(root, ['src/many.test.ts'], { concurrency: 1, limitMs: LIMIT_MS })
  const named = many.failed[0]?.reasons ?? ''
  for (const i of [0, 20, 39]) assert.match(named, new RegExp(`✖ number ${i} of many`))
  assert.ok(named.split('\n').length < 110, named)
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
  const { tally, report } = await runSuite(root, testFiles(root), { concurrency: 1, limitMs: LIMIT_MS })
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

test('a file that never ends is killed with its processes and has failed', async (t) => {
  const root = treeOf(t, {
    'src/hang.test.ts': `import { test } from 'node:test'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
test('ok', () => { writeFileSync('child.pid', String(spawn('sleep', ['600']).pid)) })
setInterval(() => {}, 1000)\n`,
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const running = runSuite(root, testFiles(root), { concurrency: 2, limitMs: LIMIT_MS })
  const pid = await until('its process', () =>
    Number(ifMissingNow(() => readFileSync(join(root, 'child.pid'), 'utf8'))),
  )
  t.mock.timers.tick(LIMIT_MS)
  const { tally, report } = await running
  assert.equal(tally.failed, 1)
  assert.match(report, /still running after 120 s; killed/)
  await until('its process to be gone', () => !isRunning(pid))
})

test('a test that hangs is named before its file is killed, in a process of its own and beside others', async (t) => {
  const hangs = `test('hangs', (t) => {
  const alive = setInterval(() => {}, 1000)
  t.signal.addEventListener('abort', () => clearInterval(alive))
  return new Promise(() => {})
})\n`
  const head = "import { test } from 'node:test'\n"
  const root = treeOf(t, {
    'src/ok.test.ts': `${head}test('ok', () => {})\n`,
    'src/slow.test.ts': `${head}test('ok', () => {})\n${hangs}test('later', () => {})\n`,
  })
  // nothing is killed: a second is over before a file begins
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (const share of [
    (files: readonly string[]) => files.map((file) => [file]),
    (files: readonly string[]) => [files],
  ]) {
    const { tally, failed } = await runSuite(root, testFiles(root), { concurrency: 1, limitMs: 1000, share })
    assert.deepEqual([tally.passed, tally.failed], [3, 1])
    assert.match(failed[0]?.reasons ?? '', /✖ hangs[^]*test timed out after 800ms/)
  }
})

test('tests of the second part have more time and patience, unless somebody says how much', (t) => {
  const before = process.env[PATIENCE]
  t.after(() => (before === undefined ? delete process.env[PATIENCE] : (process.env[PATIENCE] = before)))
  delete process.env[PATIENCE]
  const shared = { PAGES: '/tmp/pages' }
  assert.deepEqual(envOf('src/a.process.test.ts', shared), { ...shared, [PATIENCE]: '1' })
  assert.deepEqual(envOf('src/a.postgres.test.ts', shared), { ...shared, [PATIENCE]: '5' })
  process.env[PATIENCE] = '20'
  assert.deepEqual(envOf('src/a.story.test.ts', shared), { ...shared, [PATIENCE]: '20' })
  const [first, second] = [limitOf(['src/a.test.ts']), limitOf(['src/a.test.ts', 'src/b.story.test.ts'])]
  assert.deepEqual([first, second], [300_000, 1_500_000])
})

test('files that wait for something are left out until it is over, and are the next ones then', async (t) => {
  const empty = "import { test } from 'node:test'\ntest('ok', () => {})\n"
  const root = treeOf(t, { 'src/a.test.ts': empty, 'src/b.test.ts': empty, 'src/c.test.ts': empty })
  const started: string[] = []
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const run = (held: { holds: (file: string) => boolean; until: Promise<void> }) =>
    runSuite(root, testFiles(root), {
      concurrency: 1,
      limitMs: LIMIT_MS,
      held,
      watch: { started: ([file = '']) => started.push(file), ended: () => resolve() },
    })
  await run({ holds: (file) => file.includes('a.test'), until: over })
  assert.deepEqual(started.splice(0), ['src/b.test.ts', 'src/a.test.ts', 'src/c.test.ts'])
  const { tally } = await run({ holds: () => true, until: setImmediate() })
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
  const { tally, report } = await runPythonSuite(root, pythonTests(root, 'ordinary'), findPython() ?? '')
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
