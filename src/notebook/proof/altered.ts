/** A model, or a step before it, that later cells alter after the notebook has asked: what is served answers otherwise than the notebook was answered. */
import type { Model } from '../rewrite/model.ts'
import type { Program } from '../rewrite/program.ts'
import { compareAgain, compareThrough } from './compare.ts'
import type { CellRecord, Run } from './record.ts'

/** Methods that make another model of a model. */
const ALTERS = /^(?:fit|partial_fit|set_|load|train|update|refit|compile|add_|remove_|__setstate__)/

const ASKED = /\.(?:predict|predict_proba|decision_function|score_samples|score)$/

export interface Asking {
  readonly original: Run
  /** A second run of the original, with the state of model and steps after each cell; undefined before there is one. */
  readonly traced: Run | undefined
  readonly program: Program
  readonly model: Pick<Model, 'name' | 'chain'>
}

/**
 * Why the answers of the notebook are those of another model than the one that is served; empty where they are of this one.
 * `differing` is what predict.py answers otherwise.
 */
export function alteredSince(asking: Asking, differing: readonly string[]): string {
  const { original, model } = asking
  if (original.asked === undefined) return ''
  const { cell, by } = original.asked
  const [again] = compareAgain(original)
  const [through] = model.chain.length === 0 ? [] : compareThrough(original)
  if (again === undefined && through === undefined) return ''
  const steps = [...new Set(model.chain.map(({ name }) => name))]
  const found = alterations(asking, again === undefined ? steps : [model.name], cell)
  const what = again === undefined ? `${namesOf(found, steps)}, which stands before it` : 'it'
  const where = found.length === 0 ? 'a later cell' : `cell ${[...new Set(found.map((one) => one.cell))].join(' and ')}`
  const kept = again === undefined ? 'steps' : 'model'
  const remedy = `ask it again behind ${where}, or keep the ${kept} of cell ${cell} under a name of its own${kept === 'model' ? ' and name that with --model' : ''}`
  const since = `cell ${cell} asked the model, and ${where} altered ${what}`
  if (by === 'proof' && again !== undefined)
    return `${since}: the one that is served is not the one that cell ${cell} judged; ${remedy}`
  const [other] = differing
  return other === undefined
    ? ''
    : `${since}: predict.py answers by the model as it is at the end, otherwise than cell ${cell} was answered (${other}); ${remedy}`
}

interface Alteration {
  readonly cell: number
  readonly name: string
}

function namesOf(found: readonly Alteration[], all: readonly string[]): string {
  const names = [...new Set(found.map(({ name }) => name))]
  return (names.length === 0 ? all : names).join(' and ')
}

/** What altered variables behind the call that asked: in its own cell by what is written there, in later ones as it was seen. */
function alterations({ traced, program }: Asking, names: readonly string[], asked: number): Alteration[] {
  const written = names.flatMap((name) => alteringCells(program, name, asked).map((cell) => ({ cell, name })))
  const from = traced?.cells.findIndex(({ id }) => id === asked) ?? -1
  const cells = from < 0 ? [] : (traced?.cells.slice(from) ?? [])
  if (cells.every(({ states }) => states === undefined)) return written
  const seen = cells.flatMap((one, at) => namesThatChanged(cells[at - 1], one, names))
  return [...written.filter(({ cell }) => cell === asked), ...seen]
}

function namesThatChanged(before: CellRecord | undefined, one: CellRecord, names: readonly string[]): Alteration[] {
  if (before === undefined) return []
  const changed = names.filter((name) => before.states?.[name] !== one.states?.[name])
  return changed.map((name) => ({ cell: one.id, name }))
}

/** Cells behind the call that asked, in the order of the runs, that bind a variable anew or call what alters it. */
function alteringCells({ placed }: Program, name: string, asked: number): number[] {
  const inside = placed.map(({ cell }) => cell === asked)
  const call = placed.findLastIndex(
    ({ statement }, at) => inside[at] === true && statement.calls.some(({ text }) => ASKED.test(text)),
  )
  const from = call < 0 ? inside.lastIndexOf(true) : call
  const found = placed.slice(from + 1).filter(({ statement: { binds, maybe, changed, calls, definition } }) => {
    // a function alters where it is called, and nobody can tell by its text what it is called with
    if (definition !== null) return binds.includes(name)
    const own = calls.some(({ text }) => text.startsWith(`${name}.`) && ALTERS.test(text.slice(name.length + 1)))
    return own || [...binds, ...maybe, ...changed].includes(name)
  })
  return [...new Set(found.map(({ cell }) => cell))]
}
