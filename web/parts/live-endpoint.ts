/** Follows one endpoint: its newest state, and its figures since the page was opened. */
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Endpoint } from '../queries.ts'

/** Figures of the variants at one moment; `at` in seconds since 1970. */
export interface Moment {
  readonly at: number
  readonly variants: readonly { readonly version: string; readonly p50: number | null; readonly p99: number | null }[]
}

const KEPT = 900
const NO_MOMENTS: readonly Moment[] = []

/** Subscribes while the component is shown; the cache of the endpoint's query is kept up to date. */
export function useLiveEndpoint(name: string): readonly Moment[] {
  const queries = useQueryClient()
  const [seen, setSeen] = useState<{ readonly name: string; readonly moments: readonly Moment[] }>({
    name,
    moments: [],
  })
  useEffect(() => {
    const source = new EventSource(`/v1/endpoints/${encodeURIComponent(name)}/events`)
    source.addEventListener('endpoint', (event: MessageEvent<string>) => {
      const endpoint = JSON.parse(event.data) as Endpoint
      queries.setQueryData(['endpoints', 'one', name], endpoint)
      const moment = momentOf(endpoint, Date.now())
      setSeen((before) => ({
        name,
        moments: [...(before.name === name ? before.moments.slice(1 - KEPT) : []), moment],
      }))
    })
    return () => source.close()
  }, [name, queries])
  return seen.name === name ? seen.moments : NO_MOMENTS
}

function momentOf(endpoint: Endpoint, now: number): Moment {
  return {
    at: Math.round(now / 1000),
    variants: endpoint.variants
      .filter((variant) => variant.role !== 'shadow')
      .map(({ version, stats }) => ({ version, p50: stats?.p50_ms ?? null, p99: stats?.p99_ms ?? null })),
  }
}
