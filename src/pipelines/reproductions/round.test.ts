/** Rounds of reproductions by schedule, one proof at a time, however often a job is tried and whoever does it. */
import assert from 'node:assert/strict'
import { mkdirSync, rmdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { JOB_DEPS } from '../../jobs/queue.ts'
import { fireDue } from '../../jobs/schedule.ts'
import { Worker } from '../../jobs/worker.ts'
import type { AliasedVersion } from '../../registry/aliases/aliased.ts'
import type { Db, Row } from '../../store/db.ts'
import { ANA } from '../bench.fixture.ts'
import { LOCK, openIdle, type Idle } from '../run/idle.fixture.ts'
import { end } from '../proof/proofs.fixture.ts'
import { listReproducible } from './reproducible.ts'
import { reproductionRound } from './round.ts'
import { REPRODUCTIONS, scheduleReproductions } from './schedule.ts'

const DAY = 86_400_000
const ADMIN = { ...ANA, role: 'admin' as const }
const FILES = {
  'slipway.yaml': `project: proved\npipeline: {steps: {make: {run: make:main, outputs: [table]}}}\n`,
  'make.py': 'def main(): pass\n',
}
const ENDED = { make: { outputs: { table: { '': 'x\n1\n' } } } }
const version = (model: string, run: string | null, grade: string | null = 'A'): AliasedVersion => ({
  model,
  version: '1',
  run,
  grade,
})

interface Round {
  readonly idle: Idle
  readonly woken: string[]
  /** Does jobs until nothing is due: `workers` of them at a time, each as a process of its own would. */
  settle(workers?: number, wake?: (run: string) => void): Promise<void>
  /** The schedule falls due. */
  fall(): Promise<number>
  entries(): Promise<Row[]>
  proofs(): Promise<{ id: string; state: string; priority: number }[]>
}

const now = (): number => Date.now() + DAY

describe('a round of reproductions', () => {
  async function scheduled(t: TestContext, models: readonly AliasedVersion[]): Promise<Round> {
    const idle = await openIdle(t, {
      aliasedVersions: (who, { alias, after, limit }) => {
        assert.equal(who.project, null)
        const found = alias === 'production' ? models.filter(({ model }) => model > after) : []
        return Promise.resolve(found.slice(0, limit))
      },
    })
    const { db } = idle.store
    for (const { run } of models) {
      if (run === null) continue
      await idle.begin(FILES, { id: run })
      await end(idle, run, ENDED)
      await idle.setRun(run, { state: 'succeeded', outcome: 'succeeded', environment: LOCK.digest })
    }
    const times = { cron: '0 3 * * *', timezone: 'UTC', alias: 'production' }
    await scheduleReproductions({ ...idle.context.deps, clock: Date.now }, ADMIN, times)
    const woken: string[] = []
    return {
      idle,
      woken,
      fall: () => fireDue(db, { ...JOB_DEPS, now }),
      settle: (workers = 1, wake = (run: string) => void woken.push(run)) => settle(idle, workers, wake),
      entries: () =>
        db.all(
          'SELECT position, model, state, run_id, grade_before, grade, detail FROM pipeline_reproductions ORDER BY created_at, position',
        ),
      proofs: () =>
        db.all("SELECT id, state, priority FROM pipeline_runs WHERE trigger_kind = 'reproduce' ORDER BY id"),
    }
  }

  test('one proof runs at a time, behind all others; what cannot be proved is skipped, with the reason', async (t) => {
    const round = await scheduled(t, [version('a', 'pr_a'), version('b', null), version('c', 'pr_c', 'A')])
    assert.equal(await round.fall(), 1)
    await round.settle()
    const [first, ...none] = await round.proofs()
    assert.deepEqual([none, first?.priority, round.woken], [[], -10, [first?.id]])
    await round.settle()
    assert.deepEqual(round.woken, [first?.id], 'it is waited for')
    await graded(round, first?.id ?? '', 'A')
    await round.settle()
    const [, second] = await round.proofs()
    assert.deepEqual(round.woken, [first?.id, second?.id])
    await graded(round, second?.id ?? '', 'C')
    await round.settle()
    const told = (await round.entries()).map(({ model, state, grade_before, grade, detail }) => [
      model,
      state,
      grade_before,
      grade,
      detail,
    ])
    assert.deepEqual(told, [
      ['a', 'graded', 'A', 'A', 'graded A'],
      ['b', 'skipped', 'A', null, 'no pipeline run made it'],
      ['c', 'graded', 'A', 'C', 'graded C'],
    ])
    assert.deepEqual(round.idle.audit.at(-1), {
      made: 'run',
      version: round.idle.audit.at(-1)?.['version'],
      trigger: 'reproduce',
    })
    assert.ok(
      round.idle.audit.some(({ reproduction, why }) => reproduction === 'skipped' && why === 'no pipeline run made it'),
    )
    const { items } = await listReproducible(round.idle.context, ADMIN, { alias: 'production', limit: 10 })
    assert.deepEqual(
      items.map(({ last }) => [last?.state, last?.grade, last?.fallen]),
      [
        ['graded', 'A', false],
        ['skipped', null, false],
        ['graded', 'C', true],
      ],
    )
    assert.equal(await jobsOpen(round.idle.store.db), 0)
  })

  test('a proof that was cancelled or removed is told as such, and the next model is gone on with', async (t) => {
    const round = await scheduled(t, [version('a', 'pr_a'), version('b', 'pr_b')])
    await round.fall()
    await round.settle()
    const [first] = await round.proofs()
    await round.idle.setRun(first?.id ?? '', { state: 'cancelled', outcome: 'cancelled' })
    await round.settle()
    const second = (await round.proofs()).find(({ state }) => state === 'waiting')
    await round.idle.setRun(second?.id ?? '', { id: 'pr_elsewhere' })
    await round.settle()
    assert.deepEqual(
      (await round.entries()).map(({ state, detail }) => [state, detail]),
      [
        ['skipped', 'its proof ended as cancelled'],
        ['skipped', 'its proof was removed before it had ended'],
      ],
    )
  })

  test('a model whose proof cannot begin is skipped: its lock is gone', async (t) => {
    const round = await scheduled(t, [version('a', 'pr_a')])
    await round.idle.setRun('pr_a', { environment: 'sha256:gone' })
    await round.fall()
    await round.settle()
    const [entry] = await round.entries()
    assert.equal(entry?.['state'], 'skipped')
    assert.match(String(entry?.['detail']), /cannot be run again: the lock of the environment sha256:gone/)
    assert.deepEqual(await round.proofs(), [])
  })

  test('a fault while a model is looked at is told, and ends no round', async (t) => {
    const round = await scheduled(t, [version('a', 'pr_a'), version('b', 'pr_b')])
    const { store, context } = round.idle
    const { steps } = await round.idle.read('pr_a')
    const digest = steps[0]?.outputs['table']?.digest ?? ''
    const path = store.blobs.path(digest) ?? ''
    await store.blobs.delete(digest)
    mkdirSync(path)
    const faults: unknown[] = []
    Object.assign(context.deps, { onError: (error: unknown) => faults.push(error) })
    await round.fall()
    await round.settle()
    rmdirSync(path)
    const told = (await round.entries()).map(({ state, detail }) => `${String(state)}: ${String(detail)}`)
    assert.match(told[0] ?? '', /^skipped: a fault kept it from being made again: EISDIR/)
    // both runs left the same table
    assert.match(told[1] ?? '', /^skipped: a fault kept/)
    assert.equal(faults.length, 2)
    assert.equal(await jobsOpen(store.db), 0)
  })

  test('one that dies after it has made the run, and two processes beside each other, make one proof', async (t) => {
    const round = await scheduled(t, [version('a', 'pr_a')])
    assert.deepEqual(
      (await Promise.all([round.fall(), round.fall()])).toSorted((a, b) => a - b),
      [0, 1],
    )
    const { db } = round.idle.store
    let died = 0
    await round.settle(2, () => {
      died += 1
      if (died === 1) throw new Error('killed here')
    })
    assert.equal((await round.proofs()).length, 1)
    await db.tx((t_) => t_.run("UPDATE pipeline_reproductions SET state = 'waiting', run_id = NULL"))
    await round.settle(2)
    assert.equal((await round.proofs()).length, 1, 'the run is found again by its name')
    assert.equal(await round.fall(), 0)
    assert.equal((await round.entries()).length, 1)
  })
})

/** Ends a proof with a grade. */
async function graded({ idle }: Round, run: string, grade: string): Promise<void> {
  const proof = { of_run: 'x', grade, detail: '', missing: [], tolerance: 0, steps: [] }
  const state = grade === 'A' || grade === 'B' ? 'succeeded' : 'failed'
  await idle.setRun(run, { state, outcome: state, message: `graded ${grade}`, reproduction: JSON.stringify(proof) })
}

async function jobsOpen(db: Db): Promise<number> {
  const row = await db.get<{ n: number }>(
    "SELECT count(*) AS n FROM jobs WHERE kind = ? AND state IN ('waiting', 'running')",
    [REPRODUCTIONS],
  )
  return Number(row?.n)
}

/** Lets jobs be done until each waits for a proof or is done. */
async function settle({ store, context }: Idle, count: number, wake: (run: string) => void): Promise<void> {
  let at = now()
  const states = new Set<string>()
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(store.db, { pollMs: 10, backoffMs: 1, now: () => at })
    worker.register(REPRODUCTIONS, async (job, held) => {
      await reproductionRound({ context, wake })(job, {
        ...held,
        signal: held.signal,
        tx: (work) => held.tx(work),
        finish: (work) => held.finish(work),
        again: async (_runAt, work) => {
          await held.again(at, work)
          states.add(job.id)
        },
      })
    })
    worker.start()
    return worker
  })
  await until('a job that waits, or none', async () => {
    at += 10
    return states.size > 0 || (await jobsOpen(store.db)) === 0
  })
  for (const worker of workers) await worker.stop()
}
