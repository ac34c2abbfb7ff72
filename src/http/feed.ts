/** The feed of changes inside one process: rooms and routes publish, the UI's event streams listen. Nothing is stored. */
import type { ServerEvent } from './events.ts'

/** `kind` is a resource word, `id` the thing that changed, when it is known. */
export interface Change {
  readonly kind: string
  readonly id?: string
}

export interface Feed {
  /**
   * Tells the listeners. The first change of a thing is told at once; those that follow within `GAP_MS` are told together, once,
   * when that time is over: a training run that logs a thousand points a second gives four events a second.
   */
  publish(change: Change): void
  /** Changes from now on, until the signal aborts. A slow reader loses the oldest beyond 1000 and is told to reload. */
  listen(signal: AbortSignal): AsyncIterable<ServerEvent>
}

/** Two events of one kind and id are at least so far apart, ms. */
export const GAP_MS = 250

const KEPT = 1000

function nothing(): void {
  // nobody waits yet
}

function sleep(arm: (resolve: () => void) => void): Promise<void> {
  return new Promise(arm)
}

export function feed(): Feed {
  const listeners = new Set<(change: Change) => void>()
  /** Things told of within the last `GAP_MS`, and whether they changed again since. */
  const recent = new Map<string, boolean>()
  const tell = (change: Change, key: string): void => {
    recent.set(key, false)
    for (const hear of listeners) hear(change)
    setTimeout(() => {
      const again = recent.get(key) === true
      recent.delete(key)
      if (again && listeners.size > 0) tell(change, key)
    }, GAP_MS).unref()
  }
  return {
    publish(change) {
      if (listeners.size === 0) return
      const key = change.id === undefined ? change.kind : `${change.kind} ${change.id}`
      if (recent.has(key)) recent.set(key, true)
      else tell(change, key)
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
