/** Money over several processes: a budget that they spend from at once is never overspent, and what a killed one had reserved is settled once. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { globSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { until } from '../../../../test/until.ts'
import { amountsIn, loggedMoney } from './hammer.fixture.ts'
import type { Hammered, Hammering } from './hammer.fixture.ts'
import { budgetOf, dataFolder } from './money.fixture.ts'
import type { Money } from './money.ts'

const DOLLAR = 1_000_000_000
const BUDGETS = [budgetOf('dollar', { limit: DOLLAR })]

interface Child {
  /** Resolves once it waits for its start, or has ended. */
  readonly ready: Promise<unknown>
  start(): void
  signal(name: NodeJS.Signals): void
  /** What it printed last, and the signal that ended it. */
  readonly ended: Promise<{ readonly said: string; readonly signal: NodeJS.Signals | null }>
}

function hammer(
  t: TestContext,
  given: Partial<Hammering> & Pick<Hammering, 'dataDir' | 'writer'>,
  fault?: string,
): Child {
  const { SLIPWAY_TEST_HOOKS: _hooks, SLIPWAY_FAULT: _fault, ...env } = process.env
  const argument = JSON.stringify({ calls: 2000, atOnce: 64, held: 0, seed: 1, ...given })
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hammer.fixture.ts'), argument], {
    env: { ...env, ...(fault !== undefined && { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: fault }) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  // one that was killed reads nothing
  child.stdin.on('error', () => undefined)
  let said = ''
  const ended = new Promise<Awaited<Child['ended']>>((resolve) => {
    child.once('close', (_code, signal) => resolve({ said, signal }))
  })
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('ready\n')) resolve(undefined)
    })
    void ended.then(resolve)
  })
  return { ready, ended, start: () => child.stdin.write('\n'), signal: (name) => void child.kill(name) }
}

function standing(money: Money): { spent: number; reserved: number } {
  const { spent, reserved } = money.figures().budgets[0] ?? { spent: 0, reserved: 0 }
  return { spent, reserved }
}

/** What stands in the logs of writers and of lost calls, an id once; a lost call that was logged all the same is a fault. */
function loggedSum(dataDir: string): number {
  const logs = readdirSync(dataDir).filter((name) => name.endsWith('.log') && name !== 'lost.log')
  const logged = new Map(logs.flatMap((name) => [...amountsIn(join(dataDir, name))]))
  const lost = amountsIn(join(dataDir, 'lost.log'))
  assert.deepEqual(
    [...lost.keys()].filter((id) => logged.has(id)),
    [],
  )
  return [...logged.values(), ...lost.values()].reduce((sum, amount) => sum + amount, 0)
}

/** After recovery: all is settled, the ledger is the log, and what is left can be spent to the last nanodollar and no further. */
async function assertSettled(t: TestContext, dataDir: string): Promise<void> {
  const money = loggedMoney(dataDir, 'parent')
  t.after(() => money.close())
  const admit = (id: string, amount: number) =>
    money.admit({ id, key: null, budgets: BUDGETS, amount, tokens: 0, now: 1_000_000 })
  await money.recover()
  const { spent, reserved } = standing(money)
  assert.equal(reserved, 0)
  assert.equal(spent, loggedSum(dataDir))
  assert.ok(spent > 0 && spent <= DOLLAR, `${spent}`)
  await assert.rejects(admit('too-much', DOLLAR - spent + 1), { code: 'budget_exceeded' })
  await (await admit('fits', DOLLAR - spent)).settle(DOLLAR - spent, 0)
  assert.deepEqual(standing(money), { spent: DOLLAR, reserved: 0 })
}

test('three processes spend a dollar by 6,000 calls whose costs nobody knows, one is killed: nothing is overspent or lost', async (t) => {
  const dataDir = dataFolder(t)
  const watch = loggedMoney(dataDir, 'watch')
  t.after(() => watch.close())
  const [one, two] = [1, 2].map((seed) => hammer(t, { dataDir, writer: `g${seed}`, seed }))
  const killed = hammer(t, { dataDir, writer: 'killed', seed: 3, held: 5, calls: 1_000_000 })
  assert.ok(one !== undefined && two !== undefined)
  await Promise.all([one.ready, two.ready, killed.ready])
  // opened by the first look
  await watch.recover()
  assert.equal(standing(watch).reserved, 5_000_000, 'those that the third one holds')
  for (const child of [one, two, killed]) child.start()
  const look = (): number => {
    const { spent, reserved } = standing(watch)
    assert.ok(spent + reserved <= DOLLAR, `${spent} + ${reserved}`)
    return spent
  }
  await until('calls of the third process', () => {
    look()
    return amountsIn(join(dataDir, 'killed.log')).size > 100
  })
  killed.signal('SIGKILL')
  assert.equal((await killed.ended).signal, 'SIGKILL')
  const ends = await Promise.all(
    [one, two].map(async ({ ended }) => {
      const { said, signal } = await ended
      assert.equal(signal, null)
      return JSON.parse(said.slice('ready\n'.length)) as Hammered
    }),
  )
  look()
  const [first, second] = ends
  assert.ok(first !== undefined && second !== undefined)
  for (const { admitted, refused } of ends) assert.equal(admitted + refused, 2000)
  assert.ok(first.refused + second.refused > 0, 'the dollar does not last for all')
  await assertSettled(t, dataDir)
  const lines = readFileSync(join(dataDir, 'lost.log'), 'utf8').trimEnd().split('\n')
  assert.equal(new Set(lines).size, lines.length, 'nobody else was killed, so each is told once')
  for (let i = 0; i < 5; i++) assert.ok(lines.includes(`killed-${i} 1000000`))
})

for (const point of ['money.written', 'money.committed'])
  for (const passing of [1, 2, 9])
    test(`killed at ${point} for the ${passing}. time: each call is spent once`, async (t) => {
      const dataDir = dataFolder(t)
      const child = hammer(t, { dataDir, writer: 'killed', calls: 100, atOnce: 8, held: 2 }, `${point}@${passing + 3}`)
      await child.ready
      child.start()
      assert.equal((await child.ended).signal, 'SIGKILL')
      await assertSettled(t, dataDir)
    })

for (const point of ['money.burying', 'money.written', 'money.committed'])
  test(`a gateway that is killed at ${point} while it settles for another: the next settles the rest, once`, async (t) => {
    const dataDir = dataFolder(t)
    const first = hammer(t, { dataDir, writer: 'first', calls: 1_000_000, held: 3 })
    await first.ready
    first.start()
    await until('calls of the first', () => amountsIn(join(dataDir, 'first.log')).size > 20)
    first.signal('SIGKILL')
    await first.ended
    const second = hammer(t, { dataDir, writer: 'second' }, `${point}@1`)
    assert.equal((await second.ended).signal, 'SIGKILL')
    await assertSettled(t, dataDir)
    const lost = readFileSync(join(dataDir, 'lost.log'), 'utf8').trimEnd().split('\n')
    for (let i = 0; i < 3; i++) assert.ok(lost.includes(`first-${i} 1000000`))
  })

/** The row of a child among the writers, changed from outside. */
function writerRow(dataDir: string, change: string): void {
  const file = new Database(join(dataDir, 'llm/money.db'))
  file.exec(`UPDATE writers SET ${change} WHERE name = 'lives'`)
  file.close()
}

/** What would make a process look dead that lives. */
const DOUBTS: readonly (readonly [what: string, (dataDir: string, child: Child) => void])[] = [
  ['that is stopped', (_, child) => child.signal('SIGSTOP')],
  [
    'of another container, whose process id is nobody’s here',
    (dataDir) => writerRow(dataDir, "pid = 4194305, start = '1'"),
  ],
  [
    'of another container, whose process id is another’s here',
    (dataDir) => writerRow(dataDir, `pid = ${process.pid}, start = '1'`),
  ],
  ['of a system that tells no starts', (dataDir) => writerRow(dataDir, 'start = NULL')],
  [
    'whose lock somebody removed',
    (dataDir) => {
      for (const name of globSync('llm/writer-*.lock', { cwd: dataDir })) rmSync(join(dataDir, name))
    },
  ],
]

for (const [what, doubt] of DOUBTS)
  test(`a process ${what} is not taken for dead before it is`, async (t) => {
    const dataDir = dataFolder(t)
    const child = hammer(t, { dataDir, writer: 'lives', held: 3, calls: 0 })
    await child.ready
    doubt(dataDir, child)
    const money = loggedMoney(dataDir, 'parent')
    t.after(() => money.close())
    for (let i = 0; i < 3; i++) await money.recover()
    assert.deepEqual(standing(money), { spent: 0, reserved: 3_000_000 })
    child.signal('SIGKILL')
    await child.ended
    await money.recover()
    assert.deepEqual(standing(money), { spent: 3_000_000, reserved: 0 })
  })

/** Runs a program of modules beside this one; what it prints, as JSON. */
function run(program: string, command: string = process.execPath, before: readonly string[] = []): unknown {
  const given = [...before, '--input-type=module', '-e', program]
  return JSON.parse(execFileSync(command, given, { cwd: import.meta.dirname, encoding: 'utf8' }))
}

test('where the disk takes no more, calls of hard budgets are refused and no other; what was admitted is not lost', (t) => {
  const dataDir = dataFolder(t)
  const program = `
    import { loggedMoney } from './hammer.fixture.ts'
    import { budgetOf } from './money.fixture.ts'
    const money = loggedMoney(${JSON.stringify(dataDir)}, 'full')
    const admit = (id, budget) => money.admit({ id, key: null, budgets: [budget], amount: 10, tokens: 0, now: 1_000_000 })
    let admitted = 0
    let refusal
    while (refusal === undefined && admitted < 10_000)
      await admit('call-' + admitted, budgetOf('dollar')).then(() => admitted++, (error) => (refusal = error))
    const soft = await admit('soft', budgetOf('soft', { hard: false }))
    console.log(JSON.stringify({ admitted, code: refusal.code, told: refusal.message, soft: soft.reserved, error: money.figures().error }))
    process.exit(0)`
  // no file may be longer than 512 KiB
  const { admitted, ...rest } = run(program, 'bash', ['-c', 'ulimit -f 512; exec "$0" "$@"', process.execPath]) as {
    admitted: number
  }
  const told = 'the money store is not available: disk I/O error (SQLITE_IOERR_WRITE)'
  assert.deepEqual(rest, { code: 'unavailable', told, soft: 0, error: told })
  assert.ok(admitted > 10, `${admitted}`)
  const money = loggedMoney(dataDir, 'parent')
  t.after(() => money.close())
  return money.recover().then(() => assert.deepEqual(standing(money), { spent: 10 * admitted, reserved: 0 }))
})

test('a gateway without budgets does not load the library of the database', (t) => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const { Money } = await import('./money.ts')
    const money = new Money({ dataDir: ${JSON.stringify(dataFolder(t))}, writer: 'w', gateways: 1, clock: Date.now })
    await money.recover()
    await (await money.admit({ id: 'a', key: null, budgets: [], amount: 1, tokens: 1, now: 0 })).settle(1, 1)
    console.log(JSON.stringify(loaded.filter((url) => url.includes('node_modules'))))`
  assert.deepEqual(run(program), [])
})
