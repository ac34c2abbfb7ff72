/** How much of an error budget is used: arithmetic on windows of requests and errors. */

interface Windows {
  readonly series: readonly {
    readonly role: string
    readonly requests: readonly number[]
    readonly errors: readonly number[]
  }[]
}

export interface Budget {
  readonly requests: number
  readonly failed: number
  /** Failures that so many requests allow. */
  readonly allowed: number
  /** Share of the budget that is used; above 1 when it is overdrawn. */
  readonly spent: number
  /** Failures of the newest twelfth of the windows against what is allowed there; null without requests there. */
  readonly pace: number | null
}

const LATELY = 1 / 12

/** Of what callers were answered: a shadow's failures are nobody's. `share` of the requests may fail (0 … 1, excluded). */
export function budgetOf({ series }: Windows, share: number): Budget {
  const answering = series.filter((one) => one.role !== 'shadow')
  const windows = Math.max(0, ...answering.map((one) => one.requests.length))
  const all = sums(answering, 0)
  const late = sums(answering, windows - Math.ceil(windows * LATELY))
  const allowed = all.requests * share
  return {
    ...all,
    allowed,
    spent: allowed === 0 ? 0 : all.failed / allowed,
    pace: late.requests === 0 ? null : late.failed / (late.requests * share),
  }
}

function sums(series: Windows['series'], from: number): { requests: number; failed: number } {
  const sum = (values: readonly number[]): number => values.slice(from).reduce((all, one) => all + one, 0)
  return series.reduce(
    (all, one) => ({ requests: all.requests + sum(one.requests), failed: all.failed + sum(one.errors) }),
    { requests: 0, failed: 0 },
  )
}
