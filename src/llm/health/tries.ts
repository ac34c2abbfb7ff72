/** The tries of a call: what each came to, and by whose fault. */
import type { LlmHealth } from '../../contract/llm/health.ts'
import type { AttemptRecord, GuardRecord } from '../../gateway/llm/records/record.ts'
import type { CallRow } from '../calls/rows.ts'

export type FailureKind = keyof LlmHealth['providers'][number]['total']['failures']

/** A call that was sent, as it is read for its tries. */
export type TriedRow = Pick<
  CallRow,
  'id' | 'project' | 'model' | 'started' | 'first_us' | 'own_us' | 'outcome' | 'error' | 'guards' | 'rest'
> & {
  readonly provider: string
}

export interface Try {
  /** Id of the model's definition. */
  readonly definition: string
  readonly status: number | null
  /** Null = the provider did not fail. */
  readonly failure: FailureKind | null
  /** True where the caller left before anything came: it says nothing of the provider. */
  readonly isLeft: boolean
  /** What it said; null = nothing beside the status. */
  readonly words: string | null
  /** To the first byte of the answer, µs; null = none came of this one. */
  readonly firstUs: number | null
  readonly isLast: boolean
}

/** The tries of a call in their order. */
export function triesOf(row: TriedRow): Try[] {
  const { attempts } = JSON.parse(row.rest) as { readonly attempts: readonly AttemptRecord[] }
  const guards = JSON.parse(row.guards ?? '[]') as readonly GuardRecord[]
  // what a guardrail ended was no fault of the provider
  const isCut = row.outcome === 'cut' && !guards.some(({ on, action }) => on === 'answer' && action === 'block')
  let before = row.own_us
  return attempts.map((attempt, at) => {
    const isLast = at === attempts.length - 1
    const began = before
    before += attempt.us
    const isLeft = isLast && attempt.status === null && row.outcome === 'aborted'
    const failure = isLeft ? null : (failureOf(attempt) ?? (isLast && isCut ? 'cut' : null))
    return {
      definition: attempt.model,
      status: attempt.status,
      failure,
      isLeft,
      words: attempt.error ?? (isLast ? row.error : null),
      firstUs: isLast && failure !== 'no_answer' && row.first_us !== null ? Math.max(0, row.first_us - began) : null,
      isLast,
    }
  })
}

function failureOf({ status, error }: AttemptRecord): FailureKind | null {
  if (status === null) return 'no_answer'
  if (status === 429) return 'rate_limited'
  if (status === 401 || status === 403) return 'denied'
  if (status === 408 || status >= 500) return 'server_error'
  return status < 400 && error !== undefined ? 'cut' : null
}
