/** The proof: the original and the package run on the same data, and everything that both have is compared. */
import { cp, mkdir, readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import type { Plan } from '../../isolation/plan.ts'
import type { Statement } from '../facts/facts.ts'
import type { Model } from '../rewrite/model.ts'
import { edited } from '../rewrite/edit.ts'
import { cellFacts, draws, seedOf, type Input, type Program } from '../rewrite/program.ts'
import type { Section } from '../rewrite/sections.ts'
import { compareCell, comparePredictions, compareWritten, saidBy, type CellVerdict, type Proof } from './compare.ts'
import { compareMetrics, compareSaved } from './step.ts'
import type { CellRecord, Run } from './record.ts'
import { runRecorded } from './run.ts'

export interface ProofOptions {
  readonly python: string
  readonly plan: Plan | null
  readonly limit: number
  readonly network: boolean
  /** Folder for the runs. */
  readonly scratch: string
  /** Folder and name of the research code. */
  readonly folder: string
  readonly file: string
  readonly modules: readonly string[]
  readonly say: (line: string) => void
}

/** Files of the folder of the research code that are put beside a run, bytes in all. */
const BESIDE = 100 * 1024 * 1024
const MOST_BESIDE = 3000
const DEPTH = 4
const LEFT = new Set(['.git', '.venv', 'venv', 'node_modules', '__pycache__', '.ipynb_checkpoints', '.slipway'])

/** Runs the cells of a program in order. */
export async function runOriginal(
  program: Program,
  model: Model,
  inputs: readonly Input[],
  options: ProofOptions,
): Promise<Run> {
  const folder = join(options.scratch, 'original')
  await copyBeside(options.folder, join(folder, 'work'))
  await shareFonts(options.scratch)
  const request = {
    what: 'original',
    kind: program.research.kind,
    cells: program.order.map((id) => ({
      id,
      source: edited(cellFacts(program.facts, id)?.clean ?? '', program.alike.get(id) ?? []),
      names: namesOf(program, id),
    })),
    inputs: Object.fromEntries(inputs.flatMap(({ written, path }) => (path === undefined ? [] : [[written, path]]))),
    seed: seedOf(program),
    modules: options.modules,
    draws: draws(program),
    network: options.network,
    folder: options.folder,
    file: options.file,
    probe: model.probe ?? '',
  }
  const say = (line: string): void => options.say(`the original runs: ${line}`)
  return runRecorded(request, { ...options, folder, env: { MPLCONFIGDIR: join(options.scratch, 'matplotlib') }, say })
}

export interface Made {
  /** Folder of the project. */
  readonly project: string
  readonly name: string
  readonly program: Program
  readonly model: Model
  readonly sections: readonly Section[]
  /** Variables that `main` gives back as numbers. */
  readonly metrics: readonly string[]
  readonly draws: boolean
  /** Settings that differ from those of the project: inputs of which there is a sample. */
  readonly settings: Readonly<Record<string, string>>
}

/** Where `main` of the package writes the model, and where the rows lie that it is asked then. */
const places = ({ scratch }: ProofOptions): { model: string; asked: string } => ({
  model: join(scratch, 'package', 'model'),
  asked: join(scratch, 'package', 'rows.pickle'),
})

/** Runs `main` of the package. */
export async function runPackage(made: Made, options: ProofOptions): Promise<Run> {
  const { program, model, sections, settings } = made
  const request = {
    what: 'packaged',
    package: made.name,
    src: join(made.project, 'src'),
    steps: Object.fromEntries(sections.map(({ name, cell }) => [name, cell])),
    settings,
    seed: seedOf(program),
    modules: options.modules,
    draws: made.draws,
    network: options.network,
    rows: model.rows ?? '',
    last: program.order.at(-1) ?? 0,
    ...places(options),
  }
  const say = (line: string): void => options.say(`the package runs: ${line}`)
  const env = { ...Object.fromEntries(program.secrets), MPLCONFIGDIR: join(options.scratch, 'matplotlib') }
  return runRecorded(request, { ...options, folder: join(options.scratch, 'package'), env, say })
}

/** Asks the model that `main` saved, in a process without the package; undefined where none was saved. */
export async function askSaved({ name, program }: Made, run: Run, options: ProofOptions): Promise<Run | undefined> {
  if (run.failed !== null || run.saved?.state !== 'saved') return undefined
  options.say('the saved model answers')
  const folder = join(options.scratch, 'saved')
  const given = { network: options.network, modules: options.modules, seed: seedOf(program), ...places(options) }
  const request = { what: 'saved', package: name, ...given }
  return runRecorded(request, { ...options, limit: Math.max(options.limit, LOADING), folder, env: {} })
}

/** Loading a model may take this long, seconds. */
const LOADING = 300

/** Where two runs of the original differ; undefined where they do not. */
export function differing(first: Run, second: Run): string | undefined {
  const sides = { a: first.numbers, b: second.numbers }
  const expected = { shows: true, steps: false, names: [], inputs: new Set<string>() }
  for (const cell of first.cells) {
    const again = second.cells.find(({ id }) => id === cell.id)
    const shown = again === undefined ? undefined : { ...again, printed: saidBy(again, true) }
    const [what] = compareCell(cell, shown, sides, expected).differences
    if (what !== undefined) return `cell ${cell.id}: ${what}`
  }
  return undefined
}

interface Judged {
  readonly original: Run
  readonly made: Run
  /** The answers of the saved model; undefined where it could not be asked. */
  readonly saved: Run | undefined
  /** Variables that `main` gives back. */
  readonly metrics: readonly string[]
  readonly program: Program
  readonly sections: readonly Section[]
  readonly shows: ReadonlySet<number>
}

/** The verdict on two runs. `shows` are cells whose shown value the package sends to its log. */
export function judge(judged: Judged): Proof {
  const { original, made, saved, metrics } = judged
  if (original.failed !== null)
    return {
      verdict: 'not verified',
      why: `the original does not run: cell ${original.failed.cell}: ${original.failed.why}`,
      cells: [],
      predictions: 'not compared',
      saved: { verdict: 'not compared', why: 'the original does not run' },
    }
  const cells = original.cells.map((cell) => verdictOf(judged, cell))
  const asked = comparePredictions(original, made)
  const kept = compareSaved(original, made, saved)
  const whole = [
    ...(asked?.differences ?? []),
    ...compareWritten(original.written, made.written),
    ...compareMetrics(original, made, metrics),
    ...(kept.verdict === 'not verified' ? [kept.why] : []),
  ]
  const why = reasonOf(cells, made, whole)
  const verdicts = [...cells, ...(asked === undefined ? [] : [asked]), kept].map(({ verdict }) => verdict)
  const agreed = verdicts.includes('within tolerance') ? 'within tolerance' : 'verified'
  const predictions = asked?.verdict ?? 'not compared'
  return { verdict: why === '' ? agreed : 'not verified', why, cells, predictions, saved: kept }
}

/** Why a package is not verified; empty where it is. */
function reasonOf(cells: readonly CellVerdict[], made: Run, others: readonly string[]): string {
  const { failed } = made
  if (failed !== null) return `the package does not run: ${failed.cell > 0 ? `cell ${failed.cell}: ` : ''}${failed.why}`
  const bad = cells.find(({ verdict }) => verdict === 'not verified')
  if (bad !== undefined) return `cell ${bad.cell}: ${bad.differences[0] ?? ''}`
  const [other] = others
  if (other !== undefined) return other
  return cells.every(({ compared }) => compared === 0) ? 'nothing of both runs can be compared' : ''
}

function verdictOf({ original, made, program, sections, shows }: Judged, cell: CellRecord): CellVerdict {
  const others = new Set(
    [...program.settings.values()].filter(({ input }) => input !== undefined).map(({ name }) => name),
  )
  for (const { statement } of program.placed)
    if (readsClock(statement)) for (const name of statement.binds) others.add(name)
  const steps = sections.some((one) => one.cell === cell.id)
  const expected = { shows: shows.has(cell.id), steps, names: expectedNames(program, cell.id), inputs: others }
  const sides = { a: original.numbers, b: made.numbers }
  return compareCell(
    cell,
    made.cells.find(({ id }) => id === cell.id),
    sides,
    expected,
  )
}

/** A setting that is no input: inputs lie elsewhere for the package. */
function isPlainSetting(program: Program, name: string): boolean {
  const setting = program.settings.get(name)
  return setting !== undefined && setting.input === undefined
}

/** Names that a cell binds or may change, and plain settings that it reads. */
function namesOf(program: Program, cell: number): string[] {
  const statements = cellFacts(program.facts, cell)?.statements ?? []
  const settings = statements.flatMap(({ uses }) => uses.filter((name) => isPlainSetting(program, name)))
  const touched = statements.flatMap(({ binds, maybe, changed, called }) => [...binds, ...maybe, ...changed, ...called])
  return [...new Set([...touched, ...settings])]
}

/** Dates of now, which the clock of the proof does not reach. */
function readsClock(statement: Statement): boolean {
  return (
    statement.binds.length > 0 &&
    statement.calls.some(({ text }) => /(?:^|\.)(?:now|today|utcnow|uuid[14])$/.test(text))
  )
}

/** Names that statements of the steps bind and leave: the package has to have them. */
function expectedNames(program: Program, cell: number): string[] {
  const names = new Set<string>()
  for (const { cell: own, role, statement } of program.placed) {
    if (own !== cell || role !== 'body') continue
    for (const name of statement.binds) names.add(name)
    for (const name of statement.deleted) names.delete(name)
    if (readsClock(statement)) for (const name of statement.binds) names.delete(name)
  }
  return [...names].filter((name) => !name.startsWith('_'))
}

/** What the code may read by a path relative to its folder: at most a few thousand files, large ones left out. */
async function copyBeside(folder: string, work: string): Promise<void> {
  await mkdir(work, { recursive: true })
  let [room, files] = [BESIDE, MOST_BESIDE]
  const waiting = ['']
  for (let inside = waiting.shift(); inside !== undefined && files > 0; inside = waiting.shift()) {
    for (const entry of await readdir(join(folder, inside), { withFileTypes: true })) {
      const path = join(inside, entry.name)
      if (LEFT.has(entry.name) || path.split('/').length > DEPTH) continue
      if (entry.isDirectory()) waiting.push(path)
      const found = entry.isFile() ? await ifMissing(stat(join(folder, path))) : undefined
      if (found === undefined || found.size > room || (files -= 1) < 0) continue
      room -= found.size
      await cp(join(folder, path), join(work, path))
    }
  }
}

/** The list of fonts takes seconds to make, and is the same for every run. */
async function shareFonts(scratch: string): Promise<void> {
  const own = join(homedir(), '.cache', 'matplotlib')
  const target = join(scratch, 'matplotlib')
  await mkdir(target, { recursive: true })
  for (const name of (await ifMissing(readdir(own))) ?? [])
    if (/^fontlist-.*\.json$/.test(name)) await cp(join(own, name), join(target, name))
}
