/** The process behind the gateways as the bench sees it: where it listens, and what it has counted. */
import { fileURLToPath } from 'node:url'
import { started } from '../load/loaded.ts'
import type { Target } from '../load/loaded.ts'

/** Beginning of the last message of a call that is to be found again: all of it is the name of the call. */
export const CALLER = 'caller '

/** Calls since the start. */
export interface UpstreamStats {
  readonly started: number
  readonly finished: number
  /** Callers that left before their answer was whole. */
  readonly aborted: number
  /** Under way now, and at most at once. */
  readonly open: number
  readonly most: number
  /** Names of the calls that gave one. */
  readonly callers: readonly string[]
  /** When callers left, by the name of their call: ms on the clock of `process.hrtime`. */
  readonly left: Readonly<Record<string, number>>
  /** Calls of the model `race`, and the tokens that they are to be paid for. */
  readonly race: { readonly calls: number; readonly input: number; readonly output: number }
}

export interface Upstream extends Target {
  readonly origin: string
  stats(): Promise<UpstreamStats>
  stop(): Promise<void>
}

export async function startUpstream(): Promise<Upstream> {
  const child = await started(fileURLToPath(new URL('./upstream.ts', import.meta.url)))
  const origin = `http://127.0.0.1:${child.port}`
  return {
    ...child,
    origin,
    async stats() {
      const response = await fetch(`${origin}/__stats`)
      return (await response.json()) as UpstreamStats
    },
  }
}
