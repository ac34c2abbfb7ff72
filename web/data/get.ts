/** One GET of the API as pages read it: kept under a key, given up when nobody waits for it. */
import { queryOptions } from '@tanstack/react-query'
import type { Request, Route } from '../../src/contract/route.ts'
import { call } from './api.ts'

/** The path must be that of the contract. The first word of the key is the room, by which live changes refresh it. */
export function get<R extends Route>(queryKey: readonly unknown[], path: R['path'], asked: Request<R> = {}) {
  return queryOptions({ queryKey, queryFn: ({ signal }) => call<R>('GET', path, { ...asked, signal }) })
}
