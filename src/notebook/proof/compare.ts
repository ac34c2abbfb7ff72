/** Compares two runs cell by cell: equal, equal within a tolerance, or different and where. */
import type { AskedBy, Headline } from '../../contract/packages/proof.ts'
import type { CellRecord, Described, Run } from './record.ts'

export type Verdict = 'verified' | 'within tolerance' | 'not verified'
/** A cell may only define functions or show something. */
export type CellOutcome = Verdict | 'nothing to compare'

/** Largest relative difference of numbers that still counts as equal within a tolerance. */
export const TOLERANCE = 1e-9

export interface CellVerdict {
  readonly cell: number
  readonly verdict: CellOutcome
  /** Variables, lines and figures that were compared. */
  readonly compared: number
  /** Names that both runs have. */
  readonly variables: readonly string[]
  /** What differs; empty for a verdict that is not `not verified`. */
  readonly differences: readonly string[]
  /** Variables that cannot be compared, with the reason. */
  readonly skipped: readonly string[]
}

/** What becomes of the model that `main` of the package saves. */
export interface Saved {
  readonly verdict: Verdict | 'not compared'
  /** What differs, or why it was not compared; empty where its answers are those of the original. */
  readonly why: string
}

/** What became of rows that were asked one by one, in another order, and more than once. */
export interface Pieces {
  /** Rows that were asked alone. */
  readonly rows: number
  readonly verdict: Verdict | 'not compared'
  /** What differs, with its row and both answers, or why it was not compared. */
  readonly why: string
  /** What the notebook's own model answers otherwise to a row alone than among the others; empty where nothing. */
  readonly batch: string
}

/** What became of made-up rows. */
export interface Invented {
  /** Rows that were asked, and how many of them neither of both answers. */
  readonly rows: number
  readonly refused: number
  readonly verdict: Verdict | 'not compared'
  /** What differs, with its row and both answers; empty where nothing. */
  readonly why: string
  /** What was not asked, and why; empty where nothing was left out. */
  readonly left: string
}

export interface Proof {
  readonly verdict: Headline
  /** Why it is not verified, or was not run; empty where it is. */
  readonly why: string
  readonly cells: readonly CellVerdict[]
  readonly predictions: Verdict | 'not compared'
  /** Whose answers the predictions were held against; undefined where no cell asks the model. */
  readonly asked?: AskedBy | undefined
  /** Undefined where the model was not asked at all. */
  readonly pieces?: Pieces | undefined
  /** What became of made-up rows; undefined where none were asked. */
  readonly invented?: Invented | undefined
  readonly saved: Saved
}

export interface Sides {
  readonly a: Float64Array
  readonly b: Float64Array
}

/** What of the original's shown value the package sends to its log. */
export interface Expected {
  readonly shows: boolean
  /** The package has steps of this cell. */
  readonly steps: boolean
  /** Variables that the package has to have after the cell. */
  readonly names: readonly string[]
  /** Variables that lie elsewhere for the package: paths. */
  readonly inputs: ReadonlySet<string>
}

/** The verdict on one cell. */
export function compareCell(
  original: CellRecord,
  made: CellRecord | undefined,
  sides: Sides,
  expected: Expected,
): CellVerdict {
  const found = new Comparison(sides)
  const values = made?.values ?? {}
  const names = Object.keys(original.values).filter((name) => name in values && !expected.inputs.has(name))
  for (const what of lacking(original, made, expected)) found.differ(what)
  for (const name of names) found.values(original.values[name], values[name], name)
  const printed = saidBy(original, expected.shows)
  found.text(printed, made?.printed ?? '')
  found.figures(original.figures, made?.figures ?? [])
  const seen = names.filter((name) => original.values[name]?.k !== 'skip').length
  const compared = seen + (printed === '' ? 0 : 1) + original.figures.length
  const verdict = found.verdict()
  return {
    cell: original.id,
    verdict: verdict === 'verified' && compared === 0 ? 'nothing to compare' : verdict,
    compared,
    variables: names,
    differences: found.differences.slice(0, 20),
    skipped: shortened(found.skipped),
  }
}

/** The first of many, and how many more there are. */
function shortened(all: readonly string[]): string[] {
  return all.length <= 20 ? [...all] : [...all.slice(0, 20), `${all.length - 20} more`]
}

/** Variables that only the original has. */
function lacking(original: CellRecord, made: CellRecord | undefined, expected: Expected): string[] {
  if (made === undefined) return expected.steps ? ['the package did not run this cell'] : []
  const absent = expected.names.filter((name) => name in original.values && !(name in made.values))
  return absent.map((name) => `${name}: only the original has it`)
}

/** What a cell printed and, where the package says it too, showed. */
export function saidBy({ printed, shown = '' }: CellRecord, shows: boolean): string {
  return shows && shown !== '' ? `${printed}${shown}\n` : printed
}

/** The verdict on the predictions of both runs; undefined where the original has none. */
export function comparePredictions(
  original: Run,
  made: Run,
): { readonly verdict: Verdict; readonly differences: readonly string[] } | undefined {
  if (original.probe === null || original.probe.k === 'skip') return undefined
  if (made.probe === null) return { verdict: 'not verified', differences: ['the package made no predictions'] }
  return compareAnswers(original.probe, made.probe, { a: original.numbers, b: made.numbers }, 'predictions')
}

/** The verdict on two answers; what of them cannot be looked at differs. */
export function compareAnswers(
  a: Described,
  b: Described,
  sides: Sides,
  name: string,
): { readonly verdict: Verdict; readonly differences: readonly string[] } {
  const found = new Comparison(sides)
  found.values(a, b, name)
  for (const one of found.skipped) found.differ(one)
  return { verdict: found.verdict(), differences: found.differences }
}

/** What the model as it is at the end answers otherwise to the call of the notebook; empty where nothing, or where nobody asked. */
export function compareAgain({ first, again, numbers }: Run): string[] {
  return differences(first, again, numbers)
}

/** What the notebook's own steps and model, as they are at the end, answer otherwise than the model to what it was given; empty where nothing. */
export function compareThrough({ probe, through, numbers }: Run): string[] {
  return differences(probe, through, numbers)
}

/** What differs in two values of one run. */
function differences(a: Described | null | undefined, b: Described | undefined, numbers: Float64Array): string[] {
  if (!isLooked(a) || b === undefined) return []
  const found = new Comparison({ a: numbers, b: numbers })
  found.values(a, b, 'predictions')
  return found.differences
}

/** What differs in the rows that the model is asked with, by which `main` of the package saves it. */
export function compareRows(original: Run, made: Run): string[] {
  if (made.failed !== null || !isLooked(original.rows) || !isLooked(made.rows)) return []
  const found = new Comparison({ a: original.numbers, b: made.numbers })
  found.values(original.rows, made.rows, 'the rows that the model is asked with')
  return found.differences
}

function isLooked(value: Described | null | undefined): value is Described {
  return value !== null && value !== undefined && value.k !== 'skip'
}

/** Files whose bytes are the same in each run that computes the same; others have times or names of modules in them. */
const PLAIN = /\.(?:csv|tsv|txt|json|jsonl|npy|parquet|yaml|yml|md|html)$/i

/** What differs in the files that both runs wrote where they ran. */
export function compareWritten(original: ReadonlyMap<string, string>, made: ReadonlyMap<string, string>): string[] {
  const paths = [...new Set([...original.keys(), ...made.keys()])].filter(
    (path) => !/(?:^|\/)(?:__pycache__|\.)/.test(path),
  )
  return paths.flatMap((path) => {
    if (!original.has(path)) return [`the file ${path} is written by the package only`]
    if (!made.has(path)) return [`the file ${path} is written by the original only`]
    return PLAIN.test(path) && original.get(path) !== made.get(path) ? [`the file ${path} has other contents`] : []
  })
}

type Of<K extends Described['k']> = Extract<Described, { k: K }>

/** What two values, texts or lists of figures have that differs. */
class Comparison {
  readonly differences: string[] = []
  readonly skipped: string[] = []
  #tolerance = false
  readonly #sides: Sides

  constructor(sides: Sides) {
    this.#sides = sides
  }

  verdict(): Verdict {
    return this.differences.length > 0 ? 'not verified' : this.#tolerance ? 'within tolerance' : 'verified'
  }

  differ(what: string): void {
    this.differences.push(what)
  }

  values(a: Described | undefined, b: Described | undefined, path: string): void {
    if (a !== undefined && b !== undefined) this.#pair(a, b, path)
  }

  #pair(a: Described, b: Described, path: string): void {
    if (isUnseen(a) || isUnseen(b)) this.#unseen(a, b, path)
    else if (a.k === 'number' && b.k === 'number') this.#number(a, b, path)
    else if (a.k === 'array' && b.k === 'array') this.#array(a, b, path)
    else if (a.k === 'list' && b.k === 'list' && sameShape(a, b)) this.#list(a, b, path)
    else if (a.k === 'dict' && b.k === 'dict' && sameShape(a, b)) this.#dict(a, b, path)
    else if (!isSame(a, b)) this.differ(`${path}: ${brief(a)} in the original, ${brief(b)} in the package`)
  }

  #list(a: Of<'list'>, b: Of<'list'>, path: string): void {
    for (const [at, one] of a.v.entries()) this.values(one, b.v[at], `${path}[${at}]`)
  }

  text(a: string, b: string): void {
    const [first, second] = [lines(a), lines(b)]
    if (first.join('\n') === second.join('\n')) return
    const at = first.findIndex((line, index) => line !== second[index] && !sameNumbers(line, second[index] ?? ''))
    if (at < 0 && first.length === second.length) {
      this.#tolerance = true
      return
    }
    const [one, other] = [first, second].map((some) =>
      JSON.stringify((some[at < 0 ? first.length : at] ?? '').slice(0, 120)),
    )
    this.differ(`printed text: ${one} in the original, ${other} in the package`)
  }

  figures(a: readonly string[], b: readonly string[]): void {
    const at = a.findIndex((one, index) => one !== b[index])
    if (a.length !== b.length) this.differ(`figures: ${a.length} in the original, ${b.length} in the package`)
    else if (at >= 0) this.differ(`figure ${at + 1} differs`)
  }

  /** What cannot be looked at is named, wherever in a value it is; it has the same name in both runs. */
  #unseen(a: Described, b: Described, path: string): void {
    if (b.k === 'fault') this.differ(`${path}: ${b.why}`)
    else if (a.k !== 'skip' || b.k !== 'skip') this.differ(`${path}: only one of both can be looked at`)
    else if (a.name !== b.name) this.differ(`${path}: ${a.why} in the original, ${b.why} in the package`)
    else this.skipped.push(`${path}: ${a.why}`)
  }

  #dict(a: Of<'dict'>, b: Of<'dict'>, path: string): void {
    for (const [at, [key, one]] of a.v.entries()) {
      const [other, value] = b.v[at] ?? ['', undefined]
      if (other === key) this.values(one, value, `${path}.${key}`)
      else this.differ(`${path}: ${key} in one run, ${other} in the other`)
    }
  }

  #number(a: Of<'number'>, b: Of<'number'>, path: string): void {
    if (a.t === b.t && a.v === b.v) return
    const floats = a.t === b.t && a.t.includes('float')
    if (floats && near(Number(pythonNumber(a.v)), Number(pythonNumber(b.v)))) this.#tolerance = true
    else this.differ(`${path}: ${a.v} in the original, ${b.v} in the package`)
  }

  #array(a: Of<'array'>, b: Of<'array'>, path: string): void {
    if (a.t !== b.t || a.shape.join() !== b.shape.join())
      this.differ(
        `${path}: ${a.t} (${a.shape.join('×')}) in the original, ${b.t} (${b.shape.join('×')}) in the package`,
      )
    else if (a.sha !== b.sha) this.#numbers(a, b, path)
  }

  /** Arrays whose bytes differ: number by number, where all numbers are kept; a stride says nothing of what lies between. */
  #numbers({ from = 0, count = 0, shape }: Of<'array'>, b: Of<'array'>, path: string): void {
    const size = shape.reduce((product, one) => product * one, 1)
    if (count === 0 || count < size) {
      this.differ(`${path}: the arrays differ`)
      return
    }
    const [first, second] = [
      this.#sides.a.subarray(from, from + count),
      this.#sides.b.subarray(b.from ?? 0, (b.from ?? 0) + count),
    ]
    const different = first.filter((one, at) => !near(one, second[at] ?? Number.NaN)).length
    if (different === 0) this.#tolerance = true
    else this.differ(`${path}: ${different} of ${count} numbers differ`)
  }
}

function isUnseen(value: Described): value is Of<'skip' | 'fault'> {
  return value.k === 'skip' || value.k === 'fault'
}

function sameShape(a: Of<'list' | 'dict'>, b: Of<'list' | 'dict'>): boolean {
  return a.t === b.t && a.v.length === b.v.length
}

function isSame(a: Described, b: Described): boolean {
  return (a.k === 'exact' && b.k === 'exact' && a.v === b.v) || (a.k === 'again' && b.k === 'again' && a.v === b.v)
}

function pythonNumber(text: string): string {
  return text === 'nan' ? 'NaN' : text.replace('inf', 'Infinity')
}

/** Whether two numbers differ by rounding only. */
export function near(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b))
}

/** Lines without what differs in each process: addresses of objects, names of the notebook's module, and empty ends. */
function lines(text: string): string[] {
  return text
    .replaceAll(/\b0x[0-9a-f]{6,}\b/g, '0x…')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
}

const NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi

/** Whether two lines are the same but for the last digits of numbers. */
export function sameNumbers(a: string, b: string): boolean {
  if (a.replaceAll(NUMBER, '#') !== b.replaceAll(NUMBER, '#')) return false
  const [first, second] = [a.match(NUMBER) ?? [], b.match(NUMBER) ?? []]
  return first.every((one, at) => near(Number(one), Number(second[at])))
}

function brief(value: Described): string {
  if (value.k === 'list' || value.k === 'dict') return `${value.t} of ${value.v.length}`
  if (value.k === 'array') return `an array (${value.shape.join('×')})`
  return value.k === 'exact' || value.k === 'number' ? value.v.slice(0, 80) : value.k
}
