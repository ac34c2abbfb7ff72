/** A refusal as the server writes it, for pages whose replies a browser test replaces. */
import type { Route } from 'playwright-core'

/** Its advice and request id are always the same: `Ask an admin.` and `req_9`. */
export function problem(status: number, code: string, message: string): Parameters<Route['fulfill']>[0] {
  return { status, json: { error: { code, message, help: 'Ask an admin.', request_id: 'req_9' } } }
}
