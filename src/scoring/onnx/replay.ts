/** Whether an exported graph answers as the Python model does: rows that it answered are replayed as the gateway will run them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Value } from '../rows/rows.ts'
import { namedRows } from '../rows/rows.ts'
import { readInputs } from '../model/inputs.ts'
import type { InputField, OnnxAnswer } from '../rows/fields.ts'
import { OnnxSession } from './session.ts'
import { planFeeds, toAnswers, toTensors } from './tensors.ts'
import type { GraphInfo } from './tensors.ts'

/**
 * The largest difference of a number, as a part of it or of the median answer, whichever is larger. Frameworks and the runtime sum
 * float32 (24 bits: 6e-8 of a term) in other orders; through the layers of a network that grows to some 1e-6. What is computed
 * otherwise (another activation, another weight, an input in another place) differs by far more.
 */
export const TOLERANCE = 1e-4

/** What a graph was found to be good for. */
export interface Replayed {
  readonly answer: OnnxAnswer
  readonly rows: number
  /** The largest difference that was seen, counted as for TOLERANCE. */
  readonly deviation: number
}

interface Verify {
  readonly rows: readonly (readonly unknown[])[]
  readonly answers: readonly unknown[]
  /** Names of the columns of the answer, where it is a DataFrame. */
  readonly columns?: readonly string[] | null
  readonly whole: readonly string[]
  /** A neural network: what it answers to a missing value is an accident of its kernels, and need not be the same. */
  readonly net: boolean
}

interface Wish {
  readonly runtime: string
  readonly file: string
  /** The model folder. */
  readonly dir: string
  /** The folder with verify.json, as slipway.export writes it. */
  readonly out: string
}

/** Sizes of the calls that come first: a graph may have been exported for one number of rows. */
const CALLS = [1, 2, 3, 1]
const CALL = 256

/** Finds the output that is the model's answer. Throws a plain Error with the first difference where there is none. */
export async function replayExport({ runtime, file, dir, out }: Wish): Promise<Replayed> {
  const { inputs } = await readInputs(dir, null)
  const { rows, answers, columns, whole, net } = JSON.parse(await readFile(join(out, 'verify.json'), 'utf8')) as Verify
  const values = namedRows(rows.map((row) => Object.fromEntries(inputs.map(({ name }, j) => [name, row[j]])))).values(
    inputs,
  )
  const list = Array.isArray(answers[0])
  const tensors = await tensorOutputs({ runtime, file })
  const session = await OnnxSession.open({ runtime, file, threads: 1, outputs: tensors }, () => undefined)
  try {
    const graph = { ...session.graph, outputs: session.graph.outputs.filter(({ type }) => type !== '') }
    const got = await runAll(session, {
      graph,
      inputs,
      values,
      wanted: tensors.map((output) => ({ output, list, ...(columns != null && { columns }), whole })),
    })
    let first: Error | undefined
    for (const { answer, found } of got) {
      const judged = compare(found, answers)
      if (typeof judged === 'number') return { answer, rows: rows.length, deviation: judged }
      const known = net ? compareKnown(rows, found, answers) : judged
      // such a value is then refused, since the graph would answer it with something else
      if (typeof known === 'number')
        return { answer: { ...answer, whole: inputs.map(({ name }) => name) }, rows: rows.length, deviation: known }
      first ??= new Error(`output "${answer.output}", ${judged}`)
    }
    throw first ?? new Error('it has no output that is a tensor')
  } finally {
    await session.end()
  }
}

/** Names of the outputs that are tensors; a map of labels is none. */
async function tensorOutputs(data: { runtime: string; file: string }): Promise<string[]> {
  const session = await OnnxSession.open({ ...data, threads: 1 }, () => undefined)
  try {
    return session.graph.outputs.filter(({ type }) => type !== '').map(({ name }) => name)
  } finally {
    await session.end()
  }
}

interface Replay {
  readonly graph: GraphInfo
  readonly inputs: readonly InputField[]
  readonly values: readonly (readonly Value[])[]
  readonly wanted: readonly OnnxAnswer[]
}

/** What each output answers to all rows. */
async function runAll(
  session: OnnxSession,
  { graph, inputs, values, wanted }: Replay,
): Promise<{ answer: OnnxAnswer; found: unknown[] }[]> {
  const feeds = planFeeds(graph, inputs)
  const all = wanted.map((answer) => ({ answer, found: [] as unknown[] }))
  for (let at = 0, call = 0; at < values.length; call++) {
    const part = values.slice(at, at + (CALLS[call] ?? CALL))
    const outputs = await session.run(toTensors(feeds, part))
    for (const one of all)
      for (const { prediction } of toAnswers(outputs, part.length, one.answer)) one.found.push(prediction)
    at += part.length
  }
  return all
}

/** The largest difference, or a sentence on the first that is too large. */
function compare(found: readonly unknown[], wanted: readonly unknown[]): number | string {
  const usual = medians(wanted)
  let worst = 0
  for (const [i, want] of wanted.entries()) {
    const [ones, others] = [listOf(found[i]), listOf(want)]
    const differs = `row ${i}: the graph answers ${show(found[i])}, the Python model ${show(want)}`
    if (ones.length !== others.length) return differs
    for (const [j, other] of others.entries()) {
      const difference = differenceOf(ones[j], other, usual[j] ?? 0)
      if (!(difference <= TOLERANCE)) return differs
      worst = Math.max(worst, difference)
    }
  }
  return worst
}

/** As `compare`, of the rows without a missing value. */
function compareKnown(rows: Verify['rows'], found: readonly unknown[], wanted: readonly unknown[]): number | string {
  const known = rows.flatMap((row, i) => (row.includes(null) ? [] : [i]))
  return compare(
    known.map((i) => found[i]),
    known.map((i) => wanted[i]),
  )
}

function listOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : [answer]
}

function differenceOf(got: unknown, want: unknown, usual: number): number {
  if (got === want || (want === String(got) && !Number.isFinite(got))) return 0
  if (typeof got !== 'number' || typeof want !== 'number') return Number.POSITIVE_INFINITY
  return Math.abs(got - want) / Math.max(Math.abs(want), usual)
}

/** By place in the answer, the median size of what is not 0. */
function medians(answers: readonly unknown[]): number[] {
  const width = listOf(answers[0]).length
  return Array.from({ length: width }, (_, j) => {
    const sizes = answers
      .map((answer) => Math.abs(Number(listOf(answer)[j] ?? 0)))
      .filter((size) => size > 0 && Number.isFinite(size))
      .sort((a, b) => a - b)
    return sizes[Math.floor(sizes.length / 2)] ?? 0
  })
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80)
}
