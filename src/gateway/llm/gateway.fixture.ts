/** A gateway that calls fake providers, and what its log has of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from 'node:crypto'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { listSegments, readSegment } from '../../store/segments/segments.ts'
import type { GatewayOptions } from '../gateway.ts'
import { startTestGateway } from '../gateway.fixture.ts'
import type { LlmOptions } from '../../contract/llm/options.ts'
import type { RoutingTable } from '../table/table.ts'
import { callSegments } from './records/journal.ts'
import type { LlmCallRecord } from './records/record.ts'
import type { LlmEndpointRoute, LlmRoute, ModelRoute, PriceRoute, ProviderKind } from '../table/llm.ts'
import { Traffic } from './traffic.ts'
import type { TrafficOptions } from './traffic.ts'

/** USD 1 a million input tokens, 0.5 from the cache, 2 a million output tokens. */
export const PRICE: PriceRoute = {
  id: 'test 2026-01-01',
  input: 1_000_000,
  output: 2_000_000,
  cache_read: 500_000,
  cache_write: null,
  request: 0,
  tiers: [],
}

export interface TestModel extends Partial<Omit<ModelRoute, 'provider'>> {
  readonly model: string
  readonly kind?: ProviderKind
  readonly url: string
  readonly settings?: Readonly<Record<string, string>>
}

/** A route with one endpoint a name; each model has a provider of its own, with the key `upstream-key`. */
export function routeOf(
  endpoints: Readonly<Record<string, readonly TestModel[]>>,
  more: Partial<LlmRoute> & { readonly endpoint?: Partial<LlmEndpointRoute> } = {},
): LlmRoute {
  const providers: LlmRoute['providers'][number][] = []
  const made = Object.entries(endpoints).map(([name, models]): LlmEndpointRoute => {
    const routes = models.map(({ kind = 'openai', url, settings = {}, ...model }, i): ModelRoute => {
      const id = `${name}-${i}`
      providers.push({ id, name: id, kind, base_url: url, sealed: '{"api_key":"upstream-key"}', settings })
      return { id, provider: id, weight: 1, fallback: i === 0 ? null : i, price: PRICE, max_output: 100, ...model }
    })
    const options: LlmOptions = { routing: 'weighted', cache: null, guardrails: [] }
    return { name, project: 'p', models: routes, attempts: 3, experiment: null, ...options, ...more.endpoint }
  })
  const { endpoint: _endpoint, ...rest } = more
  return { providers, endpoints: made, keys: [], budgets: [], allow: ['127.0.0.1'], ...rest }
}

export const TOKEN = 'slw_t1.0123456789abcdef0123456789abcdef'
/** Of all projects. */
export const ADMIN = 'slw_t0.0123456789abcdef0123456789abcdef'

/** A virtual key of project `p`. */
export const KEY = 'slw_llm1.0123456789abcdef0123456789abcdef'

/** A table whose token `t1` of project `p` may predict, `t2` of project `other`, and `llm1`, which is a virtual key of `p`. */
export function tableOf(llm: LlmRoute, epoch = 1): RoutingTable {
  const tokens = [tokenRoute('t0', null), tokenRoute('t1', 'p'), tokenRoute('t2', 'other'), tokenRoute('llm1', 'p')]
  return { format: 'slipway.routing/1', epoch, open: false, endpoints: [], tokens, llm }
}

function tokenRoute(id: string, project: string | null): RoutingTable['tokens'][number] {
  const secret = '0123456789abcdef0123456789abcdef'
  return { id, hash: hash('sha256', secret), role: 'service', project, expires_at: null }
}

export interface LlmBench {
  readonly url: string
  readonly dataDir: string
  follow(llm: LlmRoute): Promise<void>
  /** Posts a body, as JSON unless it is text, with the token of project `p`. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** The records of calls, once there are so many. */
  records(count: number): Promise<LlmCallRecord[]>
  /** Ends the gateway, which gives what is open half a second. */
  stop(): Promise<void>
}

/** Starts a gateway that answers by the route, and ends it with the test. */
export async function llmGateway(
  t: TestContext,
  llm: LlmRoute,
  { clock, ...more }: Partial<GatewayOptions> & Partial<Pick<TrafficOptions, 'clock'>> = {},
): Promise<LlmBench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-llm-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const gateway = await startTestGateway(tableOf(llm), {
    dataDir,
    openBackend: () => Promise.reject(new Error('no model is scored here')),
    llm: (view) =>
      new Traffic({ ...view, dataDir, index: 0, gateways: 1, open: (sealed) => sealed, ...(clock && { clock }) }),
    graceMs: 500,
    ...more,
  })
  t.after(() => gateway.stop())
  const url = `${more.tls === undefined ? 'http' : 'https'}://127.0.0.1:${gateway.port}`
  let epoch = 1
  return {
    url,
    dataDir,
    follow: async (route) => void (await gateway.follow(tableOf(route, ++epoch))),
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
      }),
    records: (count) =>
      until(`${count} calls in the log`, () => {
        const found = recordsOf(dataDir)
        return found.length >= count && found
      }),
    stop: () => gateway.stop(),
  }
}

/** All calls in the log of a data folder. */
export function recordsOf(dataDir: string): LlmCallRecord[] {
  return listSegments(callSegments(dataDir)).flatMap(({ path }) =>
    readSegment(path, 0, 16 * 1024 * 1024).records.map(
      ({ payload }) => JSON.parse(payload.toString('utf8')) as LlmCallRecord,
    ),
  )
}
