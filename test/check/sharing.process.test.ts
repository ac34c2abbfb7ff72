/** Test files that leave nothing in their process share one, and each is told of as if it had run alone. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { treeOf } from './files.fixture.ts'
import { isAlone } from './parts.ts'
import { shared, whyAlone } from './sharing.ts'
import { runSuite, testFiles } from './suite.ts'

const HEAD = "import { test, before, after, beforeEach } from 'node:test'\nimport assert from 'node:assert/strict'\n"

test('a file has a process of its own for what it or the helpers of tests do to that, whatever the program does', (t) => {
  const root = treeOf(t, {
    'src/pure.test.ts': "import { sum } from './sum.ts'\nimport { folder } from './folder.fixture.ts'\n",
    'src/sum.ts': "import { spawn } from 'node:child_process'\n",
    'src/folder.fixture.ts': 'export const root = process.getuid?.() === 0\n',
    'src/starts.test.ts': "import { server } from '../test/server.ts'\n",
    'test/server.ts': "import { spawn } from 'node:child_process'\n",
    'src/names.test.ts': "process.env['TZ'] = 'UTC'\n",
    'src/clock.test.ts': "process.env.TZ ??= 'UTC'\n",
    'src/reads.test.ts':
      "const { TZ = process.env['TZ'] === 'UTC', all = process.env } = {}\nprocess.once('exit', () => all)\n",
    'src/ends.test.ts': "process.once('SIGTERM', () => undefined)\n",
    'src/database.test.ts': "import { startPostgres } from '../test/postgres.ts'\n",
    'src/own-database.test.ts':
      "import { startOwnPostgres } from '../test/postgres.ts'\ntest(async () => startOwnPostgres())\n",
    'test/postgres.ts': "import { spawn } from 'node:child_process'\n",
    'src/speaks.test.ts': '// a word of the process. Another sentence.\n',
    'src/indirect.test.ts': "import { cases } from './all.cases.ts'\n",
    'src/all.cases.ts': "import { names } from './names.fixture.ts'\n",
    'src/names.fixture.ts': "delete process['env'].TZ\n",
    'src/types.test.ts': "import type { Server } from '../test/server.ts'\n",
    'src/global.test.ts': 'globalThis.fetch = () => never\n',
    'src/mock.test.ts': "import { mock, test } from 'node:test'\n",
    'src/waits.test.ts': "import './site.fixture.ts'\n",
    'src/site.fixture.ts': 'export const site = await open()\n',
    'src/waits-each.test.ts': 'for (const file of FILES) {\n  // each\n\n  const one = await import(file)\n}\n',
    'src/waits-later.test.ts':
      "const run = async () => await open()\nfor (const a of ALL)\n  test('a', async () => {\n    await run()\n  })\n",
    'src/own-mock.test.ts': "import { test } from 'node:test'\ntest('a', (t) => t.mock.timers.enable())\n",
  })
  const why = Object.fromEntries(testFiles(root).map((file) => [file, whyAlone(root, file)]))
  assert.deepEqual(why, {
    'src/pure.test.ts': undefined,
    'src/starts.test.ts': 'starts processes or threads',
    'src/names.test.ts': 'sets variables',
    'src/clock.test.ts': 'sets variables',
    'src/reads.test.ts': undefined,
    'src/ends.test.ts': 'uses the process',
    'src/database.test.ts': undefined,
    'src/own-database.test.ts': 'starts processes or threads',
    'src/speaks.test.ts': undefined,
    'src/indirect.test.ts': 'uses the process',
    'src/types.test.ts': undefined,
    'src/global.test.ts': 'changes what all code sees',
    'src/mock.test.ts': 'mocks without a test that ends it',
    'src/waits.test.ts': 'awaits as it is loaded',
    'src/waits-each.test.ts': 'awaits as it is loaded',
    'src/waits-later.test.ts': undefined,
    'src/own-mock.test.ts': undefined,
  })
})

test('groups are of one top folder, about equally large, and stand where their first file stood', () => {
  const names = Array.from({ length: 44 }, (_, i) => `src/f${String(i).padStart(2, '0')}.test.ts`)
  const files = [...names, 'src/f03.process.test.ts', 'src/f04.story.test.ts', 'test/a.test.ts'].toSorted()
  const groups = shared(files)
  assert.deepEqual(
    groups.map((group) => [group[0], group.length]),
    [
      ['src/f00.test.ts', 22],
      ['src/f03.process.test.ts', 1],
      ['src/f04.story.test.ts', 1],
      ['src/f22.test.ts', 22],
      ['test/a.test.ts', 1],
    ],
  )
  assert.deepEqual(groups.flat().sort(), files, 'each file once')
})

test('each file of this checkout has the process that its name says', () => {
  const root = resolve(import.meta.dirname, '../..')
  const files = testFiles(root).filter((file) => !file.endsWith('.story.test.ts'))
  const wrong = files.flatMap((file) => {
    const why = whyAlone(root, file)
    if (isAlone(file) === (why !== undefined)) return []
    return [`${file}: ${why === undefined ? 'needs no process of its own' : `${why}; to be named *.process.test.ts`}`]
  })
  assert.deepEqual(wrong, [])
  assert.ok(files.some(isAlone))
})

const TOGETHER = { concurrency: 1, limitMs: 120_000, share: (files: readonly string[]) => [files] }

test('files in one process are told of each for itself, and what stands around the tests of one is not for another', async (t) => {
  const root = treeOf(t, {
    'src/a.test.ts': `${HEAD}let n = 0
beforeEach(() => { n += 1 })
after(() => assert.equal(n, 3))
test('ok', () => {})
test('away', { skip: 'no #1 disk' }, () => {})
test('with parts', async (t) => { await t.test('part', () => {}) })\n`,
    'src/b.test.ts': `${HEAD}import { value } from './late.fixture.ts'
before(() => {})
test('ok', () => assert.equal(value, 1))
test('later', { todo: true }, () => { throw new Error('not yet') })\n`,
    'src/d.test.ts': `${HEAD}test('begins once the file is loaded', () => assert.equal(BELOW, 1))
const BELOW = 1
before(async () => { for (let i = 0; i < 20; i++) await new Promise((done) => setImmediate(done)); ready = true })
let ready = false
test('after what comes before', () => assert.ok(ready))\n`,
    'src/late.fixture.ts': 'export const value = 1\n',
    'src/c.test.ts': `${HEAD}test('ok', async () => assert.ok(await import('./late.fixture.ts')))\n`,
  })
  const told: string[] = []
  const { tally, report, ended } = await runSuite(root, testFiles(root), {
    ...TOGETHER,
    watch: {
      started: (files) => told.push(files.join(' ')),
      ended: ({ file, tally }) => told.push(`${file}: ${tally.passed} ${tally.failed} ${tally.skipped}`),
    },
  })
  assert.deepEqual(
    told,
    [
      'src/a.test.ts src/b.test.ts src/c.test.ts src/d.test.ts',
      'src/a.test.ts: 3 0 1',
      'src/b.test.ts: 1 0 1',
      'src/c.test.ts: 1 0 0',
      'src/d.test.ts: 2 0 0',
    ],
    report,
  )
  assert.deepEqual(tally.skips, ['src/a.test.ts: away: no #1 disk', 'src/b.test.ts: later: no reason given'])
  assert.ok(ended.every(({ seconds }) => seconds >= 0))
})

test('after a crash or a failure each file runs alone, and that is what counts', async (t) => {
  const files = {
    'src/a.test.ts': `${HEAD}test('ok', () => {})\n`,
    'src/b.test.ts': `${HEAD}test('wrong', () => assert.equal(1, 2))\ntest('right', () => {})\n`,
    'src/c.test.ts': `${HEAD}test('crash', () => process.exit(7))\n`,
    'src/d.test.ts': "throw new Error('thrown as it is loaded')\n",
  }
  const root = treeOf(t, files)
  const { tally, report } = await runSuite(root, testFiles(root), TOGETHER)
  assert.deepEqual({ ...tally, skips: [] }, { passed: 2, failed: 3, skipped: 0, skips: [] })
  for (const file of ['src/b.test.ts', 'src/c.test.ts', 'src/d.test.ts']) assert.ok(report.includes(file), file)
  assert.doesNotMatch(report, /^src\/a\.test\.ts$/m)
  assert.match(report, /thrown as it is loaded/)
})

test('a file that fails only beside others has failed, and is told of with how to see it', async (t) => {
  const root = treeOf(t, {
    'src/a.test.ts': `${HEAD}test('leaves', () => { globalThis.left = 1 })\n`,
    'src/b.test.ts': `${HEAD}test('is disturbed', () => assert.equal(globalThis.left, undefined))\n`,
    'src/c.test.ts': `${HEAD}test('ok', () => {})\n`,
  })
  const { tally, report } = await runSuite(root, testFiles(root), TOGETHER)
  assert.deepEqual(tally, { passed: 3, failed: 1, skipped: 0, skips: [] })
  assert.match(report, /^src\/b\.test\.ts\nit passes alone, and fails in one process with others/)
  assert.match(report, /shared-process\.ts \/dev\/null src\/a\.test\.ts src\/b\.test\.ts src\/c\.test\.ts/)
})

test('a file that fails only beside others is told of also when another fails alone', async (t) => {
  const files = {
    'src/a.test.ts': `${HEAD}test('leaves', () => { globalThis.left = 1 })\n`,
    'src/b.test.ts': `${HEAD}test('is disturbed', () => assert.equal(globalThis.left, undefined))\n`,
    'src/c.test.ts': `${HEAD}test('wrong', () => assert.equal(1, 2))\n`,
    'src/d.test.ts': `${HEAD}test('is disturbed too', () => assert.ok(!('left' in globalThis)))\n`,
  }
  assert.deepEqual(await besideIn(treeOf(t, files)), {
    'src/b.test.ts': true,
    'src/c.test.ts': false,
    'src/d.test.ts': true,
  })
})

test('a file that ends the process only beside others is the one that has failed there', async (t) => {
  const files = {
    'src/a.test.ts': `${HEAD}test('leaves', () => { globalThis.left = 1 })\n`,
    'src/b.test.ts': `${HEAD}test('crash', () => { if (globalThis.left === 1) process.exit(7) })\n`,
    'src/c.test.ts': `${HEAD}test('wrong', () => assert.equal(1, 2))\n`,
  }
  assert.deepEqual(await besideIn(treeOf(t, files)), { 'src/b.test.ts': true, 'src/c.test.ts': false })
})

/** The files that fail in one process, and whether they are told to do so only beside the others. */
async function besideIn(root: string): Promise<Record<string, boolean>> {
  const { failed, tally } = await runSuite(root, testFiles(root), TOGETHER)
  assert.equal(tally.failed, failed.length)
  return Object.fromEntries(failed.map(({ file, reasons }) => [file, reasons.startsWith('it passes alone')]))
}

test('a file without tests, and one that hangs beside others, have failed', async (t) => {
  const root = treeOf(t, {
    'src/b.test.ts': 'export {}\n',
    'src/c.test.ts': `${HEAD}test('ok', () => {})\nsetInterval(() => {}, 1000)\n`,
  })
  const { tally, report } = await runSuite(root, testFiles(root), { ...TOGETHER, limitMs: 2000 })
  assert.equal(tally.failed, 2, report)
  assert.match(report, /src\/c\.test\.ts\n[^]*still running after 2 s; killed/)
})
