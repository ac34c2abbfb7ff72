/** Tokens and costs of a whole trace from those of its spans, counted once where a parent repeats its children's. */

/** The numbers that one span names; undefined where it names none. */
export interface UsageNode {
  readonly span_id: string
  readonly parent_id: string | null
  readonly numbers: Readonly<Record<string, number>> | undefined
}

export const TOKENS = ['input_tokens', 'output_tokens', 'total_tokens'] as const
export const CACHE_TOKENS = ['cache_read_input_tokens', 'cache_creation_input_tokens'] as const
export const COSTS = ['input_cost', 'output_cost', 'total_cost'] as const

/**
 * The sums over a tree of spans. A span below one that names numbers is left out, for the upper one's include it. `always` are
 * in the result in any case, `sometimes` when a counted span names them. Undefined when no span names any.
 */
export function sumUsage(
  nodes: readonly UsageNode[],
  always: readonly string[],
  sometimes: readonly string[] = [],
): Record<string, number> | undefined {
  const known = new Set(nodes.map((node) => node.span_id))
  const children = Map.groupBy(nodes, (node) => (known.has(node.parent_id ?? '') ? node.parent_id : null))
  const sums: Record<string, number> = Object.fromEntries(always.map((key) => [key, 0]))
  let any = false
  const open = [...(children.get(null) ?? [])]
  const seen = new Set<string>()
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node.span_id)) continue
    seen.add(node.span_id)
    if (node.numbers === undefined) {
      open.push(...(children.get(node.span_id) ?? []))
      continue
    }
    any = true
    add(sums, node.numbers, [...always, ...sometimes])
  }
  return any ? sums : undefined
}

function add(sums: Record<string, number>, numbers: Readonly<Record<string, number>>, keys: readonly string[]): void {
  for (const key of keys) {
    const number = numbers[key]
    if (number !== undefined) sums[key] = (sums[key] ?? 0) + number
  }
}
