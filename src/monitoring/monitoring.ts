/** Monitors as one thing: hooks for what is ingested, the loops that judge, and what routes ask. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { ifRefused } from '../contract/absence/absent.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Worker } from '../jobs/worker.ts'
import type { Reader, Tx } from '../store/db.ts'
import { advance } from './rounds/evaluate.ts'
import type { Memory } from './rounds/evaluate.ts'
import { checkFreshness } from './rounds/freshness.ts'
import { onPredictions } from './profiles/hours.ts'
import type { IngestedPrediction } from './profiles/hours.ts'
import { labelsOf } from './labels/labels.ts'
import { checkLogLoss, lossMemory } from './rounds/log-loss.ts'
import { checkUnanswered } from './rounds/unanswered.ts'
import type { FaultMemory } from './rounds/unanswered.ts'
import { doReactions } from './incidents/reactions.ts'
import { monitorOf } from './context/context.ts'
import type { MonitoringDeps } from './context/context.ts'
import { checkSearches } from './rounds/watched-searches.ts'
import { handleNotices } from './channels/sending.ts'
import { checkNotifications } from './rounds/notifications.ts'
import { watchFaults } from './watched/faults.ts'
import type { Faults } from './watched/faults.ts'
import { keepFault, lookAtWatch } from './watched/look.ts'
import { endpointNames, endpointRows } from '../serving/context/rows.ts'

export interface Monitoring {
  readonly deps: MonitoringDeps
  /** For serving: runs in the transaction that ingests. */
  readonly hooks: { onPredictions(t: Tx, rows: readonly IngestedPrediction[]): Promise<void> }
  /** For rollouts: labels that are known already. */
  labelsOf(reader: Reader, endpoint: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  start(): void
  stop(): Promise<void>
  /** Looks at once. */
  wake(): void
  /** Looks at once, at watched searches and webhooks too. */
  lookAround(): void
}

const POLL_MS = 500
const FRESHNESS_MS = 60_000
/** Longest time before an endpoint whose hours cannot be judged is tried again, ms. */
const MOST_REST_MS = 60_000
/** How often watched searches are run, ms. */
const SEARCHES_MS = 10_000
/** How often the logs of this process's own gateways are looked at, ms. */
const LOSS_MS = 5000
const LEASE_MS = 15_000

/** Makes them; nothing is judged before `start`. */
export function openMonitoring(ports: MonitoringDeps, leases: Leases, worker: Worker): Monitoring {
  const deps = ports
  handleNotices(deps, worker)
  const loop = monitorLoop(deps, leases)
  const gateways = gatewayLoop(deps)
  const count = onPredictions(deps)
  return {
    deps,
    hooks: {
      async onPredictions(t, rows) {
        await count(t, rows)
        t.afterCommit(() => loop.wake())
      },
    },
    labelsOf,
    start() {
      loop.start()
      gateways.start()
    },
    async stop() {
      await Promise.all([loop.stop(), gateways.stop()])
    },
    wake: () => loop.wake(),
    lookAround: () => loop.lookAround(),
  }
}

interface MonitorLoop {
  start(): void
  stop(): Promise<void>
  wake(): void
  lookAround(): void
}

/** Judges what is closed on one replica at a time: when rows came, and every second besides. */
function monitorLoop(deps: MonitoringDeps, leases: Leases): MonitorLoop {
  const stopping = new AbortController()
  const memories = new Map<string, Trying>()
  const faults = watchFaults(deps)
  let rest = new AbortController()
  let running: Promise<void> | undefined
  let looked = -Infinity
  let searched = -Infinity
  let woken = false
  const wake = (): void => {
    woken = true
    rest.abort()
  }
  const rounds = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !stopping.signal.aborted) {
      rest = new AbortController()
      woken = false
      const more =
        (await trying(faults, 'the round of the monitors', () => round(deps, { memories, faults, signal }))) ?? false
      if (performance.now() - looked > FRESHNESS_MS) {
        looked = performance.now()
        await lookAtEach(deps, faults)
      }
      if (performance.now() - searched > SEARCHES_MS) {
        searched = performance.now()
        await trying(faults, 'the watch of searches', () => lookAtSearches(deps, faults))
        await trying(faults, 'the watch of notifications', () => checkNotifications(deps))
      }
      if (!more && !woken)
        await delay(POLL_MS, undefined, { signal: AbortSignal.any([rest.signal, stopping.signal, signal]) }).catch(
          () => undefined,
        )
    }
  }
  return {
    start() {
      running = leases.lead('monitoring', LEASE_MS, {
        signal: stopping.signal,
        fn: (lease) => rounds(lease.signal),
        onError: (error) => void faults.fail('leading the monitors', error),
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
    wake,
    lookAround() {
      searched = -Infinity
      wake()
    },
  }
}

/** Looks at what this process's gateways could not log and do not answer. Every replica looks after those of its own folder, so this needs no lease. */
function gatewayLoop(deps: MonitoringDeps): { start(): void; stop(): Promise<void> } {
  const stopping = new AbortController()
  const memory = lossMemory()
  const faults: FaultMemory = new Map()
  const seen = watchFaults(deps)
  const watched = { ...deps, server: `${hostname()}/${process.pid}` }
  let running: Promise<void> | undefined
  const rounds = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await trying(seen, 'the watch over lost records', () => checkLogLoss(deps, memory))
      await trying(seen, 'the watch over versions that do not answer', () => checkUnanswered(watched, faults))
      await delay(LOSS_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  return {
    start() {
      running ??= rounds()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** What is remembered of an endpoint, and when its next try is after one that failed (performance.now). */
interface Trying extends Memory {
  failures: number
  next: number
  /** What the watch over it hung on when that was looked at last. */
  looked: string | undefined
  /** Whether what a process before this one kept of its fault may still be there. */
  stale: boolean
}

interface Round {
  readonly memories: Map<string, Trying>
  readonly faults: Faults
  readonly signal: AbortSignal
}

/** One look at every endpoint; true when hours are left. */
async function round(deps: MonitoringDeps, { memories, faults, signal }: Round): Promise<boolean> {
  const endpoints = await endpointNames(deps.db, null)
  let more = false
  for (const name of endpoints) {
    if (signal.aborted) return false
    const memory = memories.get(name) ?? {
      live: undefined,
      learning: undefined,
      failures: 0,
      next: 0,
      looked: undefined,
      stale: true,
    }
    memories.set(name, memory)
    if (performance.now() < memory.next) continue
    const what = judging(name)
    try {
      if (await advance(deps, name, memory, signal)) more = true
      await lookAnew(deps, name, { memory, faults })
      if (memory.stale) await keepFault(deps.db, name, null, deps.clock())
      faults.well(what)
      Object.assign(memory, { failures: 0, next: 0, stale: false })
    } catch (error) {
      memory.next = performance.now() + Math.min(MOST_REST_MS, POLL_MS * 2 ** memory.failures++)
      memory.stale = true
      if (faults.fail(what, error)) await keepFault(deps.db, name, error, deps.clock())
    }
  }
  await trying(faults, 'the reactions to incidents', () => doReactions(deps))
  return more
}

/** Looks at the watch over an endpoint at once when what it hangs on has changed: another version, or a reference that was learned or refused. */
async function lookAnew(
  deps: MonitoringDeps,
  endpoint: string,
  { memory, faults }: { readonly memory: Trying; readonly faults: Faults },
): Promise<void> {
  if (memory.seen === memory.looked) return
  memory.looked = memory.seen
  await trying(faults, watching(endpoint), () => lookAtMonitor(deps, endpoint))
}

async function lookAtMonitor(deps: MonitoringDeps, endpoint: string): Promise<void> {
  // one that was just deleted is none
  const changed = await ifRefused(lookAtWatch(deps, endpoint), 'not_found')
  if (changed !== undefined) deps.changed(changed)
}

function watching(endpoint: string): string {
  return `the watch over the monitor of endpoint ${endpoint}`
}

function judging(endpoint: string): string {
  return `judging the hours of endpoint ${endpoint}`
}

/** Does what may fail; a fault is told once and leaves undefined. */
async function trying<T>(faults: Faults, what: string, fn: () => Promise<T>): Promise<T | undefined> {
  try {
    const done = await fn()
    faults.well(what)
    return done
  } catch (error) {
    faults.fail(what, error)
    return undefined
  }
}

/** Whether each endpoint is watched, and whether rows still come. */
async function lookAtEach(deps: MonitoringDeps, faults: Faults): Promise<void> {
  const endpoints = (await trying(faults, 'the list of endpoints', () => endpointNames(deps.db, null))) ?? []
  for (const name of endpoints) {
    await trying(faults, watching(name), () => lookAtMonitor(deps, name))
    await trying(faults, `the watch for silence of endpoint ${name}`, async () =>
      checkFreshness(deps, await monitorOf(deps.db, name)),
    )
  }
}

async function lookAtSearches(deps: MonitoringDeps, faults: Faults): Promise<void> {
  for (const endpoint of await endpointRows(deps.db))
    await trying(faults, `the watched searches of endpoint ${endpoint.name}`, () => checkSearches(deps, endpoint))
}
