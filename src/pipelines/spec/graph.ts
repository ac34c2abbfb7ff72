/** The order of steps: what needs what, cycles, and the chain that decided how long a run took. */

/** A step as the graph sees it. */
export interface Node {
  readonly name: string
  readonly needs: readonly string[]
}

/**
 * Steps so that each comes after what it needs, otherwise in the order given. `cycle` is a chain of names that returns to
 * its first, for example [a, b, a]; then `order` is of no use.
 */
export function sortSteps(nodes: readonly Node[]): { order: string[]; cycle: string[] | undefined } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const done = new Set<string>()
  const order: string[] = []
  const visit = (name: string, trail: readonly string[]): string[] | undefined => {
    if (done.has(name)) return undefined
    const at = trail.indexOf(name)
    if (at >= 0) return [...trail.slice(at), name]
    for (const need of byName.get(name)?.needs ?? []) {
      const cycle = byName.has(need) ? visit(need, [...trail, name]) : undefined
      if (cycle !== undefined) return cycle
    }
    done.add(name)
    order.push(name)
    return undefined
  }
  for (const { name } of nodes) {
    const cycle = visit(name, [])
    if (cycle !== undefined) return { order, cycle }
  }
  return { order, cycle: undefined }
}

/** A step and all steps after it. */
export function downstream(nodes: readonly Node[], from: string): Set<string> {
  const found = new Set([from])
  for (let grew = true; grew;) {
    grew = false
    for (const { name, needs } of nodes) {
      if (!found.has(name) && needs.some((need) => found.has(need))) {
        found.add(name)
        grew = true
      }
    }
  }
  return found
}

/** The chain of steps with the largest sum of durations (ms), each needing the one before it. */
export function criticalPath(
  nodes: readonly Node[],
  durations: ReadonlyMap<string, number>,
): { path: string[]; ms: number } {
  const best = new Map<string, { path: string[]; ms: number }>()
  const byName = new Map(nodes.map((node) => [node.name, node]))
  let longest: { path: string[]; ms: number } = { path: [], ms: 0 }
  for (const name of sortSteps(nodes).order) {
    const before = (byName.get(name)?.needs ?? []).map((need) => best.get(need) ?? { path: [], ms: 0 })
    const most = before.reduce((a, b) => (b.ms > a.ms ? b : a), { path: [] as string[], ms: 0 })
    const here = { path: [...most.path, name], ms: most.ms + (durations.get(name) ?? 0) }
    best.set(name, here)
    if (here.ms > longest.ms || longest.path.length === 0) longest = here
  }
  return longest
}
