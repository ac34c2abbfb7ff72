/** The stream of an endpoint's events, for a page that stays open. */
import type { ServerEvent } from '../../http/events.ts'
import type { EndpointChanges } from './changes.ts'
import type { EndpointView } from './listing.ts'

/** Least time between two events of one stream, ms. */
const PACE_MS = 1000

function nothing(): void {
  // nobody waits yet
}

export interface FollowDeps extends Pick<EndpointChanges, 'listen'> {
  readonly endpoint: (name: string) => Promise<EndpointView>
}

/** The endpoint as it is now, and again whenever it changed or answered, at most once a second. */
export async function* followEndpoint(
  { listen, endpoint: read }: FollowDeps,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  let dirty = true
  let wake = nothing
  const stop = listen((changed) => {
    if (changed !== name) return
    dirty = true
    wake()
  })
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    let before: EndpointView | undefined
    while (!signal.aborted) {
      if (dirty) {
        dirty = false
        const endpoint = await read(name)
        for (const event of breakerEvents(before, endpoint)) yield event
        yield { event: 'endpoint', data: endpoint }
        before = endpoint
        await pause(PACE_MS, signal)
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stop()
  }
}

function breakerEvents(before: EndpointView | undefined, now: EndpointView): ServerEvent[] {
  return now.variants.flatMap((variant) => {
    const known = before?.variants.find((one) => one.version === variant.version && one.role === variant.role)
    if (variant.tripped === null || before === undefined || known?.tripped === variant.tripped) return []
    const data = { endpoint: now.name, version: variant.version, reason: variant.tripped, at: now.updated_at }
    return [{ event: 'breaker', data }]
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}
