/** The items of a step in a run before they have rows, each with its key. */
import type { Context } from '../context/context.ts'
import type { RunTree } from '../context/rows.ts'
import { partsOf } from '../keys/judge.ts'
import { hashOf } from '../spec/canonical.ts'
import { itemParams, itemsOf, sourceOfItems, type Items } from '../spec/fan-out/items.ts'
import { itemKey, type KeyParts } from '../spec/key.ts'
import { valuesOf } from '../spec/params.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'
import { fileInputs, itemsOfSource } from './from-source.ts'

/** The items that a step has in a run: of the list that is written, of the param or the source that the run has, or of the range. Throws `unprocessable` where a source gives what cannot be items. */
export async function itemsIn(
  context: Context,
  { run, spec }: Pick<RunTree, 'run'> & { readonly spec: PipelineSpec },
  step: StepSpec,
): Promise<Items> {
  const { for_each: each } = step
  if (each === undefined) throw new Error(`step "${step.name}" has no for_each`)
  if (sourceOfItems(each) === undefined) return itemsOf(each, valuesOf(spec, run.options.set))
  const list = await itemsOfSource(context, run, each)
  return { count: list.length, at: (number) => list[number] }
}

/** The key of a step by its items: equal where the list and all else is. */
export function fanKey(parts: KeyParts): string {
  return hashOf(['for_each', parts])
}

/** The components that all items share, with the number and digest of the items. */
export async function fanParts(
  context: Context,
  of: Parameters<typeof partsOf>[1],
  [step, items]: [StepSpec, Items],
): Promise<KeyParts> {
  const all = hashOf(Array.from({ length: Math.min(items.count, 1_000_000) }, (_, number) => items.at(number)))
  return { ...(await partsOf(context, of, step)), items: `${items.count} (${all.slice(7, 19)})` }
}

/** An item before it has a row. */
export interface Planned {
  readonly number: number
  readonly value: unknown
  readonly digest: string
  readonly key: string
}

/** The items of these numbers, with their keys. */
export function planned(step: StepSpec, items: Items, parts: KeyParts, [from, to]: [number, number]): Planned[] {
  return Array.from({ length: to - from }, (_, i) => {
    const value = items.at(from + i) ?? null
    const key = itemKey(parts, { params: itemParams(step, value), inputs: fileInputs(step, value) })
    return { number: from + i, value, digest: hashOf(value), key }
  })
}
