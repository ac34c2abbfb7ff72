/** Recorded replies of the line of steps, of pools and of drivers, shaped by the contract. */
import type { driversApi } from '../../../src/contract/pipelines/drivers.ts'
import type { lineApi } from '../../../src/contract/pipelines/line.ts'
import type { Pool } from '../../../src/contract/pipelines/pools.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'

const MINUTE = 60_000
const GIB = 1024 ** 3

type Waiting = Reply<typeof lineApi.waitingSteps>

/** A line in which each kind of wait stands once, and one run was raised by a maintainer. */
export function waitingSteps(empty: boolean): Waiting {
  if (empty) return { items: [], left_out: 0 }
  const base = { project: 'flight-delay', run: 'run_01k2b9d', priority: 0, pool: null }
  const items: Omit<Waiting['items'][number], 'place'>[] = [
    { ...base, step: 'report', waited_ms: 900, wait: 'begins', why: 'it begins now' },
    {
      ...base,
      step: 'solve',
      priority: 4,
      pool: 'licences',
      waited_ms: 127_000,
      wait: 'full',
      why: 'pool "licences" is full, 3 of 3 (run_01k2a8f solve, run_01k2a7c solve and 1 more)',
    },
    {
      ...base,
      project: 'demand-forecast-of-all-european-airports',
      run: 'run_01k2c41',
      step: 'train[17]',
      pool: 'gpus',
      waited_ms: 26 * MINUTE,
      wait: 'quota',
      why: 'project "demand-forecast-of-all-european-airports" has all 2 places that it may have of pool "gpus"',
    },
    {
      ...base,
      step: 'train',
      waited_ms: 4 * MINUTE,
      wait: 'places',
      why: 'it asks for 8 cores and 24 GiB, and 0 cores and 2 GiB are free of 4 cores and 12.5 GiB (run_01k2a8f train)',
    },
    {
      ...base,
      step: 'evaluate',
      priority: -3,
      waited_ms: 3000,
      wait: 'turn',
      why: '4 steps are before it in the line',
    },
    {
      ...base,
      run: 'run_01k2c55',
      step: 'score',
      pool: 'lisences',
      waited_ms: 61_000,
      wait: 'gone',
      why: 'there is no pool "lisences"; an admin makes it with slipway pools set lisences PLACES',
    },
  ]
  return { items: items.map((one, at) => ({ ...one, place: at + 1 })), left_out: 11_204 }
}

export function runningSteps(now: number, empty: boolean): Reply<typeof lineApi.runningSteps> {
  if (empty) return { items: [], left_out: 0 }
  const base = {
    project: 'flight-delay',
    run: 'run_01k2a8f',
    attempt: 1,
    state: 'running' as const,
    pool: null,
    priority: 0,
  }
  const none = { cpus: 0, memory_bytes: 0 }
  return {
    items: [
      {
        ...base,
        step: 'train',
        driver: 'local',
        cpus: 3,
        memory_bytes: 9 * GIB,
        since: before(now, 95 * MINUTE),
        attempt: 2,
      },
      {
        ...base,
        step: 'solve',
        driver: 'local',
        cpus: 1,
        memory_bytes: 1.5 * GIB,
        pool: 'licences',
        since: before(now, 31 * MINUTE),
      },
      {
        ...base,
        run: 'run_01k2c41',
        step: 'train[3]',
        driver: 'kubernetes',
        ...none,
        pool: 'gpus',
        since: before(now, 9 * MINUTE),
        priority: 2,
      },
      {
        ...base,
        run: 'run_01k2c41',
        step: 'train[4]',
        driver: 'kubernetes',
        ...none,
        pool: 'gpus',
        since: before(now, 40_000),
        state: 'starting',
      },
    ],
    left_out: 0,
  }
}

/** A pool that is full, one that was made smaller than what it holds, one that is closed, one that is free. */
export function pools(now: number): Pool[] {
  const holder = (run: string, step: string, minutes: number) => ({
    project: 'flight-delay',
    run,
    step,
    since: before(now, minutes * MINUTE),
  })
  const changed = { changed_at: before(now, 3 * 86_400_000), changed_by: 'grace' }
  return [
    {
      name: 'gpus',
      places: 2,
      per_project: 2,
      note: 'two A10 of the machine room; one of them goes in March',
      held: 5,
      waiting: 12,
      holders: [1, 2, 3, 4].map((item) => holder('run_01k2c41', `train[${item}]`, 9 * item)),
      ...changed,
    },
    {
      name: 'licences',
      places: 3,
      per_project: null,
      note: 'solver licences',
      held: 3,
      waiting: 1,
      holders: [holder('run_01k2a8f', 'solve', 31), holder('run_01k2a7c', 'solve', 12)],
      ...changed,
    },
    {
      name: 'warehouse',
      places: 0,
      per_project: null,
      note: 'closed over the migration',
      held: 0,
      waiting: 0,
      holders: [],
      ...changed,
    },
    {
      name: 'web',
      places: 16,
      per_project: 4,
      note: '',
      held: 3,
      waiting: 0,
      holders: [holder('run_01k2b9d', 'ingest', 1)],
      ...changed,
    },
  ]
}

type Driver = Reply<typeof driversApi.listDrivers>['items'][number]

/** A cluster that answers, one that does not, one that is configured no longer; on an empty server this machine alone. */
export function drivers(now: number, empty: boolean): Driver[] {
  const none = {
    configured: true,
    health: null,
    starting: 0,
    running: 0,
    starting_since: null,
    trouble: null,
    slow_starts: null,
  }
  const machine: Driver = { ...none, name: 'local', running: empty ? 0 : 2 }
  if (empty) return [machine, { ...none, name: 'external' }]
  const health = { looked_at: before(now, 4000), answered_at: before(now, 4000), failed: null }
  return [
    {
      ...machine,
      slow_starts: 'what forks steps was lost; each starts a Python of its own until the server is started again',
    },
    {
      ...none,
      name: 'ray',
      configured: false,
      running: 1,
      trouble: 'the server knows no such cluster: SLIPWAY_RAY_URL is not set',
    },
    {
      ...none,
      name: 'kubernetes',
      health: {
        ...health,
        ok: true,
        detail: 'Kubernetes answers; Jobs go to ml, team-a',
        version: 'v1.36.1',
        failed: { at: before(now, 190 * MINUTE), detail: 'connect ECONNREFUSED 10.0.0.1:6443' },
      },
      running: 3,
      starting: 2,
      starting_since: before(now, 12 * MINUTE),
    },
    {
      ...none,
      name: 'slurm',
      health: {
        ...health,
        ok: false,
        detail: 'it answers 500: Authentication failure (1007); its token has expired at 2026-03-01T00:16:40.000Z',
        version: '23.11.4',
        answered_at: before(now, 47 * MINUTE),
        failed: {
          at: before(now, 4000),
          detail: 'it answers 500: Authentication failure (1007); its token has expired at 2026-03-01T00:16:40.000Z',
        },
      },
      starting: 1,
      starting_since: before(now, 50 * MINUTE),
      trouble: 'slurm cannot be asked of it: it answers 500: Authentication failure (1007)',
    },
    { ...none, name: 'external' },
  ]
}
