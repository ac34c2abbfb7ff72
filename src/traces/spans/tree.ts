/** Puts spans in the order in which a person reads them: each below its parent, siblings by start. */
import type { StoredSpan } from './span.ts'

export interface Branch {
  readonly span: StoredSpan
  /** 0 for a span without a parent among the others. */
  readonly depth: number
}

/** Each span once, whatever parents they name: a span whose parent is missing or below itself stands at the top. */
export function treeOf(spans: readonly StoredSpan[]): Branch[] {
  const known = new Set(spans.map((span) => span.span_id))
  const children = Map.groupBy(spans, (span) => (known.has(span.parent_id ?? '') ? span.parent_id : null))
  const found: Branch[] = []
  const seen = new Set<string>()
  const walk = (roots: readonly StoredSpan[]): void => {
    const open = roots.map((span) => ({ span, depth: 0 })).reverse()
    for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
      if (seen.has(branch.span.span_id)) continue
      seen.add(branch.span.span_id)
      found.push(branch)
      const depth = branch.depth + 1
      const below = children.get(branch.span.span_id) ?? []
      open.push(...below.map((span) => ({ span, depth })).reverse())
    }
  }
  walk(children.get(null) ?? [])
  // what is left names itself or one another as parents
  for (const span of spans) if (!seen.has(span.span_id)) walk([span])
  return found
}
