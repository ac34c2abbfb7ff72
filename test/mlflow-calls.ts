/** Calls MLflow's protocol over HTTP at routes that a test serves, and looks into what it answers. */
import assert from 'node:assert/strict'
import type { Role } from '../src/contract/access.ts'
import type { ServedRoutes } from './routes.ts'

/** An answer: its status, and the object that it holds. */
export interface MlflowAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** The method and the path below `/api/`, what is sent, and the role that sends it: the admin where none is named. */
export type MlflowCall = (method: string, path: string, sent?: object, role?: Role) => Promise<MlflowAnswer>

/** Calls of one server. What is sent goes into the query of a GET, a list as its key again and again, else into the body. */
export function mlflowCalls(served: () => ServedRoutes): MlflowCall {
  return async (method, path, sent = {}, role = 'admin') => {
    const { server, tokenOf } = served()
    const query = method === 'GET' ? `?${queryOf(sent)}` : ''
    const reply = await fetch(`${server.url}/api/${path}${query}`, {
      method,
      headers: { authorization: `Bearer ${tokenOf(role)}`, 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: JSON.stringify(sent) }),
    })
    return { status: reply.status, body: JSON.parse(await reply.text()) as MlflowAnswer['body'] }
  }
}

function queryOf(sent: object): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(sent as Record<string, unknown>)) {
    for (const one of [value].flat()) query.append(key, String(one))
  }
  return query.toString()
}

/** What lies at these keys of an answer that was not refused. */
export function partOf({ status, body }: MlflowAnswer, ...keys: readonly (string | number)[]): unknown {
  assert.equal(status, 200, JSON.stringify(body))
  return keys.reduce<unknown>((part, key) => (part as Record<string | number, unknown> | undefined)?.[key], body)
}

/** Asserts that a call is refused: with the status, MLflow's code and a text. */
export async function assertRefused(
  call: Promise<MlflowAnswer>,
  [status, code]: readonly [status: number, code: string],
  text: RegExp,
): Promise<void> {
  const { status: got, body } = await call
  assert.deepEqual([got, body['error_code']], [status, code], JSON.stringify(body))
  assert.match(String(body['message']), text)
}

/** How the refusals are answered that nearly every call knows. */
export const INVALID = [400, 'INVALID_PARAMETER_VALUE'] as const
export const MISSING = [404, 'RESOURCE_DOES_NOT_EXIST'] as const
export const FORBIDDEN = [403, 'PERMISSION_DENIED'] as const
