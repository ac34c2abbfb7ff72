/** A recorded reply of a route, as the server of the browser tests gives it. */
import type { Reply, Route } from '../../../src/contract/route.ts'

export interface Asked {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
}

export interface Recorded {
  readonly route: Route
  /** Undefined = not found. */
  readonly answer: (asked: Asked) => unknown
}

/** Answers a route, with what satisfies its contract. */
export function on<const R extends Route>(route: R, answer: (asked: Asked) => Reply<R> | undefined): Recorded {
  return { route, answer }
}
