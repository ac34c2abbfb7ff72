/** Runs the controller on one replica at a time: soon after it is woken, and every half second besides. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Leases } from '../../jobs/leases.ts'
import { beginRound, judgeRound } from './controller.ts'
import type { RolloutDeps } from '../context/context.ts'

const POLL_MS = 500
/** Least rest between two rounds: evidence comes in bursts. */
const REST_MS = 25
/** Longest wait at the end for a version that is being prepared. */
const STOP_MS = 5000
const LEASE_MS = 10_000

export interface RolloutLoop {
  start(): void
  /** Looks soon: evidence came, or a rollout was asked for. */
  wake(): void
  stop(): Promise<void>
}

export function rolloutLoop(deps: RolloutDeps, leases: Leases): RolloutLoop {
  const stopping = new AbortController()
  // preparing a version takes long; the others are judged meanwhile
  const loops = [pacer(() => beginRound(deps)), pacer(() => judgeRound(deps))]
  let running: Promise<void> | undefined
  return {
    start() {
      running = leases.lead('rollout', LEASE_MS, {
        signal: stopping.signal,
        fn: async (lease) => {
          const signal = AbortSignal.any([lease.signal, stopping.signal])
          await Promise.all(loops.map((loop) => loop.run(signal, deps.onError)))
        },
        onError: deps.onError,
      })
    },
    wake: () => loops.forEach((loop) => loop.wake()),
    async stop() {
      stopping.abort()
      await Promise.race([running, delay(STOP_MS, undefined, { ref: false })])
    },
  }
}

interface Pacer {
  run(signal: AbortSignal, onError: (error: unknown) => void): Promise<void>
  wake(): void
}

/** Calls `round` again and again; a wake-up during a round or a rest is followed by another round soon. */
function pacer(round: () => Promise<void>): Pacer {
  let woken = Promise.withResolvers<void>()
  return {
    async run(signal, onError) {
      while (!signal.aborted) {
        woken = Promise.withResolvers<void>()
        await round().catch(onError)
        await rest(POLL_MS, signal, woken.promise)
        await rest(REST_MS, signal)
      }
    },
    wake: () => woken.resolve(),
  }
}

/** Waits for a time, less when `until` resolves or `signal` aborts. */
async function rest(ms: number, signal: AbortSignal, until?: Promise<void>): Promise<void> {
  const over = new AbortController()
  const time = delay(ms, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined)
  await Promise.race(until === undefined ? [time] : [time, until])
  over.abort()
}
