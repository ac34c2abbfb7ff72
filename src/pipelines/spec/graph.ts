/** The order of steps: what needs what, cycles, and the chain that decided how long a run took. */

/** A step as the graph sees it. */
export interface Node {
  readonly name: string
  readonly needs: readonly string[]
}

/** The steps whose ends a step waits for: those that it needs, and those that its condition names. */
export function beforeOf({
  needs,
  when,
}: Pick<Node, 'needs'> & { readonly when?: { readonly steps: readonly string[] } }): string[] {
  return [...new Set([...needs, ...(when?.steps ?? [])])]
}

/**
 * Steps so that each comes after what it needs, otherwise in the order given. `cycle` is a chain of names that returns to
 * its first, for example [a, b, a]; then `order` is of no use.
 */
export function sortSteps(nodes: readonly Node[]): { order: string[]; cycle: string[] | undefined } {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const done = new Set<string>()
  const order: string[] = []
  for (const { name } of nodes) {
    // what is being visited, each needed by the one before it, with what of its needs is still to be looked at
    const trail = new Map<string, Iterator<string>>()
    const names: string[] = []
    let at: string | undefined = done.has(name) ? undefined : name
    while (at !== undefined) {
      let needs = trail.get(at)
      if (needs === undefined) {
        trail.set(at, (needs = (byName.get(at)?.needs ?? []).values()))
        names.push(at)
      }
      const next = needs.next()
      if (next.done === true) {
        done.add(at)
        order.push(at)
        trail.delete(at)
        names.pop()
        at = names.at(-1)
      } else if (trail.has(next.value)) {
        return { order, cycle: [...names.slice(names.indexOf(next.value)), next.value] }
      } else if (byName.has(next.value) && !done.has(next.value)) at = next.value
    }
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
