/** Places for the nodes of a graph without cycles: a column for each distance from the start, few crossings. */

export interface Edge {
  readonly from: string
  readonly to: string
}

/** Column and row of each node. */
export type Places = ReadonlyMap<string, { readonly column: number; readonly row: number }>

/**
 * Columns by longest path from a source; rows by the mean row of what leads to them (Sugiyama's barycentre, one pass).
 * Edges that name unknown nodes are left out; a cycle's closing edge is ignored.
 */
export function layers(ids: readonly string[], edges: readonly Edge[]): Places {
  const known = new Set(ids)
  const into = new Map<string, string[]>(ids.map((id) => [id, []]))
  for (const { from, to } of edges) if (known.has(from) && known.has(to) && from !== to) into.get(to)?.push(from)
  const columns = new Map<string, number>()
  const path = new Set<string>()
  const depth = (id: string): number => {
    const done = columns.get(id)
    if (done !== undefined) return done
    if (path.has(id)) return -1
    path.add(id)
    const column = Math.max(-1, ...(into.get(id) ?? []).map(depth)) + 1
    path.delete(id)
    columns.set(id, column)
    return column
  }
  for (const id of ids) depth(id)
  return rowsOf(ids, into, columns)
}

function rowsOf(
  ids: readonly string[],
  into: ReadonlyMap<string, string[]>,
  columns: ReadonlyMap<string, number>,
): Places {
  const places = new Map<string, { column: number; row: number }>()
  const width = Math.max(0, ...columns.values()) + 1
  for (let column = 0; column < width; column += 1) {
    const here = ids.filter((id) => columns.get(id) === column)
    const centre = (id: string): number => {
      const rows = (into.get(id) ?? []).map((from) => places.get(from)?.row ?? 0)
      return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + row, 0) / rows.length
    }
    const order = new Map(here.map((id) => [id, centre(id)]))
    here.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
    for (const [row, id] of here.entries()) places.set(id, { column, row })
  }
  return places
}
