/** A request to a protocol without a socket, and an answer to write: what a handler gets of the gateway. */
import type { IncomingHttpHeaders } from 'node:http'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Results } from '../../scoring/rows/results.ts'
import type { Answer } from '../engine/ask.ts'
import { endpointRoute } from '../gateway.fixture.ts'
import { Breaker } from '../traffic/breaker.ts'
import type { LiveEndpoint, LiveVariant } from '../traffic/live.ts'
import { VariantStats } from '../traffic/stats.ts'
import { BREAKER } from '../table/table.ts'
import type { PredictCall } from './exchange.ts'

/** Now, for every call. */
export const NOW = 1_777_777_777_000

/** One input of each kind; the last may be left out. */
export const FIELDS: readonly InputField[] = [
  { name: 'x', kind: 'number', required: true, dtype: 'double' },
  { name: 'n', kind: 'integer', required: true, dtype: 'long' },
  { name: 'on', kind: 'boolean', required: true, dtype: 'boolean' },
  { name: 'c', kind: 'string', required: false, dtype: 'string' },
]

/** An endpoint whose stable version takes these inputs; nothing is loaded behind it. */
export function liveEndpoint(inputs: readonly InputField[] = FIELDS): LiveEndpoint {
  const route = endpointRoute('e', inputs, { kind: 'native', dir: '-' })
  const stable: LiveVariant = {
    route: route.variants[0] as LiveVariant['route'],
    backend: { ready: () => true, score: () => [], close: async () => undefined, describe: () => ({}) },
    stats: new VariantStats(0),
    breaker: new Breaker(BREAKER),
  }
  return { route, epoch: 7, stable, canary: undefined, shadows: [] }
}

/** A call with this body. Ids that the caller does not name are id0, id1, … */
export function call(
  body: string | Buffer,
  { headers = {}, inputs = FIELDS }: { headers?: IncomingHttpHeaders; inputs?: readonly InputField[] } = {},
): PredictCall {
  let count = 0
  return {
    endpoint: liveEndpoint(inputs),
    headers,
    caller: '',
    body: Buffer.from(body),
    version: undefined,
    now: NOW,
    nextId: () => `id${count++}`,
  }
}

/** An answer of the stable version. */
export function answerOf(results: Results, ids: readonly string[]): Answer {
  const endpoint = liveEndpoint()
  return { endpoint, variant: endpoint.stable as LiveVariant, results, ids, explained: undefined }
}
