/** In which order the cells run: as they stand, as they were run, or as their names ask; refused where two orders compute different things (D2, D3). */
import type { Finding } from '../rewrite/finding.ts'
import type { Cell } from '../read/cells.ts'
import { refusal, type Reason } from '../read/refusal.ts'
import type { CellNeeds } from './needs.ts'

/** Which order is wanted: `auto` decides where it can be decided. */
export type Wanted = 'auto' | 'document' | 'executed'

export interface Ordered {
  readonly order: readonly number[]
  readonly findings: readonly Finding[]
}

/** The order of the cells. Throws `unprocessable` where a name has no definition, or where two orders differ in what they compute. */
export function orderCells(cells: readonly Cell[], needs: readonly CellNeeds[], wanted: Wanted): Ordered {
  const document = cells.map(({ id }) => id)
  const executed = executionOrder(cells)
  const findings = countFindings(cells)
  const missing = nowhere(needs)
  if (missing.length > 0) throw refusal(missing.map((one) => deleted(one, cells)))
  if (wanted === 'document' || same(document, executed)) return inDocument(document, needs, findings)
  if (wanted === 'executed') return { order: executed, findings: [...findings, moved(document, executed, 'as asked')] }
  const [asWritten, asRun] = [unmet(document, needs), unmet(executed, needs)]
  if (asWritten.length === 0 && asRun.length > 0) return { order: document, findings }
  if (asWritten.length > 0 && asRun.length === 0)
    return {
      order: executed,
      findings: [
        ...findings,
        moved(document, executed, 'only as they were run is each name defined before it is used'),
      ],
    }
  if (asWritten.length > 0) return rebuilt(document, needs, findings)
  const differing = differences(document, executed, needs)
  if (differing.length === 0) return { order: document, findings }
  throw refusal([ambiguous(document, executed, differing)])
}

function inDocument(document: readonly number[], needs: readonly CellNeeds[], findings: readonly Finding[]): Ordered {
  return unmet(document, needs).length === 0 ? { order: document, findings } : rebuilt(document, needs, findings)
}

/** By the kernel's numbers; a cell without one stays behind the cell that it stands behind. */
function executionOrder(cells: readonly Cell[]): number[] {
  const keyed: { id: number; count: number; at: number }[] = []
  let last = 0
  for (const [at, { id, count }] of cells.entries()) {
    last = count ?? last
    keyed.push({ id, count: last, at })
  }
  return keyed.toSorted((a, b) => a.count - b.count || a.at - b.at).map(({ id }) => id)
}

interface Missing {
  readonly cell: number
  readonly name: string
}

/** What is used before it is defined, in an order. */
function unmet(order: readonly number[], needs: readonly CellNeeds[]): Missing[] {
  const by = new Map(needs.map((one) => [one.id, one]))
  const defined = new Set<string>()
  const missing: Missing[] = []
  for (const id of order) {
    const cell = by.get(id)
    for (const name of cell?.uses ?? []) if (!defined.has(name)) missing.push({ cell: id, name })
    for (const name of cell?.binds ?? []) defined.add(name)
  }
  return missing
}

/** What no cell defines: it was in a cell that is deleted. */
function nowhere(needs: readonly CellNeeds[]): Missing[] {
  const defined = new Set(needs.flatMap(({ binds }) => [...binds]))
  const seen = new Set<string>()
  return needs.flatMap(({ id, uses }) =>
    [...uses]
      .filter((name) => !defined.has(name) && !seen.has(name) && seen.add(name) !== undefined)
      .map((name) => ({ cell: id, name })),
  )
}

function deleted({ cell, name }: Missing, cells: readonly Cell[]): Reason {
  const gaps = missingCounts(cells)
  const hint =
    gaps.length === 0
      ? ''
      : ` (the kernel's runs ${gaps.slice(0, 8).join(', ')} are of cells that are gone or were run again)`
  return {
    code: 'D3',
    cell,
    message: `"${name}" is used and no cell defines it${hint}`,
    remedy: `put the cell that defined "${name}" back above cell ${cell}`,
  }
}

function missingCounts(cells: readonly Cell[]): number[] {
  const counts = cells.flatMap(({ count }) => (count === null ? [] : [count]))
  const [first, last] = [Math.min(...counts), Math.max(...counts)]
  if (counts.length === 0 || last - first > 10_000) return []
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((one) => !counts.includes(one))
}

/** Cells sorted so that each name is defined before it is used; only where each such name is defined by one cell. */
function rebuilt(document: readonly number[], needs: readonly CellNeeds[], findings: readonly Finding[]): Ordered {
  const makers = (name: string): number[] => needs.filter(({ binds }) => binds.has(name)).map(({ id }) => id)
  const unclear = unmet(document, needs).filter(({ name }) => makers(name).length > 1)
  const order: number[] = []
  const waiting = [...document]
  const defined = new Set<string>()
  while (waiting.length > 0) {
    const at = waiting.findIndex((id) =>
      [...(needs.find((one) => one.id === id)?.uses ?? [])].every((name) => defined.has(name)),
    )
    if (at < 0) break
    const [id = 0] = waiting.splice(at, 1)
    order.push(id)
    for (const name of needs.find((one) => one.id === id)?.binds ?? []) defined.add(name)
  }
  if (waiting.length > 0 || unclear.length > 0)
    throw refusal(
      unmet(document, needs).map(({ cell, name }) => ({
        code: 'D3',
        cell,
        message: `"${name}" is used here and defined only in cell ${makers(name).join(' and cell ')}, further down`,
        remedy: `move what defines "${name}" above cell ${cell}`,
      })),
    )
  return {
    order,
    findings: [...findings, moved(document, order, 'so is each name defined before it is used, and each by one cell')],
  }
}

/** Names that a cell gets from another cell in one order than in the other. */
function differences(first: readonly number[], second: readonly number[], needs: readonly CellNeeds[]): string[] {
  const [a, b] = [sources(first, needs), sources(second, needs)]
  return [...a].flatMap(([key, cell]) => {
    const other = b.get(key)
    const [id, name] = key.split(' ')
    return other === cell
      ? []
      : [`cell ${id} has "${name}" from cell ${cell} in the first, from cell ${other} in the second`]
  })
}

/** For each name that a cell uses, the cell that last bound or changed it. */
function sources(order: readonly number[], needs: readonly CellNeeds[]): Map<string, number> {
  const last = new Map<string, number>()
  const found = new Map<string, number>()
  for (const id of order) {
    const cell = needs.find((one) => one.id === id)
    if (cell === undefined) continue
    for (const name of [...cell.uses, ...cell.changes]) found.set(`${id} ${name}`, last.get(name) ?? 0)
    for (const name of [...cell.binds, ...cell.changes]) last.set(name, id)
  }
  return found
}

function ambiguous(document: readonly number[], executed: readonly number[], differing: readonly string[]): Reason {
  return {
    code: 'D2',
    cell: null,
    message:
      'the cells stand in another order than they were run in, and the two compute different things: ' +
      `as they stand ${document.join(' ')}; as they were run ${executed.join(' ')}; ${differing.slice(0, 6).join('; ')}`,
    remedy: 'choose one with --order document or --order executed',
  }
}

function moved(from: readonly number[], to: readonly number[], why: string): Finding {
  return {
    code: 'D2',
    cell: null,
    found: `the cells stand in the order ${from.join(' ')}`,
    treatment: 'changed',
    action: `they run in the order ${to.join(' ')}: ${why}`,
  }
}

function report(cell: number | null, found: string, action: string): Finding {
  return { code: 'D2', cell, found, treatment: 'reported', action }
}

function countFindings(cells: readonly Cell[]): Finding[] {
  const counts = cells.flatMap(({ count }) => (count === null ? [] : [count]))
  const falls = cells.filter(({ count }, at) => {
    const before = cells.slice(0, at).flatMap((one) => one.count ?? [])
    return count !== null && before.length > 0 && count <= Math.max(...before)
  })
  const unrun = cells.filter(({ count, outputs }) => count === null && outputs.length > 0)
  const gaps = counts.length > 0 ? missingCounts(cells) : []
  return [
    ...falls.map(({ id, count }) =>
      report(id, `run ${count} stands below a later run`, 'the order is decided by the names'),
    ),
    ...unrun.map(({ id }) => report(id, 'outputs without a run', 'the outputs may be of another version of the cell')),
    ...(gaps.length > 0
      ? [
          report(
            null,
            `runs ${gaps.slice(0, 12).join(', ')} of the kernel are of no cell`,
            'cells were deleted or run again; the proof says whether anything depends on them',
          ),
        ]
      : []),
  ]
}

function same(first: readonly number[], second: readonly number[]): boolean {
  return first.length === second.length && first.every((one, at) => one === second[at])
}
