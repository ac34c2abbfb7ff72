/** Calls of Slipway's API from the pages: routes are named by method and path and typed by the contract, whose schemas stay out of the bundle. */
import { CallError, createClient } from '../../src/client/client.ts'
import { eventsOf } from '../../src/client/events.ts'
import type { Reply, Request, Route } from '../../src/contract/route.ts'

const client = createClient({ url: '' })

/** A route by its address, typed by the contract: `at<typeof api.getRun>('GET', '/v1/runs/:id')`. */
function at<R extends Route>(method: R['method'], path: R['path']): R {
  return { method, path } as R
}

/** Calls a route; method and path must be those of the contract. Throws CallError. */
export async function call<R extends Route>(
  method: R['method'],
  path: R['path'],
  request: Request<R> & { readonly signal?: AbortSignal } = {},
): Promise<Reply<R>> {
  const { signal, ...rest } = request
  return await client.call<R>(at<R>(method, path), rest, signal)
}

/** As `call`, where whole numbers beyond 2^53 keep their digits in both directions: those are `Numeral`s. */
export async function callExact<R extends Route>(
  method: R['method'],
  path: R['path'],
  request: Request<R> & { readonly signal?: AbortSignal },
): Promise<Reply<R>> {
  const { signal, ...rest } = request
  return await client.call<R>({ ...at<R>(method, path), numerals: true }, rest, signal)
}

/** The text of a file that a route streams; method and path must be those of the contract. Throws CallError. */
export async function fileText<R extends Route>(
  method: R['method'],
  path: R['path'],
  request: Request<R> & { readonly signal?: AbortSignal },
): Promise<string> {
  const { signal, ...rest } = request
  const response = await client.open<R>(at<R>(method, path), rest, signal)
  return response.text()
}

/** The events of a route that answers with some, their data parsed; method and path must be those of the contract. Throws CallError. */
export async function* eventsFrom<R extends Route>(
  method: R['method'],
  path: R['path'],
  request: Request<R> & { readonly signal?: AbortSignal },
): AsyncGenerator<{ readonly event: string; readonly data: unknown }> {
  const { signal, ...rest } = request
  const response = await client.open<R>(at<R>(method, path), rest, signal)
  for await (const { event, data } of eventsOf(response)) yield { event, data: JSON.parse(data) as unknown }
}

/** True when the answer says that there is no session, so that the login page must be shown. */
export function isLoggedOut(error: unknown): boolean {
  return error instanceof CallError && error.status === 401
}

/** True when the server has no such part: its route is unknown. */
export function isRouteUnknown(error: unknown): boolean {
  return error instanceof CallError && error.code === 'no_route'
}

/** What a failure says to a person: the sentence, what to do, and the id to quote. */
export function describe(error: unknown): { message: string; help: string; requestId: string } {
  if (error instanceof CallError) return { message: error.message, help: error.help, requestId: error.request_id }
  return { message: error instanceof Error ? error.message : String(error), help: '', requestId: '' }
}

/** True for failures that a later try may mend: no answer, or the server's own. */
export function isTransient(error: unknown): boolean {
  return error instanceof CallError && (error.status === 0 || error.status >= 502)
}
