/** The on-demand features of a service as one function, for whoever has the features and the fields of a request. */
import type { ValueType } from '../../contract/features/section.ts'
import type { Input, OnDemand } from './definitions.ts'
import type { Value } from '../as-of/windows.ts'
import { compileExpression } from '../expressions/compile.ts'

/** A value that is needed from outside: not of another on-demand feature, which is computed here. */
export interface Need {
  readonly of: Exclude<Input, { kind: 'on_demand' }>
  readonly type: ValueType
}

export interface OnDemandPlan {
  /** What is needed, in the order in which `compute` takes it. */
  readonly needs: readonly Need[]
  /** Names of what comes of it, in its order. */
  readonly names: readonly string[]
  readonly compute: (given: readonly Value[]) => Value[]
}

/** `all` stand each after what it needs. */
export function planOnDemand(all: readonly OnDemand[]): OnDemandPlan {
  const needs: Need[] = []
  const places = new Map<string, number>()
  const names = all.map(({ name }) => name)
  for (const { inputs } of all) {
    for (const { of, type } of inputs) {
      if (of.kind === 'on_demand' || places.has(placeOf(of, type))) continue
      places.set(placeOf(of, type), needs.length)
      needs.push({ of, type })
    }
  }
  // what is computed stands behind what is given
  for (const [i, { name, type }] of all.entries())
    places.set(placeOf({ kind: 'on_demand', name }, type), needs.length + i)
  const steps = all.map(({ sql, inputs, type }) => ({
    run: compileExpression(
      sql,
      inputs.map((input) => [input.name, input.type] as const),
      type,
    ),
    from: inputs.map(({ of, type: wanted }) => places.get(placeOf(of, wanted)) ?? -1),
  }))
  const compute = (given: readonly Value[]): Value[] => {
    const known = [...given]
    for (const { run, from } of steps) known.push(run(from.map((at) => known[at] ?? null)))
    return known.slice(needs.length)
  }
  return { needs, names, compute }
}

/** A field of a request may be taken as one type here and as another there. */
function placeOf(of: Input, type: ValueType): string {
  if (of.kind === 'feature') return `feature ${of.view}:${of.feature}`
  return of.kind === 'request' ? `request ${type} ${of.field}` : `on_demand ${of.name}`
}
