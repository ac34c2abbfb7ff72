/** Monitors as one thing: hooks for what is ingested, the loops that judge, and what routes ask. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
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
}

const POLL_MS = 500
const FRESHNESS_MS = 60_000
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
  }
}

interface MonitorLoop {
  start(): void
  stop(): Promise<void>
  wake(): void
}

/** Judges what is closed on one replica at a time: when rows came, and every second besides. */
function monitorLoop(deps: MonitoringDeps, leases: Leases): MonitorLoop {
  const stopping = new AbortController()
  const memories = new Map<string, Memory>()
  let rest = new AbortController()
  let running: Promise<void> | undefined
  let looked = -Infinity
  let searched = -Infinity
  let woken = false
  const rounds = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !stopping.signal.aborted) {
      rest = new AbortController()
      woken = false
      const more = await round(deps, memories, signal).catch((error: unknown) => {
        deps.onError(error)
        return false
      })
      if (performance.now() - looked > FRESHNESS_MS) {
        looked = performance.now()
        await lookAtFreshness(deps).catch(deps.onError)
      }
      if (performance.now() - searched > SEARCHES_MS) {
        searched = performance.now()
        await lookAtSearches(deps)
        await checkNotifications(deps).catch(deps.onError)
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
        onError: deps.onError,
      })
    },
    async stop() {
      stopping.abort()
      await running
    },
    wake() {
      woken = true
      rest.abort()
    },
  }
}

/** Looks at what this process's gateways could not log and do not answer. Every replica looks after those of its own folder, so this needs no lease. */
function gatewayLoop(deps: MonitoringDeps): { start(): void; stop(): Promise<void> } {
  const stopping = new AbortController()
  const memory = lossMemory()
  const faults: FaultMemory = new Map()
  const watched = { ...deps, server: `${hostname()}/${process.pid}` }
  let running: Promise<void> | undefined
  const rounds = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await checkLogLoss(deps, memory).catch(deps.onError)
      await checkUnanswered(watched, faults).catch(deps.onError)
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

/** One look at every endpoint; true when hours are left. */
async function round(deps: MonitoringDeps, memories: Map<string, Memory>, signal: AbortSignal): Promise<boolean> {
  const endpoints = await endpointNames(deps.db, null)
  let more = false
  for (const name of endpoints) {
    if (signal.aborted) return false
    const memory = memories.get(name) ?? { live: undefined, learning: undefined }
    memories.set(name, memory)
    try {
      if (await advance(deps, name, memory, signal)) more = true
    } catch (error) {
      deps.onError(error)
    }
  }
  await doReactions(deps)
  return more
}

async function lookAtFreshness(deps: MonitoringDeps): Promise<void> {
  const endpoints = await endpointNames(deps.db, null)
  for (const name of endpoints) await checkFreshness(deps, await monitorOf(deps.db, name))
}

async function lookAtSearches(deps: MonitoringDeps): Promise<void> {
  const endpoints = await endpointRows(deps.db)
  for (const endpoint of endpoints) await checkSearches(deps, endpoint).catch(deps.onError)
}
