/** The one stream of changes: refreshes what is on the page, says when it is lost, comes back by itself, rests in hidden tabs. */
import type { QueryClient } from '@tanstack/react-query'

/** First words of the query keys that a kind of change makes stale. */
const TOUCHED: Readonly<Record<string, readonly string[]>> = {
  runs: ['runs'],
  artifacts: ['runs'],
  models: ['models'],
  endpoints: ['endpoints', 'predictions'],
  rollouts: ['rollouts', 'endpoints', 'models'],
  monitors: ['monitors'],
  incidents: ['incidents', 'monitors'],
  pipelines: ['pipelines', 'runs', 'models'],
  'data-sets': ['data-sets'],
  features: ['features'],
  cost: ['cost'],
  tokens: ['tokens'],
  audit: ['audit'],
}

/** Rooms whose data a kind of change makes stale; undefined = everything. */
export function touched(kind: string): readonly string[] | undefined {
  return kind === 'reload' ? undefined : (TOUCHED[kind] ?? [])
}

/** Changes are gathered for so long, and the page is read again no sooner than so long after the last time. */
const GATHER_MS = 700
const PACE_MS = 2500

/** Follows the changes until the returned function is called. `onState` hears whether the stream is up. */
export function followChanges(queries: QueryClient, onState: (up: boolean) => void): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let all = false
  let refreshed = -Infinity
  const stale = new Set<string>()

  const refresh = (): void => {
    timer = undefined
    const everything = all
    const rooms = new Set(stale)
    all = false
    stale.clear()
    refreshed = performance.now()
    void queries.invalidateQueries(
      { predicate: (query) => everything || rooms.has(String(query.queryKey[0])) },
      // what is being read is nearly new; begun anew each time it might never end
      { cancelRefetch: false },
    )
  }
  const note = (kind: string): void => {
    const rooms = touched(kind)
    if (rooms === undefined) all = true
    else for (const room of rooms) stale.add(room)
    timer ??= setTimeout(refresh, Math.max(GATHER_MS, refreshed + PACE_MS - performance.now()))
  }
  const open = (): void => {
    if (source !== undefined) return
    let lost = false
    source = new EventSource('/v1/changes')
    source.addEventListener('open', () => {
      onState(true)
      if (lost) note('reload')
      lost = false
    })
    source.addEventListener('error', () => {
      lost = true
      onState(false)
    })
    source.addEventListener('change', (event: MessageEvent<string>) => {
      note((JSON.parse(event.data) as { kind: string }).kind)
    })
  }
  const close = (): void => {
    source?.close()
    source = undefined
  }
  const turn = (): void => {
    if (document.hidden) close()
    else {
      open()
      note('reload')
    }
  }
  document.addEventListener('visibilitychange', turn)
  open()
  return () => {
    document.removeEventListener('visibilitychange', turn)
    clearTimeout(timer)
    close()
  }
}
