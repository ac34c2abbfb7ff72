/** Spans of a trace as rows of a waterfall: which are shown, how long the whole took, what a span was asked and answered. */

export interface TreeSpan {
  readonly id: string
  readonly parent_id: string | null
  readonly depth: number
  readonly offset_us: number
  readonly duration_us: number | null
}

/** Spans in their order, without those below a folded one. */
export function visibleSpans<S extends TreeSpan>(spans: readonly S[], folded: ReadonlySet<string>): S[] {
  const hidden = new Set<string>()
  return spans.filter((span) => {
    const below = span.parent_id !== null && (hidden.has(span.parent_id) || folded.has(span.parent_id))
    if (below) hidden.add(span.id)
    return !below
  })
}

/** Ids of spans that have spans below them. */
export function parents(spans: readonly TreeSpan[]): ReadonlySet<string> {
  return new Set(spans.flatMap((span) => (span.parent_id === null ? [] : [span.parent_id])))
}

/** End of the last span, µs after the first start; a span that has not ended counts with its start. At least 1. */
export function traceDuration(spans: readonly TreeSpan[]): number {
  return spans.reduce((most, span) => Math.max(most, span.offset_us + (span.duration_us ?? 0)), 1)
}

const INPUTS = 'mlflow.spanInputs'
const OUTPUTS = 'mlflow.spanOutputs'
const OWN = ['mlflow.spanType', 'mlflow.traceRequestId', 'mlflow.spanFunctionName', INPUTS, OUTPUTS]

export interface SpanParts {
  readonly inputs: unknown
  readonly outputs: unknown
  /** What else was noted, by name. */
  readonly others: readonly (readonly [name: string, value: unknown])[]
}

/** What went in and came out, and the other attributes. */
export function spanParts(attributes: Readonly<Record<string, unknown>>): SpanParts {
  return {
    inputs: attributes[INPUTS],
    outputs: attributes[OUTPUTS],
    others: Object.entries(attributes).filter(([name]) => !OWN.includes(name)),
  }
}

/** A value as text: text as it is (text that is JSON laid out), everything else as laid out JSON. */
export function plainText(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value !== 'string') return JSON.stringify(value, null, 2)
  if (!/^\s*[[{"]/.test(value)) return value
  try {
    const inner: unknown = JSON.parse(value)
    return typeof inner === 'string' ? inner : JSON.stringify(inner, null, 2)
  } catch {
    return value
  }
}
