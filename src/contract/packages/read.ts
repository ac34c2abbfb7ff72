/** Reads the report of a proof, and the record of a training, strictly: what is garbled proves nothing. */
import {
  agrees,
  headlineOf,
  ofOlder,
  isWhole,
  VERDICTS,
  type AskedBy,
  type Headline,
  type InventedSaid,
  type PiecesSaid,
  type Proved,
  type ProvedStep,
} from './proof.ts'

export interface ReadChange {
  /** D1 to D15. */
  readonly code: string
  readonly found: string
  /** `changed` or `reported`. */
  readonly treatment: string
  readonly action: string
}

export interface ReadCell {
  readonly cell: number
  /** Functions that it became. */
  readonly functions: readonly string[]
  readonly verdict: string
  readonly why: readonly string[]
  /** What was not compared. */
  readonly skipped: readonly string[]
  readonly changes: readonly ReadChange[]
}

export interface ReadReport extends Proved {
  readonly source: string
  readonly verdict: Headline
  /** Why it is not verified; empty where it is. */
  readonly why: string
  readonly predictions: string
  /** The cell whose answers were compared; undefined where the report names none. */
  readonly asked?: AskedBy | undefined
  /** Undefined in reports that do not tell of rows one by one. */
  readonly pieces?: PiecesSaid | undefined
  /** Undefined in reports that do not tell of made-up rows. */
  readonly invented?: InventedSaid | undefined
  readonly saved: { readonly verdict: string; readonly why: string }
  readonly cells: readonly ReadCell[]
  /** Changes of no single cell. */
  readonly changes: readonly ReadChange[]
  /** Undefined in reports that do not tell it. */
  readonly step: ProvedStep | undefined
  /** Code that was edited since the package was made; undefined where it was never proved again. */
  readonly edited?: readonly string[] | undefined
}

/** What `main` of a package writes beside the model that it saved. */
export type ReadTraining = Omit<Proved, 'files'> & {
  /** Files of the model: path → digest. */
  readonly files: Readonly<Record<string, string>>
  /** Modules beside `src`, which the training imported first; undefined in older records. */
  readonly beside?: Readonly<Record<string, string>> | undefined
  /** What saving the model brought, which the proof had not; undefined in older records. */
  readonly saving?: readonly string[] | undefined
}

/** Text that says why nothing can be read. */
class Garbled extends Error {}

/** The report, or why it proves nothing. */
export function readReport(text: string): ReadReport | { readonly broken: string } {
  return readOr(() => reportOf(object(parsed(text), 'it is no JSON object')))
}

/** What a version was trained with, or why nobody knows. */
export function readTraining(text: string): ReadTraining | { readonly broken: string } {
  return readOr(() => {
    const given = object(parsed(text), 'it is no JSON object')
    return {
      files: texts(given['files'], 'files'),
      settings: texts(given['settings'], 'settings'),
      inputs: textsOrNull(given['inputs'], 'inputs'),
      packages: texts(given['packages'], 'packages'),
      project: texts(given['project'], 'project'),
      secrets: list(given['secrets'], 'secrets'),
      beside: given['beside'] === undefined ? undefined : texts(given['beside'], 'beside'),
      saving: given['saving'] === undefined ? undefined : list(given['saving'], 'saving'),
      python: textOf(given['python'], 'python'),
    }
  })
}

function readOr<T>(read: () => T): T | { readonly broken: string } {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Garbled)) throw error
    return { broken: error.message }
  }
}

function reportOf(report: Given): ReadReport {
  const proof = object(report['proof'], 'it has no verdict')
  if (proof['verdict'] === undefined || proof['verdict'] === '') throw new Garbled('it has no verdict')
  if (!Array.isArray(report['cells'])) throw new Garbled('it has no cells')
  if (!isObject(report['files'])) throw new Garbled('it does not say which code was proved')
  const predictions = oneOf(proof['predictions'], PARTS, 'predictions')
  const said = oneOf(ofOlder(proof['verdict']), VERDICTS, 'verdict')
  const saved = object(proof['saved'], 'it does not tell of the saved model')
  const found: ReadReport = {
    source: textOf(report['source'], 'source'),
    // older reports say it of predictions that nobody compared
    verdict: said === 'verified' || said === 'within tolerance' ? headlineOf(said, predictions) : said,
    why: textOf(proof['why'], 'why'),
    predictions,
    asked: proof['asked'] === undefined ? undefined : askedOf(proof['asked']),
    pieces: proof['pieces'] === undefined ? undefined : piecesOf(proof['pieces']),
    invented: proof['invented'] === undefined ? undefined : inventedOf(proof['invented']),
    saved: { verdict: oneOf(saved['verdict'], PARTS, 'saved'), why: textOf(saved['why'], 'saved') },
    cells: report['cells'].map(cellOf),
    changes: objects(report['findings'], 'findings')
      .filter(({ cell }) => typeof cell !== 'number')
      .map(changeOf),
    files: texts(report['files'], 'files'),
    python: textOf(report['python'], 'python'),
    ...partsOf(report),
  }
  const wrong = contradiction(found)
  if (wrong !== undefined) throw new Garbled(wrong)
  return found
}

/** Parts that reports of older versions do not have. */
function partsOf(
  report: Given,
): Pick<
  ReadReport,
  'settings' | 'inputs' | 'packages' | 'installed' | 'project' | 'secrets' | 'step' | 'added' | 'edited'
> {
  const has = <T>(key: string, read: (value: unknown, name: string) => T): T | undefined =>
    report[key] === undefined ? undefined : read(report[key], key)
  return {
    settings: has('settings', texts),
    inputs: has('inputs', textsOrNull),
    packages: has('packages', texts),
    installed: has('installed', texts),
    project: has('project', texts),
    secrets: has('rotate', list),
    step: has('step', stepOf),
    added: has('lock', addedOf),
    edited: has('edited', list),
  }
}

/** A verdict that what stands beside it denies. */
function contradiction({
  verdict,
  why,
  cells,
  files,
  predictions,
  pieces,
  invented,
  saved,
}: ReadReport): string | undefined {
  if (!agrees(verdict))
    return verdict === 'not verified' && why === '' ? 'it is not verified and does not say why' : undefined
  const bad = cells.find((one) => !CELLS_THAT_AGREE.includes(one.verdict))
  if (bad !== undefined) return `it says "${verdict}", and "${bad.verdict}" of cell ${bad.cell}`
  if (why !== '') return `it says "${verdict}", and why not: ${why.slice(0, 80)}`
  if (cells.length === 0) return `it says "${verdict}" of no cell`
  if (Object.keys(files).length === 0) return `it says "${verdict}" of no code`
  if ([predictions, pieces?.verdict, invented?.verdict, saved.verdict].includes('not verified'))
    return `it says "${verdict}", and "not verified" of answers`
  if (!isWhole(verdict) && predictions !== 'not compared') return `it says "${verdict}", and "${predictions}" of them`
  return undefined
}

const PARTS = ['verified', 'within tolerance', 'not verified', 'not compared'] as const
const CELLS_THAT_AGREE: readonly string[] = ['verified', 'within tolerance', 'nothing to compare']
const CELLS = [...VERDICTS, 'nothing to compare'] as const

type Given = Readonly<Record<string, unknown>>

function cellOf(given: unknown): ReadCell {
  const cell = object(given, 'one of its cells is no object')
  const number = cell['cell']
  if (typeof number !== 'number' || !Number.isInteger(number)) throw new Garbled('one of its cells has no number')
  return {
    cell: number,
    functions: list(cell['functions'], 'functions'),
    verdict: oneOf(cell['verdict'], CELLS, `verdict of cell ${number}`),
    why: list(cell['why'], 'why'),
    skipped: list(cell['skipped'], 'skipped'),
    changes: objects(cell['changes'], 'changes').map(changeOf),
  }
}

function askedOf(given: unknown): AskedBy {
  const { cell, by } = object(given, 'its "asked" is no object')
  if (typeof cell !== 'number' || !Number.isInteger(cell)) throw new Garbled('its "asked" names no cell')
  return { cell, by: oneOf(by, ['notebook', 'proof'], 'asked') }
}

function piecesOf(given: unknown): PiecesSaid {
  const { rows, verdict, why, batch } = object(given, 'its "pieces" are no object')
  return {
    rows: countOf(rows, 'pieces'),
    verdict: oneOf(verdict, PARTS, 'pieces'),
    why: textOf(why, 'pieces'),
    batch: textOf(batch, 'pieces'),
  }
}

function inventedOf(given: unknown): InventedSaid {
  const { rows, refused, verdict, why, left } = object(given, 'its "invented" are no object')
  return {
    rows: countOf(rows, 'invented'),
    refused: countOf(refused, 'invented'),
    verdict: oneOf(verdict, PARTS, 'invented'),
    why: textOf(why, 'invented'),
    left: textOf(left, 'invented'),
  }
}

function countOf(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new Garbled(`its "${name}" count no rows`)
  return value
}

function changeOf(change: Given): ReadChange {
  const text = (key: string): string => textOf(change[key], key)
  return { code: text('code'), found: text('found'), treatment: text('treatment'), action: text('action') }
}

function stepOf(given: unknown): ProvedStep {
  const step = object(given, 'its step is no object')
  const { seed } = step
  if (typeof seed !== 'number') throw new Garbled('its "seed" is no number')
  const text = (key: string): string => textOf(step[key], key)
  return {
    name: text('name'),
    run: text('run'),
    params: texts(step['params'], 'params'),
    env: texts(step['env'], 'env'),
    secrets: list(step['secrets'], 'secrets'),
    seed,
    inputs: texts(step['inputs'], 'inputs'),
    model: text('model'),
    python: text('python'),
  }
}

function addedOf(given: unknown): string[] | undefined {
  const lock = object(given, 'its "lock" is no object')
  return lock['added'] === undefined ? undefined : list(lock['added'], 'added')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown, why: string): Given {
  if (!isObject(value)) throw new Garbled(why)
  return value
}

function objects(value: unknown, name: string): Given[] {
  if (!Array.isArray(value)) throw new Garbled(`its "${name}" are no list`)
  return value.map((one) => object(one, `its "${name}" are no objects`))
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Garbled(`its "${name}" is no text`)
  return value
}

function list(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw new Garbled(`its "${name}" are no list`)
  return value.map((one) => textOf(one, name))
}

function texts(value: unknown, name: string): Record<string, string> {
  const given = object(value, `its "${name}" are no object`)
  return Object.fromEntries(Object.entries(given).map(([key, one]) => [key, textOf(one, name)]))
}

function textsOrNull(value: unknown, name: string): Record<string, string | null> {
  const given = object(value, `its "${name}" are no object`)
  return Object.fromEntries(Object.entries(given).map(([key, one]) => [key, one === null ? null : textOf(one, name)]))
}

function oneOf<T extends string>(value: unknown, known: readonly T[], name: string): T {
  const found = known.find((one) => one === value)
  if (found === undefined)
    throw new Garbled(`its "${name}" is ${JSON.stringify(value)?.slice(0, 40)}, which no proof says`)
  return found
}
