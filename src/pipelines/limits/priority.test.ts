/** Priorities of runs: who has which, where they stand in the line by them, and why what waits does. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Principal, Role } from '../../contract/access.ts'
import { SYSTEM } from '../../auth/tokens.ts'
import { ANA } from '../bench.fixture.ts'
import { readLine } from '../line/line.ts'
import { viewLine } from '../line/view.ts'
import { setPool } from '../pools/pools.ts'
import { serve, type Server } from '../run/attempts.fixture.ts'
import { openAttempt } from '../run/launch.ts'
import { requireRun, retryRun } from '../run/runs.ts'
import { viewRun } from '../run/view.ts'
import { requireVersion } from '../spec/versions.ts'
import { setPriority } from './priority.ts'

const MINUTE = 60_000
const as = (role: Role): Principal => ({ ...ANA, name: role, role })
const files = (more = '', project = 'ranks', step = ''): Record<string, string> => ({
  'slipway.yaml': `project: ${project}\npipeline: {${more}steps: {one: {run: a:main${step}}}}\n`,
  'a.py': 'def main(): pass\n',
})
const has = async (server: Server, run: string): Promise<[number, string[] | undefined]> => {
  const view = await viewRun(server.context, await requireRun(server.context, ANA, run))
  return [view.priority, view.not_granted]
}

describe('a run has', () => {
  const kept = ['priority 5 of the project file: above 0 it is for runs that a maintainer or an admin starts']
  const cases: [string, Role, string, number | undefined, number, string[] | undefined][] = [
    ['none where nothing is said', 'contributor', '', undefined, 0, undefined],
    ['that of its file, for a maintainer', 'maintainer', 'priority: 5, ', undefined, 5, undefined],
    [
      'none of what its file asks for, for a contributor, and says so',
      'contributor',
      'priority: 5, ',
      undefined,
      0,
      kept,
    ],
    ['a low one of its file for everybody', 'contributor', 'priority: -5, ', undefined, -5, undefined],
    ['its own instead', 'admin', 'priority: 5, ', 9, 9, undefined],
    ['a low one of its own for everybody', 'contributor', 'priority: 5, ', -1, -1, undefined],
  ]
  for (const [name, role, more, priority, expected, notGranted] of cases)
    test(name, async (t) => {
      const server = await serve(t)
      const given = priority === undefined ? {} : { options: { priority } }
      assert.deepEqual(await has(server, await server.begin(files(more), given, as(role))), [expected, notGranted])
    })

  test('the right of its author where it runs by itself', async (t) => {
    const server = await serve(t)
    for (const [role, expected] of [
      ['contributor', 0],
      ['maintainer', 4],
    ] as const) {
      const project = files('priority: 4, ', `by-${role}`)
      const first = await server.begin(project, {}, as(role))
      const { version_id } = (await server.read(first)).run
      const version = await requireVersion(server.store.db, version_id)
      assert.equal(
        (await has(server, await server.begin(project, { version }, SYSTEM)))[0],
        role === 'maintainer' ? expected : 0,
      )
    }
  })

  test('none above 0 for who may not raise it, at its start and later, and a retry by such a one has none of it', async (t) => {
    const server = await serve(t)
    const refused = { code: 'forbidden', message: /role contributor may not raise the priority of runs above 0/ }
    await assert.rejects(server.begin(files(), { options: { priority: 1 } }, as('contributor')), refused)
    const id = await server.begin(files(), {}, as('contributor'))
    const move = async (role: Role, to: number): Promise<void> =>
      setPriority(server.context.deps, as(role), (await server.read(id)).run, to)
    await assert.rejects(move('contributor', 1), refused)
    await move('contributor', -3)
    await move('maintainer', 7)
    await assert.rejects(move('contributor', 0), refused, 'what was raised stays')
    assert.deepEqual([await has(server, id), server.audit.at(-1)], [[7, undefined], { priority: 7, before: -3 }])
    await server.setRun(id, { state: 'failed', finished_at: 1 })
    await assert.rejects(move('admin', 0), { code: 'conflict', message: /has ended/ })
    const raised = await server.begin(files(), { options: { priority: 3 } }, as('admin'))
    await server.setRun(raised, { state: 'failed', finished_at: 1 })
    const again = async (role: Role): Promise<number> =>
      (await has(server, await retryRun(server.context, as(role), await server.read(raised))))[0]
    assert.deepEqual([await again('contributor'), await again('maintainer')], [0, 3])
  })
})

/** A run whose step has waited since `since`, minutes from the beginning. */
async function waiting(
  server: Server,
  since: number,
  ...[priority, project, step = '']: [number, string, string?]
): Promise<string> {
  const id = await server.begin(files('', project, step), { options: { priority } }, as('admin'))
  await server.setRun(id, { state: 'running' })
  await server.setStep(id, 'one', { state: 'ready', ready_at: server.clock.now + since * MINUTE })
  return id
}

test('the line is by points and age, a point being ten minutes; at equal priority by age alone, whatever the project', async (t: TestContext) => {
  const server = await serve(t)
  const expected: { id: string; at: number; points: number }[] = []
  const projects = ['a', 'b', 'c']
  for (let i = 0; i < 24; i++) {
    const [at, points] = [(i * 37) % 90, i % 3 === 0 ? 0 : ((i * 7) % 21) - 10]
    expected.push({ id: await waiting(server, at, points, projects[i % 3] ?? ''), at, points })
  }
  server.clock.now += 100 * MINUTE
  // the oracle counts points at the end of the wait
  const worth = ({ at, points }: (typeof expected)[0]): number => points + (100 - at) / 10
  const order = expected.toSorted((a, b) => worth(b) - worth(a) || (a.id < b.id ? -1 : 1))
  const line = await readLine(server.context)
  assert.deepEqual(
    line.map(({ run_id }) => run_id),
    order.map(({ id }) => id),
  )
  const equal = line.filter(({ priority }) => priority === 0)
  assert.ok(equal.length >= 8)
  assert.deepEqual(
    equal.map(({ since }) => since),
    equal.map(({ since }) => since).toSorted((a, b) => a - b),
  )
})

test('a backfill below 0 is behind all others, whatever it has waited; at 0 it stands as they do', async (t) => {
  const server = await serve(t)
  const DAY = 24 * 60
  const backfilled = async (since: number, priority: number): Promise<string> => {
    const id = await waiting(server, since, priority, 'past')
    await server.setRun(id, { backfill_id: 'bf_1' })
    return id
  }
  const old = await backfilled(-3 * DAY, -10)
  const older = await backfilled(-3 * DAY - 101, -10)
  const nearer = await backfilled(-3 * DAY - 91, -1)
  const equal = await backfilled(-60, 0)
  const [lowest, live] = [await waiting(server, 0, -10, 'live'), await waiting(server, 0, 0, 'live')]
  const line = await readLine(server.context)
  assert.deepEqual(
    line.map(({ run_id }) => run_id),
    [equal, live, lowest, nearer, older, old],
  )
})

test('why each waits is told, with those of other projects unnamed', async (t) => {
  const server = await serve(t, { capacity: { cpus: 2, memory_bytes: 2 ** 31 } })
  await setPool(server.context.deps, ANA, { name: 'gpu', places: 1, per_project: null, note: '' })
  const holder = await waiting(server, -60, 0, 'a', ', pool: gpu, resources: {cpus: 1, memory: 1GiB}')
  const tree = await server.read(holder)
  assert.ok((await openAttempt(server.context, tree, tree.steps[0] as (typeof tree.steps)[0])) !== undefined)
  const pooled = await waiting(server, -50, 0, 'b', ', pool: gpu')
  const large = await waiting(server, -40, 0, 'b', ', resources: {cpus: 2}')
  const first = await waiting(server, 0, 1, 'a', ', resources: {cpus: 1, memory: 1MiB}')
  const last = await waiting(server, 0, 0, 'a', ', resources: {cpus: 1, memory: 2MiB}')
  const told = async (project: string | null): Promise<unknown> => {
    const { items, left_out } = await viewLine(server.context, project, 10)
    return [items.map(({ place, run, wait, why }) => [place, run, wait, why]), left_out]
  }
  assert.deepEqual(await told('b'), [
    [
      [1, pooled, 'full', 'pool "gpu" is full, 1 of 1 (by other projects)'],
      [2, large, 'places', 'it asks for 2 cores and 1 GiB, and 1 core and 1 GiB are free of 2 cores and 2 GiB'],
    ],
    0,
  ])
  assert.deepEqual(await told(null), [
    [
      [1, pooled, 'full', `pool "gpu" is full, 1 of 1 (${holder} one)`],
      [
        2,
        large,
        'places',
        `it asks for 2 cores and 1 GiB, and 1 core and 1 GiB are free of 2 cores and 2 GiB (${holder} one)`,
      ],
      [3, first, 'turn', '2 steps are before it in the line'],
      [4, last, 'turn', '3 steps are before it in the line, 1 by a higher priority'],
    ],
    0,
  ])
  assert.deepEqual((await viewLine(server.context, null, 1)).left_out, 3)
})
