/** The proof: the original and the package run on the same data, and everything that both have is compared. */
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { headlineOf, type ProvedStep } from '../../contract/packages/proof.ts'
import type { Plan } from '../../isolation/plan.ts'
import type { Statement } from '../facts/facts.ts'
import type { Model } from '../rewrite/model.ts'
import { edited } from '../rewrite/edit.ts'
import { cellFacts, draws, seedOf, type Input, type Program } from '../rewrite/program.ts'
import type { Section } from '../rewrite/sections.ts'
import { isNamedInText } from '../rewrite/texts.ts'
import { alteredSince } from './altered.ts'
import { copyBeside } from './beside.ts'
import {
  compareCell,
  comparePredictions,
  compareRows,
  compareWritten,
  saidBy,
  type CellVerdict,
  type Pieces,
  type Proof,
  type Saved,
} from './compare.ts'
import { casesOf, compareInvented } from './invented.ts'
import { compareKept, comparePieces } from './pieces.ts'
import { compareSaved } from './saved.ts'
import { compareHeld, compareMetrics } from './step.ts'
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
  /** Top-level modules that the package finds nowhere while its steps run. */
  readonly hidden?: readonly string[]
  readonly say: (line: string) => void
}

/** Runs the cells of a program in order. */
export async function runOriginal(
  program: Program,
  model: Model,
  inputs: readonly Input[],
  options: ProofOptions & { readonly traced?: boolean },
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
    model: model.name,
    method: model.method,
    rows: model.asked?.name ?? '',
    // behind steps nobody can tell which rows a model was asked with within a function
    anywhere: model.chain.length === 0,
    learnt: model.learnt,
    chain: model.chain,
    traced: options.traced === true ? [model.name, ...model.chain.map(({ name }) => name)] : [],
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
  /** The step of the project file that runs `main`. */
  readonly step: ProvedStep
  /** Settings that differ from those of the project: inputs of which there is a sample. */
  readonly settings: Readonly<Record<string, string>>
}

/** Where `main` of the package writes the model, where the rows lie that the original asked with, and those that the saved model is asked with. */
const places = ({ scratch }: ProofOptions): { model: string; handed: string; asked: string } => ({
  model: join(scratch, 'package', 'model'),
  handed: join(scratch, 'package', 'handed.pickle'),
  asked: join(scratch, 'package', 'rows.pickle'),
})

/** Runs `main` of the package, and asks what it makes with the rows of the original. */
export async function runPackage(made: Made, original: Run, options: ProofOptions): Promise<Run> {
  const { program, model, sections, step } = made
  const request = {
    what: 'packaged',
    package: made.name,
    src: join(made.project, 'src'),
    steps: Object.fromEntries(sections.map(({ name, cell }) => [name, cell])),
    params: step.params,
    // samples of inputs lie elsewhere
    settings: made.settings,
    seed: seedOf(program),
    modules: options.modules,
    draws: made.draws,
    network: options.network,
    hidden: options.hidden ?? [],
    rows: model.rows ?? '',
    last: program.order.at(-1) ?? 0,
    pieces: (original.pieces ?? []).map(({ rows }) => rows),
    cases: casesOf(original),
    ...places(options),
  }
  const { handed } = places(options)
  await mkdir(dirname(handed), { recursive: true })
  if (original.handed !== undefined && existsSync(original.handed)) await cp(original.handed, handed)
  const say = (line: string): void => options.say(`the package runs: ${line}`)
  const secrets = [...program.secrets].filter(([name]) => step.secrets.includes(name))
  const env = {
    MPLCONFIGDIR: join(options.scratch, 'matplotlib'),
    PYTHONHASHSEED: String(step.seed),
    SLIPWAY_SEED: String(step.seed),
    ...step.env,
    ...Object.fromEntries(secrets),
  }
  return runRecorded(request, { ...options, folder: join(options.scratch, 'package'), env, say })
}

/** Asks the model that `main` saved, in a process without the package; undefined where none was saved. */
export async function askSaved(
  { name, project, program, model }: Pick<Made, 'name' | 'project' | 'program' | 'model'>,
  run: Run,
  options: ProofOptions,
): Promise<Run | undefined> {
  if (run.failed !== null || run.saved?.state !== 'saved') return undefined
  options.say('the saved model answers')
  const folder = join(options.scratch, 'saved')
  const given = { network: options.network, modules: options.modules, seed: seedOf(program), ...places(options) }
  const of = {
    package: name,
    src: join(project, 'src'),
    method: model.method,
    chain: model.chain.map((step) => step.name),
    pieces: (run.pieces ?? []).map(({ rows }) => rows),
    signed: model.rows !== undefined,
  }
  const request = { what: 'saved', ...of, ...given }
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

export interface Judged {
  readonly original: Run
  readonly made: Run
  /** The answers of the saved model; undefined where it could not be asked. */
  readonly saved: Run | undefined
  /** A second run of the original that looked at the model after each cell; undefined where there is none. */
  readonly traced?: Run
  /** Variables that `main` gives back. */
  readonly metrics: readonly string[]
  readonly program: Program
  readonly model: Model
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
  const answers = answersOf(judged)
  const kept = explained(compareSaved({ original, made, saved, fields: fieldsOf(judged.model) }), judged.program)
  const judges = compareMetrics(original, made, metrics)
  const held = compareHeld(original, made, judged.model.name)
  const whole = [
    ...answers.before,
    ...compareRows(original, made),
    ...answers.differences,
    ...compareWritten(original.written, made.written),
    ...judges.differences,
    ...(kept.verdict === 'not verified' ? [kept.why] : []),
    ...held.differences,
  ]
  const why = reasonOf(cells, made, whole)
  const verdicts = [...cells, judges, held, ...answers.parts, kept].map(({ verdict }) => verdict)
  const agreed = verdicts.includes('within tolerance') ? 'within tolerance' : 'verified'
  const { predictions, asked, pieces, invented } = answers
  return {
    verdict: why === '' ? headlineOf(agreed, predictions) : 'not verified',
    why,
    cells,
    predictions,
    asked,
    pieces,
    invented,
    saved: kept,
  }
}

interface Answers extends Pick<Proof, 'predictions' | 'asked' | 'pieces' | 'invented'> {
  /** What makes every other difference: the model was altered since. */
  readonly before: readonly string[]
  readonly differences: readonly string[]
  readonly parts: readonly Pick<Pieces, 'verdict'>[]
}

/** What predict.py answers: to all rows together, one by one, in another order and more than once, and to made-up ones. */
function answersOf({ original, made, program, model, traced }: Judged): Answers {
  const asked = comparePredictions(original, made)
  const altered = alteredSince({ original, program, model, traced }, asked?.differences ?? [])
  const before = altered === '' ? [] : [altered]
  if (asked === undefined) return { predictions: 'not compared', before, differences: [], parts: [] }
  const pieces = comparePieces(original, made, 'predict.py')
  const invented = compareInvented(original, made)
  const faults = [pieces, invented].flatMap((one) => (one?.verdict === 'not verified' ? [one.why] : []))
  const bad = [...faults, ...compareKept(original, made)]
  return {
    predictions: bad.length > 0 ? 'not verified' : asked.verdict,
    asked: original.asked,
    pieces,
    invented,
    before,
    differences: [...asked.differences, ...bad],
    parts: [asked, pieces, invented].filter((one) => one !== undefined),
  }
}

/** What of the notebook's variables a predictor holds. */
function fieldsOf({ name, chain }: Model): Map<string, string> {
  const steps = chain.filter(({ kind }) => kind === 'transform').map((step) => [step.name, step.name] as const)
  return new Map([...steps, ['model', name]])
}

/** A saved model that looks for a name of the notebook: a formula is evaluated anew where the model is loaded. */
function explained(saved: Saved, program: Program): Saved {
  const [, name = ''] = /NameError: name '(\w+)' is not defined/.exec(saved.why) ?? []
  if (name === '' || !isNamedInText(program, name)) return saved
  const why = `a formula names ${name} of the notebook, and a process that loads the model evaluates it without the notebook; make a column of it before the formula`
  return { ...saved, why: `${saved.why}: ${why}` }
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

/** The list of fonts takes seconds to make, and is the same for every run. */
async function shareFonts(scratch: string): Promise<void> {
  const own = join(homedir(), '.cache', 'matplotlib')
  const target = join(scratch, 'matplotlib')
  await mkdir(target, { recursive: true })
  for (const name of (await ifMissing(readdir(own))) ?? [])
    if (/^fontlist-.*\.json$/.test(name)) await cp(join(own, name), join(target, name))
}
