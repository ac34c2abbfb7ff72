/** The feed of changes inside one process: rooms and routes publish, the UI's event streams listen. Nothing is stored. */
import type { ServerEvent } from './events.ts'

/** `kind` is the name of a resource, `id` the object that changed, where it is known. */
export interface Change {
  readonly kind: string
  readonly id?: string
}

export interface Feed {
  /**
   * Tells the listeners. The first change of an object is sent at once; those that follow within `GAP_MS` are sent as one event
   * when that time is over: a training run that logs a thousand points a second gives four events a second.
   */
  publish(change: Change): void
  /** Changes from now on, until the signal aborts. A reader that is more than 1000 events behind gets one event `reload` in their place. */
  listen(signal: AbortSignal): AsyncIterable<ServerEvent>
}

/** Least time between two events of one kind and id, ms. */
export const GAP_MS = 250

const KEPT = 1000

function nothing(): void {
  // nothing waits yet
}

function sleep(arm: (resolve: () => void) => void): Promise<void> {
  return new Promise(arm)
}

export function feed(): Feed {
  const listeners = new Set<(change: Change) => void>()
  /** Objects with an event in the last `GAP_MS`, and whether they changed again since. */
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
