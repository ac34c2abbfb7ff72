/** The curve of a gate's evidence as it grew, thinned so that it never has more than a few hundred points. */
import type { GateState } from '../../contract/rollout.ts'

export interface Series {
  readonly gate: string
  readonly slice: string | null
  boundary: number
  points: { n: number; evidence: number }[]
}

const MOST_POINTS = 300
/** Slices whose curve is kept: the ones with the strongest evidence at the time they appear. */
const MOST_SERIES = 24

/** Adds the gates as they stand to a curve (JSON of Series[]) and returns it. */
export function growCurve(curve: string, gates: readonly GateState[]): string {
  const series = JSON.parse(curve) as Series[]
  for (const gate of gates) {
    if (gate.n === 0) continue
    const known = series.find((one) => one.gate === gate.gate && one.slice === gate.slice) ?? begin(series, gate)
    if (known === undefined || known.points.at(-1)?.n === gate.n) continue
    known.boundary = gate.boundary
    known.points.push({ n: gate.n, evidence: rounded(gate.evidence) })
    if (known.points.length > MOST_POINTS)
      known.points = known.points.filter((_, i, all) => i % 2 === 0 || i === all.length - 1)
  }
  return JSON.stringify(series)
}

function begin(series: Series[], gate: GateState): Series | undefined {
  if (series.length >= MOST_SERIES) return undefined
  const fresh: Series = { gate: gate.gate, slice: gate.slice, boundary: gate.boundary, points: [] }
  series.push(fresh)
  return fresh
}

/** Four digits are enough to draw; evidence spans hundreds of orders. */
function rounded(value: number): number {
  return Math.min(Number.MAX_VALUE, Number(value.toPrecision(4)))
}
