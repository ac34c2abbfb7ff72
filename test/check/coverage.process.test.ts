/** Coverage counts the lines that tests run, in the process of a test and in those it starts, and no comments or types. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { codeLines, measureCoverage } from './coverage.ts'
import { runSuite, testFiles } from './suite.ts'

const MATH = `/** Two functions. */
export interface Pair {
  readonly a: number
}

export function half(pair: Pair): number {
  // a comment
  if (pair.a < 0) {
    return -1
  }
  return pair.a / 2
}
export function never(): number {
  return 3
}
`

test('lines of code are those without comments, types and empty lines', () => {
  const lines = codeLines(MATH).map(([start, end]) => MATH.slice(start, end))
  assert.deepEqual(lines.slice(0, 3), ['export function half(pair: Pair): number {', 'if (pair.a < 0) {', 'return -1'])
  assert.equal(lines.length, 9)
})

test('each room has its lines and those that any process of a test has run', async (t) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-covered-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const files = {
    'src/stats/half.ts': MATH,
    'src/jobs/left.ts': 'export const left = 1\n',
    'src/jobs/program.ts': "import { half } from '../stats/half.ts'\nprocess.exitCode = half({ a: -1 }) + 1\n",
    'src/stats/half.test.ts': `import { test } from 'node:test'
import { half } from './half.ts'
test('half', () => void half({ a: 2 }))\n`,
    'src/jobs/program.test.ts': `import { test } from 'node:test'
import { execFileSync } from 'node:child_process'
test('program', () => void execFileSync(process.execPath, ['src/jobs/program.ts']))\n`,
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const coverage = measureCoverage(root)
  t.after(() => coverage.stop())
  const run = async (filter: string): Promise<void> => {
    const { tally } = await runSuite(root, testFiles(root, [filter]), {
      concurrency: 1,
      limitMs: 60_000,
      env: coverage.env,
      watch: { started: () => undefined, ended: (one) => coverage.add(one.file) },
    })
    assert.equal(tally.failed, 0)
  }
  await run('half.test')
  assert.deepEqual(coverage.rooms(), [
    { room: 'jobs', lines: 3, ran: 0 },
    { room: 'stats', lines: 9, ran: 5 },
  ])
  await run('program.test')
  assert.deepEqual(coverage.rooms(), [
    { room: 'jobs', lines: 3, ran: 2 },
    { room: 'stats', lines: 9, ran: 7 },
  ])
})
