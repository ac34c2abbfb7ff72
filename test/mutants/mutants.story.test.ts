/** Tests of the mutation runner: a weak test leaves a survivor, a good one kills it, wherever the code runs. */
import assert from 'node:assert/strict'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it, test } from 'node:test'
import { coverageOf, readTree } from './coverage.ts'
import { readEquivalents } from './equivalent.ts'
import { mutantsOf, runPlace } from './mutants.ts'
import type { MutationJob, Result } from './mutants.ts'
import { PLACES } from './places.ts'
import { runTest, Watch } from './process.ts'

const FOLDER = 'test/mutants/fixture'
const BOUND = 'used < limit → used <= limit'
const GUARD = 'used > limit → used >= limit'

function run(test: string, more: Partial<MutationJob> = {}): Promise<Result> {
  const place = { name: 'fixture', sources: [`${FOLDER}/allowance.ts`], tests: [`${FOLDER}/${test}.fixture.ts`] }
  const root = resolve(import.meta.dirname, '../..')
  // none of its faults makes a test hang, however slow the machine is
  const job = { root, place, budget: 100, seed: 'test', lanes: 2, equivalents: [], graceMs: 600_000 }
  return runPlace({ ...job, onProgress: () => undefined, ...more })
}

function fates({ judgements }: Result): Record<string, string> {
  return Object.fromEntries(judgements.map(({ mutant, fate }) => [mutant.change, fate]))
}

function equivalent(line: string, change: string): string {
  return `file: ${FOLDER}/allowance.ts\nline: ${line}\nchange: ${change}\nwhy: nothing\n  differs\n`
}

test('each glob of each place finds files, wherever folders have moved', () => {
  const root = resolve(import.meta.dirname, '../..')
  for (const { name, sources, tests } of PLACES)
    for (const glob of [...sources, ...tests]) assert.ok(globSync(glob, { cwd: root }).length > 0, `${name}: ${glob}`)
})

test('each entry of the list of equivalent faults names one that its file has', () => {
  const root = resolve(import.meta.dirname, '../..')
  const entries = readEquivalents(readFileSync(join(import.meta.dirname, 'equivalent.txt'), 'utf8'))
  const files = Map.groupBy(entries, ({ file }) => file)
  const gone = [...files].flatMap(([file, of]) => {
    const mutants = mutantsOf(file, readFileSync(join(root, file), 'utf8'))
    return of
      .filter(({ line, change }) => !mutants.some((one) => one.line === line && one.change === change))
      .map(({ line, change }) => `${file}: ${line}: ${change}`)
  })
  assert.deepEqual(gone, [])
})

describe('mutation runner', { concurrency: true }, () => {
  it('a weak test leaves the bound alive, and what it never runs', async () => {
    const found = fates(await run('weak'))
    assert.equal(found[BOUND], 'survived')
    assert.equal(found['used < limit → used >= limit'], 'killed')
    assert.equal(found['limit - used → limit + used'], 'unreached')
  })

  it('a good test kills it, in another process and in a thread; what changes nothing is listed', async () => {
    const entry = equivalent('if (used > limit) return 0', GUARD)
    const result = await run('good', { equivalents: readEquivalents(`# a comment\n${entry}`) })
    const found = fates(result)
    assert.equal(found[BOUND], 'killed')
    assert.equal(found['limit - used → limit + used'], 'killed')
    assert.deepEqual(
      result.judgements.filter((one) => one.fate === 'survived').map((one) => [one.mutant.change, one.why]),
      [[GUARD, 'nothing differs']],
    )
    assert.deepEqual(result.stale, [])
  })

  it('an entry that names no mutant, or one that a test finds, is wrong', async () => {
    const entries = readEquivalents(
      `${equivalent('return used < limit', BOUND)}\n${equivalent('return limit - used', 'limit → 0')}`,
    )
    const { stale } = await run('good', { equivalents: entries })
    assert.deepEqual(
      stale.map((one) => one.change),
      [BOUND, 'limit → 0'],
    )
    assert.throws(() => readEquivalents('file: a\nline: b\nchange: c'), /no "why:"/)
  })

  it('the same seed draws the same mutants, and a part of the path chooses', async () => {
    const drawn = async (seed: string): Promise<string[]> => Object.keys(fates(await run('weak', { seed, budget: 3 })))
    const first = await drawn('a')
    assert.equal(first.length, 3)
    assert.deepEqual(await drawn('a'), first)
    const { total, judgements } = await run('weak', { only: 'allowance.ts:5:' })
    assert.deepEqual([total, judgements.length], [2, 2])
  })

  it('when its time is over no other mutant is begun, and one that not all of its tests were asked about is undecided', async () => {
    const over = async (asked: number): Promise<string[]> => {
      let times = 0
      const { judgements } = await run('weak', { only: 'allowance.ts:5:', lanes: 1, isOver: () => ++times > asked })
      return judgements.map(({ fate }) => fate)
    }
    assert.deepEqual(await over(0), [])
    assert.deepEqual(await over(2), ['undecided'])
    const [first, ...more] = await over(3)
    assert.deepEqual([first === 'survived' || first === 'killed', more], [true, []])
  })

  it('slow tests are asked for what the others let pass, and for nothing else', async () => {
    const slow = (quick: string, named: string): MutationJob['place'] => ({
      name: 'slow',
      sources: [`${FOLDER}/allowance.ts`],
      tests: [quick, named].map((file) => `${FOLDER}/${file}.fixture.ts`),
      slow: [`${FOLDER}/${named}.fixture.ts`],
    })
    const both = fates(await run('weak', { place: slow('weak', 'good') }))
    assert.deepEqual([both[BOUND], both[GUARD], both['limit - used → limit + used']], ['killed', 'survived', 'killed'])
    const first = fates(await run('weak', { place: slow('weak', 'good'), quick: true }))
    assert.deepEqual([first[BOUND], first['limit - used → limit + used']], ['survived', 'unreached'])
    const line = { only: 'allowance.ts:5:' }
    assert.equal(fates(await run('good', { place: slow('good', 'failing'), ...line }))[BOUND], 'killed')
    await assert.rejects(run('weak', { place: slow('weak', 'failing'), ...line }), /does not pass without a fault/)
  })

  it('a test that passed once and fails now, without a fault, is no judge', async () => {
    const place = { name: 'once', sources: [`${FOLDER}/allowance.ts`], tests: [`${FOLDER}/once.fixture.ts`] }
    const line = { place, only: 'allowance.ts:5:' }
    const kept = await run('once', line)
    assert.equal(kept.judgements.length, 2)
    process.env['SLIPWAY_FIXTURE_FAILS'] = '1'
    try {
      await assert.rejects(run('once', line), /once\.fixture\.ts does not pass without a fault/)
    } finally {
      delete process.env['SLIPWAY_FIXTURE_FAILS']
    }
  })

  it('a test that fails without a fault stops the run', async () => {
    const sources = [`${FOLDER}/allowance.ts`]
    const place = { name: 'none', sources, tests: [`${FOLDER}/failing.fixture.ts`] }
    await assert.rejects(run('weak', { place }), /does not pass without a fault/)
  })

  it('a file is late when it says nothing for longer than it may, however long it may take in all', (t) => {
    // the other tests, which run at the same time, have no turn before this one has ended
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let now = 0
    const pass = (ms: number): void => t.mock.timers.tick(((now += ms), ms))
    const watched = (limitMs: number): { watch: Watch; late: number[] } => {
      const late: number[] = []
      return {
        watch: new Watch(
          { limitMs, silentMs: 3500 },
          () => late.push(now),
          () => now,
        ),
        late,
      }
    }
    try {
      const [patient, short] = [watched(120_000), watched(10_000)]
      for (let i = 0; i < 16; i++) {
        pass(3000)
        for (const { watch } of [patient, short]) watch.heard()
      }
      assert.deepEqual([patient.late, short.late], [[], [12_000]])
      pass(4000)
      assert.deepEqual(patient.late, [52_000])
      assert.deepEqual(patient.watch.stop(), { late: true, ms: 52_000, silentMs: 4000 })
      short.watch.stop()
    } finally {
      t.mock.timers.reset()
    }
  })

  it('what is late is ended, with what it took and how long it was silent', async () => {
    const root = resolve(import.meta.dirname, '../..')
    const ended = (name: string, limits: { limitMs: number; silentMs: number }): ReturnType<typeof runTest> =>
      runTest({ root, env: {}, file: `${FOLDER}/${name}.fixture.ts`, ...limits })
    const [silent, steady, cut] = await Promise.all([
      ended('silent', { limitMs: 600_000, silentMs: 3500 }),
      ended('steady', { limitMs: 600_000, silentMs: 600_000 }),
      ended('steady', { limitMs: 1000, silentMs: 600_000 }),
    ])
    assert.deepEqual([silent.result, steady.result, cut.result], ['late', 'passed', 'late'])
    assert.ok(silent.silentMs >= 3400, JSON.stringify(silent))
    assert.ok(steady.ms >= 3900 && steady.silentMs < steady.ms, JSON.stringify(steady))
  })

  it('coverage is kept until something that the test loads has changed', async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-kept-'))
    t.after(() => rmSync(root, { recursive: true }))
    const write = (name: string, text: string): void => writeFileSync(join(root, name), text)
    write('used.ts', 'export const one = (n: number): number => (n > 5 ? 2 : 1)\n')
    write('other.ts', 'export const two = 2\n')
    write(
      'it.test.ts',
      "import test from 'node:test'\nimport { one } from './used.ts'\ntest('one', () => void one(1))\n",
    )
    const measured = async (): Promise<[kept: boolean, bits: string]> => {
      const { kept, ran } = await coverageOf(readTree(root), 'it.test.ts')
      return [kept === true, (ran.get('used.ts') ?? []).join('')]
    }
    const [, bits] = await measured()
    assert.match(bits, /^1+0+1+$/, 'the branch that is not taken')
    assert.deepEqual(await measured(), [true, bits])
    write('other.ts', 'export const two = 3\n')
    assert.deepEqual(await measured(), [true, bits])
    write('used.ts', 'export const one = (n: number): number => n\n')
    const [kept, now] = await measured()
    assert.deepEqual([kept, /^1+$/.test(now)], [false, true])
    write('it.test.ts', "import test from 'node:test'\nimport './used.ts'\ntest('none', () => undefined)\n")
    assert.match((await measured())[1], /0/)
    mkdirSync(join(root, 'src'))
    write('src/0001_made.sql', 'SELECT 1')
    assert.equal((await measured())[0], false)
  })
})
