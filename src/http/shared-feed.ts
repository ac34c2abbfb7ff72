/** Lets the feeds of several control processes on one database tell each other what changed. */
import type { Change, Feed } from './feed.ts'

/** The connection to the other processes. */
export interface Crossing {
  send(text: string): void
  listen(hear: (text: string) => void): void
}

/** A feed that also sends its changes to the other processes, at most one of an object in `gapMs`; theirs are published here and not sent back. */
export function sharedFeed(own: Feed, crossing: Crossing, gapMs = 250): Feed {
  const waiting = new Map<string, Change>()
  const flush = (): void => {
    for (const change of waiting.values()) crossing.send(JSON.stringify(change))
    waiting.clear()
  }
  crossing.listen((text) => {
    const change = parsed(text)
    if (change !== undefined) own.publish(change)
  })
  return {
    publish(change) {
      own.publish(change)
      if (waiting.size === 0) setTimeout(flush, gapMs).unref()
      waiting.set(`${change.kind} ${change.id ?? ''}`, change)
    },
    listen: (signal) => own.listen(signal),
  }
}

function parsed(text: string): Change | undefined {
  try {
    const { kind, id } = JSON.parse(text) as Partial<Change>
    if (typeof kind !== 'string') return undefined
    return typeof id === 'string' ? { kind, id } : { kind }
  } catch {
    return undefined
  }
}
