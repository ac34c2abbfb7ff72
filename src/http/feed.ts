/** The feed of changes inside one process: rooms and routes publish, the UI's event streams listen. Nothing is stored. */
import type { ServerEvent } from './events.ts'

/** `kind` is a resource word, `id` the thing that changed, when it is known. */
export interface Change {
  readonly kind: string
  readonly id?: string
}

export interface Feed {
  publish(change: Change): void
  /** Changes from now on, until the signal aborts. A slow reader loses the oldest beyond 1000 and is told to reload. */
  listen(signal: AbortSignal): AsyncIterable<ServerEvent>
}

const KEPT = 1000

function nothing(): void {
  // nobody waits yet
}

function sleep(arm: (resolve: () => void) => void): Promise<void> {
  return new Promise(arm)
}

export function feed(): Feed {
  const listeners = new Set<(change: Change) => void>()
  return {
    publish(change) {
      for (const hear of listeners) hear(change)
    },
    async *listen(signal) {
      const queue: Change[] = []
      let wake = nothing
      const hear = (change: Change): void => {
        if (queue.push(change) > KEPT) queue.splice(0, queue.length, { kind: 'reload' })
        wake()
      }
      listeners.add(hear)
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        while (!signal.aborted) {
          const next = queue.shift()
          if (next !== undefined) yield { event: 'change', data: next }
          else await sleep((resolve) => (wake = resolve))
        }
      } finally {
        listeners.delete(hear)
      }
    },
  }
}
