/** Runs the controller on one replica at a time: at once when woken, and every half second besides. */
import type { Leases } from '../jobs/leases.ts'
import { reconcile } from './controller.ts'
import type { RolloutDeps } from './room.ts'

const POLL_MS = 500

export interface RolloutLoop {
  start(): void
  /** Looks at once: evidence came, or a rollout was asked for. */
  wake(): void
  stop(): Promise<void>
}

export function rolloutLoop(deps: RolloutDeps, leases: Leases): RolloutLoop {
  const stopping = new AbortController()
  let rouse: () => void = idle
  let woken = false
  let running: Promise<void> | undefined
  const rest = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, woken ? 0 : POLL_MS)
      woken = false
      rouse = () => {
        clearTimeout(timer)
        resolve()
      }
      signal.addEventListener('abort', () => rouse(), { once: true })
    })
  const rounds = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await reconcile(deps).catch(deps.onError)
      if (!signal.aborted) await rest(signal)
    }
  }
  return {
    start() {
      running = leases.lead('rollout', 10_000, {
        signal: stopping.signal,
        fn: (lease) => rounds(AbortSignal.any([lease.signal, stopping.signal])),
        onError: deps.onError,
      })
    },
    wake() {
      woken = true
      rouse()
    },
    async stop() {
      stopping.abort()
      rouse()
      await running
    },
  }
}

function idle(): void {
  // nobody rests yet
}
