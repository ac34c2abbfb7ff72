/** What failed is tried once more, alone: what passes then is named, what fails twice is red, and very many at once are no bad luck. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { oneFailure, tryAgain } from './again.ts'
import type { Again } from './again.ts'
import { treeOf } from './files.fixture.ts'
import { createProgress } from './progress.ts'
import { pythonTests, runPythonSuite } from './python-suite.ts'
import { runStages } from './stage.ts'
import type { Outcome, Stage, StageJob } from './stage.ts'
import { testStage } from './tests.ts'
import { emptyTally, totalLine } from './tally.ts'
import type { Tally } from './tally.ts'
import { findPython } from '../tools.ts'

// each service of a run ends with the process
process.setMaxListeners(0)

const HEAD = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
/** Fails at its first run, and leaves a file by which the second knows; it has a process of its own. */
const LUCK = `${HEAD}import { existsSync, writeFileSync } from 'node:fs'
test('fair', () => {})
test('toss', () => {
  const before = existsSync('tossed')
  writeFileSync('tossed', '')
  assert.ok(before, 'tails')
})\n`

interface Told {
  total: Tally
  failed: Record<string, string>
  passedAgain: Record<string, string>
  printed: string
}

async function told(stages: readonly Stage[], how: Partial<StageJob> = {}): Promise<Told> {
  const out = new PassThrough()
  const failed: Record<string, string> = {}
  const passedAgain: Record<string, string> = {}
  const total = await runStages(stages, {
    filters: [],
    progress: createProgress(out),
    failed: (name, why) => void (failed[name] = why),
    passedAgain: (name, why) => void (passedAgain[name] = why),
    ...how,
  })
  return { total, failed, passedAgain, printed: String(out.read()) }
}

test('a file that passes at its second try has passed and is named; one that fails twice is red', async (t) => {
  const root = treeOf(t, {
    'src/luck.process.test.ts': LUCK,
    'src/wrong.test.ts': `${HEAD}test('wrong', () => assert.equal(1, 2))\n`,
    'src/right.test.ts': `${HEAD}test('right', () => {})\n`,
  })
  const { total, failed, passedAgain, printed } = await told([testStage(root, 'tests', 'ordinary')])
  assert.equal(totalLine(total), '4 passed, 1 failed, 0 skipped', 'the stage is one of those that passed')
  assert.deepEqual(Object.keys(passedAgain), ['src/luck.process.test.ts'])
  assert.match(passedAgain['src/luck.process.test.ts'] ?? '', /tails/, 'with why it failed at first')
  assert.deepEqual(Object.keys(failed), ['src/wrong.test.ts'])
  assert.match(failed['src/wrong.test.ts'] ?? '', /1 !== 2[^]*and at the second try:[^]*1 !== 2/)
  assert.match(printed, /^tests +ok .*, 2 failed at the first try$/m)
  assert.match(printed, /second try: src\/luck\.process\.test\.ts {2}passed/)
})

test('without a second try the first is what counts', async (t) => {
  const root = treeOf(t, { 'src/luck.process.test.ts': LUCK })
  const { total, failed, passedAgain } = await told([testStage(root, 'tests', 'ordinary')], { retry: false })
  assert.equal(totalLine(total), '2 passed, 1 failed, 0 skipped')
  assert.deepEqual([Object.keys(failed), passedAgain], [['src/luck.process.test.ts'], {}])
})

test('a file that fails only beside others is tried beside them again', async (t) => {
  const root = treeOf(t, {
    'src/a.test.ts': `${HEAD}test('leaves something', () => { Object.assign(Array.prototype, { left: 1 }) })\n`,
    'src/b.test.ts': `${HEAD}test('finds nothing', () => assert.ok(!('left' in [])))\n`,
  })
  const { total, failed } = await told([testStage(root, 'tests', 'ordinary')])
  assert.equal(total.failed, 1)
  assert.deepEqual(Object.keys(failed), ['src/b.test.ts'])
})

test('what fails beside others and passes at its second try has passed, whatever else fails there', async (t) => {
  const once = `${HEAD}import { existsSync, writeFileSync } from 'node:fs'
test('toss', () => {
  const before = existsSync('tossed')
  writeFileSync('tossed', '')
  assert.ok(before, 'tails')
})\n`
  const root = treeOf(t, {
    'src/a.test.ts': once,
    'src/b.test.ts': `${HEAD}test('wrong', () => assert.equal(1, 2))\n`,
  })
  const { total, failed, passedAgain } = await told([testStage(root, 'tests', 'ordinary')])
  assert.equal(totalLine(total), '2 passed, 1 failed, 0 skipped')
  assert.deepEqual([Object.keys(failed), Object.keys(passedAgain)], [['src/b.test.ts'], ['src/a.test.ts']])
  assert.match(passedAgain['src/a.test.ts'] ?? '', /fails in one process with others[^]*tails/)
})

/** Something that failed once and passes when it is tried again. */
function unlucky(name: string, tried: string[] = []): Again {
  return {
    name,
    tally: oneFailure(),
    reasons: 'tails',
    async run() {
      tried.push(name)
      return { tally: { ...emptyTally(), passed: 1 }, reasons: '' }
    },
  }
}

test('of more than ten that failed none is tried again', async () => {
  const tried: string[] = []
  const names = Array.from({ length: 11 }, (_, i) => `${i}.test.ts`)
  const out = new PassThrough()
  const failed: string[] = []
  const how = { progress: createProgress(out), failed: (name: string) => void failed.push(name) }
  const all = names.map((name) => unlucky(name, tried))
  assert.deepEqual([(await tryAgain(all, how)).failed, tried, failed], [11, [], names])
  assert.match(String(out.read()), /no second try: 11 failed/)
  assert.deepEqual([(await tryAgain(all.slice(1), how)).passed, tried], [10, names.slice(1)])
})

test('a stage that may fail by luck is run again as a whole, after all others', async () => {
  const events: string[] = []
  const stage = (name: string, twice: boolean, outcomes: Outcome[]): Stage => ({
    name,
    twice,
    async run() {
      events.push(name)
      return outcomes.shift() ?? { ok: false }
    },
  })
  const tally = { ...emptyTally(), passed: 3 }
  const stages = [
    stage('clients', true, [
      { ok: false, report: 'no answer' },
      { ok: true, tally },
    ]),
    stage('types', false, [{ ok: false, report: 'wrong type' }]),
    stage('docs', false, [{ ok: true }]),
  ]
  const { total, failed, passedAgain } = await told(stages)
  assert.deepEqual(events, ['clients', 'types', 'docs', 'clients'])
  assert.deepEqual([failed, passedAgain], [{ types: 'wrong type' }, { clients: 'no answer' }])
  assert.equal(totalLine(total), '5 passed, 1 failed, 0 skipped')
})

test('the Python files that failed are named', { skip: findPython() === undefined && 'no Python 3.10' }, async (t) => {
  const file = (body: string): string =>
    `import unittest\nclass T(unittest.TestCase):\n    def test_it(self): ${body}\n`
  const root = treeOf(t, {
    'python/tests/__init__.py': '',
    'python/tests/test_a.py': file('pass'),
    'python/tests/test_ab.py': file('self.fail()'),
    'python/tests/test_b.py': file('pass'),
  })
  const modules = async (): Promise<(readonly string[])[]> =>
    (await runPythonSuite(root, pythonTests(root, 'ordinary'), findPython() ?? '')).failed.map((one) => one.modules)
  assert.deepEqual(await modules(), [['tests.test_ab']])
  const crashing = treeOf(t, { 'python/tests/__init__.py': '', 'python/tests/test_c.py': 'import os\nos._exit(3)\n' })
  const crashed = await runPythonSuite(crashing, pythonTests(crashing, 'ordinary'), findPython() ?? '')
  assert.deepEqual(
    crashed.failed.map((one) => one.modules),
    [['tests.test_c']],
    'where no failure is named, all that ran in the process are tried again',
  )
})
