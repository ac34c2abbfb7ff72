/** What `main` of a package leaves, beside what the original has: the numbers that it gives back, and what it answers by. */
import { compareCell, near, type CellVerdict, type Verdict } from './compare.ts'
import type { CellRecord, Described, Run } from './record.ts'

/** What of the variables that judge the model `main` gives back otherwise, or not at all; whether some differ by rounding alone. */
export function compareMetrics(
  original: Run,
  made: Run,
  metrics: readonly string[],
): { readonly verdict: Verdict; readonly differences: readonly string[] } {
  if (made.failed !== null) return { verdict: 'verified', differences: [] }
  let rounded = false
  const invented = Object.keys(made.metrics ?? {}).filter((name) => !metrics.includes(name))
  const more = invented.map((name) => `main of the package gives back ${name}, which the original does not judge by`)
  const differing = metrics.flatMap((name) => {
    const wanted = numberOf(original.cells.findLast(({ values }) => name in values)?.values[name])
    if (wanted === undefined) return []
    const given = numberOf(made.metrics?.[name])
    if (given === undefined) return [`main of the package gives back no ${name}`]
    rounded ||= !Object.is(wanted, given) && near(wanted, given)
    return near(wanted, given)
      ? []
      : [`main of the package gives back ${name} ${given}, and the original has ${wanted}`]
  })
  const differences = [...differing, ...more]
  return { verdict: differences.length > 0 ? 'not verified' : rounded ? 'within tolerance' : 'verified', differences }
}

const NOTHING: CellRecord = { id: 0, printed: '', figures: [], values: {} }
const PLAIN = { shows: false, steps: false, names: [], inputs: new Set<string>() }

/**
 * What `main` saves the model by, field by field, beside the variables of the original as they are at its end: answers to some rows do not
 * tell a forest from one with a tree less. A predictor that people have built otherwise has other fields, and is known by its answers.
 */
export function compareHeld(original: Run, made: Run, model: string): Pick<CellVerdict, 'verdict' | 'differences'> {
  const ended = original.cells.at(-1)?.values ?? {}
  const held = Object.entries(made.held ?? {}).map(([field, value]) => [field === 'model' ? model : field, value])
  const sides = { a: original.numbers, b: made.numbers }
  const given = { ...NOTHING, values: Object.fromEntries(held) as CellRecord['values'] }
  const { verdict, differences } = compareCell({ ...NOTHING, values: ended }, given, sides, PLAIN)
  return { verdict, differences: differences.map((one) => `what predict.py answers by: ${one}`) }
}

function numberOf(value: Described | undefined): number | undefined {
  const number = value?.k === 'number' ? Number(value.v.replace('inf', 'Infinity')) : undefined
  return number === undefined || Number.isNaN(number) ? undefined : number
}
