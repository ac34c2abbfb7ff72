/** Whether endpoints are watched, as commands say it. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { endpointViewApi } from '../../contract/endpoint-view.ts'
import type { Unwatched, Watched } from '../../contract/endpoint-view.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import type { Output } from '../invocation/output.ts'

/** Whether each endpoint that the caller sees is watched, by its name. */
export async function watchedBy(client: Client): Promise<ReadonlyMap<string, Watched>> {
  const { items } = await client.call(endpointViewApi.listWatched)
  return new Map(items.map(({ endpoint, watched }) => [endpoint, watched]))
}

/** Reasons that end by themselves within seconds. */
const PASSING: ReadonlySet<string> = new Set<Unwatched>(['learning', 'no_version'])
const WATCH_MS = 20_000

/** Says whether the endpoint is watched, and the remedy where it is not. */
export async function tellWatched(client: Client, endpoint: string, out: Output): Promise<void> {
  const until = Date.now() + WATCH_MS
  for (;;) {
    const { watched } = await client.call(monitoringApi.getMonitor, { params: { name: endpoint } })
    const passing = watched.reason !== null && PASSING.has(watched.reason)
    if (!passing || Date.now() > until) {
      out.line(watchedLine(watched))
      return
    }
    await wait(200)
  }
}

/** One line: watched, or not and the remedy. */
export function watchedLine({ state, detail, remedy }: Watched): string {
  if (state === 'unwatched') return `Not watched: ${detail}.${remedy === null ? '' : ` Remedy: ${remedy}.`}`
  return state === 'watched' ? `Watched: ${detail}.` : `To be watched: ${detail}.`
}
