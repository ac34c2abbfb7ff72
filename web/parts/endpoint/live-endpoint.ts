/** Follows one endpoint: its newest state, and a sign that its figures over time have grown. */
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Endpoint } from '../../data/queries.ts'

/** Least time between two readings of what the endpoint has answered, ms. */
const PACE_MS = 5000

/** Subscribes while the component is shown; the cache of the endpoint's query is kept up to date. */
export function useLiveEndpoint(name: string): void {
  const queries = useQueryClient()
  useEffect(() => {
    const source = new EventSource(`/v1/endpoints/${encodeURIComponent(name)}/events`)
    let read = performance.now()
    source.addEventListener('endpoint', (event: MessageEvent<string>) => {
      queries.setQueryData(['endpoints', 'one', name], JSON.parse(event.data) as Endpoint)
      if (performance.now() - read < PACE_MS) return
      read = performance.now()
      void queries.invalidateQueries({ queryKey: ['predictions', name] }, { cancelRefetch: false })
    })
    return () => source.close()
  }, [name, queries])
}
