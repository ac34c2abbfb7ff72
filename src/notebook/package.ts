/** Turns research code into a tested package: reads it, orders it, rewrites it, proves it, and writes the project in one go. */
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, stat, writeFile, cp } from 'node:fs/promises'
import { readUserText } from '../contract/absence/user-file.ts'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { ifMissing } from '../contract/absence/absent.ts'
import { openIsolation } from '../isolation/isolation.ts'
import { interpreter, openHelper, syntaxFault, type Helper } from './facts/interpreter.ts'
import type { Environment } from './facts/facts.ts'
import { reportInteractive, treatDisplay } from './findings/display.ts'
import { treatPaths } from './findings/paths.ts'
import { reportPractice } from './findings/practice.ts'
import { calledOnce, treatRandomness } from './findings/randomness.ts'
import { treatSecrets } from './findings/secrets.ts'
import { treatSettings } from './findings/settings.ts'
import { treatWaits } from './findings/waits.ts'
import { needsOf } from './order/needs.ts'
import { arrowOfR } from './order/arrows.ts'
import { orderCells, type Wanted } from './order/order.ts'
import { copyInputs, inputsOf, placeInputs } from './output/data.ts'
import { goldens } from './output/golden.ts'
import { importedModules, lockOf, namesOf, neededPackages, refuseMissing } from './output/lock.ts'
import { modules, type Package } from './output/modules.ts'
import { projectFiles } from './output/project.ts'
import { reportFiles } from './output/report-files.ts'
import { reportOf, type Report } from './output/report.ts'
import { runOriginal, type ProofOptions } from './proof/prove.ts'
import type { Run } from './proof/record.ts'
import { sampleInputs, type Sampled } from './proof/sample.ts'
import { prove, tracedRun, type Surroundings } from './proving.ts'
import { readNotebook } from './read/ipynb.ts'
import { refusal } from './read/refusal.ts'
import { readScript } from './read/script.ts'
import { isR, type Research } from './read/cells.ts'
import { liftGlobals } from './rewrite/lifting.ts'
import { findModel, withKeptRows, type Model } from './rewrite/model.ts'
import { draws, programOf, type Input, type Program } from './rewrite/program.ts'
import { sectionsOf, slug } from './rewrite/sections.ts'
import { treatTexts } from './rewrite/texts.ts'
import { expandStars, withoutStars } from './rewrite/stars.ts'
import { resultsOf } from './rewrite/results.ts'
import { scrubbed } from './rewrite/scrubbed.ts'

/** A file above this is no research code, bytes. */
const LARGEST = 512 * 1024 * 1024
/** The index may take this long to give hashes, ms. */
const LOCK_MS = 60_000

export interface PackageOptions {
  /** Notebook or script. */
  readonly file: string
  /** Folder of the project; must not exist or be empty. */
  readonly out: string | undefined
  readonly python: string | undefined
  /** `NAME=PATH` for inputs that lie elsewhere. */
  readonly data: readonly string[]
  readonly order: Wanted
  /** The variable with the model, where there are several. */
  readonly model: string | undefined
  readonly proof: boolean
  readonly network: boolean
  /** Ask no index for hashes. */
  readonly offline: boolean
  /** Seconds for each cell of the proof. */
  readonly limit: number
  /** Inputs above this many bytes are sampled for the proof; 0 for none. */
  readonly sampleAbove: number
  readonly say: (line: string) => void
}

export interface Packaged {
  readonly folder: string
  readonly report: Report
}

/** Packages research code. Throws `unprocessable` with every reason why it cannot be, and then writes nothing. */
export async function packageResearch(options: PackageOptions): Promise<Packaged> {
  const out = resolve(options.out ?? join(process.cwd(), nameOf(options.file).replaceAll('_', '-')))
  await refuseUsed(out)
  return withCode(options, async (given, proving) => {
    const { program, shows, inputs, name } = given
    const { taken, original } = await firstRun(given, proving, options)
    const code = withRows(given, original)
    const whole = assemble({ ...code, name, original })
    // what a sample gives is no figure of the whole
    const golden = goldens(program, shows, isSample(taken) ? undefined : original)
    const environment = await observed(code, original)
    const lock = await lockOf(environment, options.offline ? 0 : LOCK_MS)
    const project = join(proving.scratch, 'project')
    const source = basename(options.file)
    const more = { environment, lock, inputs, goldens: golden.kept, answers: code.answers, source }
    const { local } = environment
    await writeTexts(
      project,
      new Map([...modules({ ...whole, local }), ...projectFiles({ ...whole, local, ...more })]),
      program,
    )
    await copyInputs(inputs, project)
    await copyLocal(environment.local, proving.folder, project)
    const added = namesOf(lock).filter((one) => !(one in environment.closure))
    const proved = await prove(
      {
        ...whole,
        project,
        original,
        traced: tracedRun(whole, taken.inputs, proving),
        shows,
        inputs: taken.inputs,
        settings: elsewhere(taken),
      },
      proving,
      surroundings(code, environment, { seen: [], added }),
    )
    const kinds = { whole, proved, environment, lock, added, golden, source, samples: taken.samples, inputs }
    const report = await reportOf(kinds, project)
    await writeTexts(project, reportFiles(report), program)
    await settle(project, out)
    return { folder: out, report }
  })
}

/** The research code as it stands, run. */
export interface FirstRun {
  readonly taken: Sampled
  /** Undefined where no proof is asked for. */
  readonly original: Run | undefined
}

/** Runs the original, on samples of what is large. */
export async function firstRun(code: Code, proving: ProofOptions, options: PackageOptions): Promise<FirstRun> {
  if (!options.proof) return { taken: { inputs: code.inputs, samples: [] }, original: undefined }
  const taken = await sampleInputs(code.inputs, { ...proving, above: options.sampleAbove })
  return { taken, original: await runOriginal(code.program, code.model, taken.inputs, proving) }
}

export function isSample({ samples }: Sampled): boolean {
  return samples.some(({ kept }) => kept !== null)
}

/** The settings of inputs of which the proof has a sample. */
export function elsewhere({ inputs, samples }: Sampled): Record<string, string> {
  const sampled = new Set(samples.flatMap(({ input, kept }) => (kept === null ? [] : [input])))
  return Object.fromEntries(inputs.flatMap(({ name, path }) => (sampled.has(name) ? [[name, path ?? '']] : [])))
}

function nameOf(file: string): string {
  return slug(basename(file, extname(file))) || 'research'
}

/** What saving imports, where it is not installed yet, and folders of the project. */
const OTHERS: readonly string[] = ['mlflow', 'src', 'tests', 'data']

/** The name of the package: that of the file, unless a module has it that the package would hide. */
function packageName(program: Program, wanted: string, { taken, local }: Environment): string {
  if (!taken && !local.includes(wanted) && !OTHERS.includes(wanted)) return wanted
  const name = `${wanted}_package`
  program.findings.push({
    code: 'D1',
    cell: null,
    found: `${wanted} is the name of a module, which a package of that name would hide`,
    treatment: 'changed',
    action: `the package is called ${name}`,
  })
  return name
}

export interface Code extends Analysed {
  /** Of the package. */
  readonly name: string
  readonly environment: Environment
  /** The environment again, with modules that a run has seen. */
  readonly lookUp: (seen: readonly string[]) => Promise<Environment>
  /** Of the interpreter that runs the code. */
  readonly helper: Helper
  readonly inputs: readonly Input[]
}

/** Reads and analyses the research code, and gives it to `use` with what its proof needs; the scratch folder goes afterwards. */
export async function withCode<T>(
  options: PackageOptions,
  use: (code: Code, proving: ProofOptions) => Promise<T>,
): Promise<T> {
  const file = resolve(options.file)
  const folder = dirname(file)
  const research = await read(file)
  const python = await interpreter(options.python)
  options.say('reading the code')
  const helper = openHelper(python)
  const analysed = await analyse(research, helper, folder, options)
  const lookUp = (seen: readonly string[]): Promise<Environment> =>
    environmentOf(analysed.program, helper, { folder, seen, name: nameOf(file) })
  const environment = await lookUp([])
  const name = packageName(analysed.program, nameOf(file), environment)
  const inputs = await inputsOf(analysed.program, folder, options.data)
  placeInputs(analysed.program, inputs)
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-package-'))
  try {
    return await use(
      { ...analysed, name, environment, lookUp, helper, inputs },
      await proofOptions(options, { python, scratch, folder, file, environment }),
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function unreadable(message: string, remedy: string): Error {
  return refusal([{ code: 'format', cell: null, message, remedy }])
}

async function read(file: string): Promise<Research> {
  const found = await ifMissing(stat(file))
  if (found === undefined || !found.isFile())
    throw unreadable(`${file} is no file`, 'name a notebook (.ipynb) or a script (.py)')
  if (found.size > LARGEST)
    throw unreadable(`${file} has ${Math.round(found.size / 1e6)} MB`, 'clear its outputs and save it again')
  const text = (await readUserText(file, { most: 256 * 1024 * 1024 })).replace(/^\uFEFF/, '')
  const ending = extname(file).toLowerCase()
  if (ending !== '.ipynb' && ending !== '.py')
    throw unreadable(`"${ending}" is neither .ipynb nor .py`, 'convert it to one of them')
  const research = ending === '.ipynb' ? readNotebook(text) : readScript(text)
  if (research.cells.every(({ source }) => source.trim() === ''))
    throw unreadable('there is no code in it', 'name another file')
  return research
}

async function refuseUsed(out: string): Promise<void> {
  const entries = await ifMissing(readdir(out))
  if (entries === undefined || entries.length === 0) return
  throw refusal([
    {
      code: 'out',
      cell: null,
      message: `${out} is not empty, and nothing is written over`,
      remedy: 'name another folder with --out',
    },
  ])
}

interface Analysed {
  readonly program: Program
  readonly model: Model
  readonly lifted: ReturnType<typeof liftGlobals>
  readonly sections: ReturnType<typeof sectionsOf>
  readonly results: readonly string[]
  readonly metrics: readonly string[]
  readonly answers: string | undefined
  readonly shows: ReadonlySet<number>
}

async function analyse(research: Research, helper: Helper, folder: string, options: PackageOptions): Promise<Analysed> {
  const raw = await helper.facts(research.cells.map(({ id, source }) => ({ id, source })))
  const fault = syntaxFault(raw.cells)
  const arrow = isR(research) ? (fault ?? arrowOfR(research, raw)) : undefined
  if (arrow !== undefined)
    throw refusal([
      {
        code: 'kernel',
        cell: arrow.cell,
        line: arrow.line,
        message: 'the notebook is written in R',
        remedy: 'only Python is packaged',
      },
    ])
  if (fault !== undefined)
    throw refusal([
      { code: 'syntax', ...fault, message: `it is no Python: ${fault.message}`, remedy: 'mend the cell, or delete it' },
    ])
  const stars = await expandStars(raw, helper, folder)
  const facts = withoutStars(raw, stars)
  const { order, findings } = orderCells(research.cells, needsOf(facts), options.order)
  const program = programOf(research, facts, order)
  program.findings.push(...findings)
  for (const [key, names] of stars.names) {
    const [cell = ''] = key.split(' ')
    program.findings.push({
      code: 'D5',
      cell: Number(cell),
      found: 'from … import *',
      treatment: 'changed',
      action: names.length === 0 ? 'gone: nothing of it is used' : `the names that are used: ${names.join(', ')}`,
    })
  }
  treatSettings(program)
  treatWaits(program)
  treatSecrets(program)
  treatPaths(program, folder)
  treatRandomness(program, await helper.signatures(calledOnce(program)))
  reportPractice(program, facts.python)
  treatDisplay(program)
  reportInteractive(program)
  treatTexts(program)
  const lifted = liftGlobals(program)
  const model = findModel(program, options.model)
  const shows = new Set(
    [...program.edits]
      .filter(([, edits]) => edits.some(({ text }) => text.startsWith('logger.info("%r"')))
      .map(([cell]) => cell),
  )
  return { program, lifted, shows, ...stepsOf(program, model) }
}

/** What the program becomes with a model. */
function stepsOf(
  program: Program,
  model: Model,
): Pick<Analysed, 'model' | 'sections' | 'results' | 'metrics' | 'answers'> {
  const { results, metrics, answers } = resultsOf(program, model)
  return { model, results, metrics, answers, sections: sectionsOf(program, model, results) }
}

/** The code, with a copy of the rows that its model is asked with where the original was seen to change them. */
export function withRows(code: Code, original: Run | undefined): Code {
  if (original?.changed !== true) return code
  return { ...code, ...stepsOf(code.program, withKeptRows(code.program, code.model)) }
}

/** The environment of the imports, and of top-level modules that a run has seen. Throws for imports that nothing installed explains. */
async function environmentOf(
  program: Program,
  helper: Helper,
  { folder, seen, name }: { readonly folder: string; readonly seen: readonly string[]; readonly name: string },
): Promise<Environment> {
  const needs = neededPackages(program.placed.map(({ statement }) => statement))
  const request = {
    imports: importedModules(program.facts),
    folder,
    name,
    extras: ['mlflow-skinny'],
    seen,
  }
  const found = await helper.environment({ ...request, needs: needs.flat() })
  // of packages that can stand for each other one is enough
  const lacking = new Set(
    needs.filter((some) => some.every((one) => !(`(${one})` in found.resolved))).map(([first]) => first),
  )
  const others = new Set(needs.flat())
  const environment = {
    ...found,
    missing: found.missing.filter((one) => !others.has(one.import) || lacking.has(one.import)),
  }
  refuseMissing(environment, program)
  return environment
}

/** The environment with what was imported while the original ran, beyond what the code names and its packages ask for. */
async function observed({ environment, lookUp, program }: Code, original: Run | undefined): Promise<Environment> {
  const seen = original?.modules ?? []
  if (seen.length === 0) return environment
  const whole = await lookUp(seen)
  const before = new Set(Object.keys(environment.closure))
  const more = Object.keys(whole.direct).filter((name) => !before.has(name))
  if (more.length > 0)
    program.findings.push({
      code: 'D1',
      cell: null,
      found: `imported while the code ran, and named by no import: ${more.join(', ')}`,
      treatment: 'changed',
      action: 'locked with the others',
    })
  return whole
}

/** What a proof in an environment is held against. */
export function surroundings(
  { lookUp, helper }: Code,
  environment: Environment,
  locked: Surroundings['locked'],
): Surroundings {
  return { environment, lookUp, installed: helper.versions, locked }
}

interface Place {
  readonly python: string
  readonly scratch: string
  readonly folder: string
  readonly file: string
  readonly environment: Environment
}

async function proofOptions(
  options: PackageOptions,
  { python, scratch, folder, file, environment }: Place,
): Promise<ProofOptions> {
  const data = resolve(process.env['SLIPWAY_DATA'] ?? '.slipway')
  const hidden = (await ifMissing(stat(data))) === undefined ? join(scratch, 'hidden') : data
  const { plan } = options.proof ? await openIsolation({ dataDir: hidden }) : { plan: null }
  const { limit, network, say } = options
  return { python, plan, limit, network, scratch, folder, file, modules: Object.keys(environment.closure), say }
}

export function assemble(given: Analysed & { readonly name: string; readonly original: Run | undefined }): Package {
  const seen = new Map(Object.entries(given.original?.types ?? {}))
  const { name, program, model, lifted, sections, results, metrics, original } = given
  const drawn = new Set(original?.cells.flatMap(({ id, figures }) => (figures.length > 0 ? [id] : [])))
  const figures = original === undefined || original.failed !== null ? undefined : drawn
  const made = { name, program, model, lifted, sections, results, metrics, local: [] }
  return { ...made, seen, figures, draws: draws(program) || drawn.size > 0 }
}

/** Writes texts without the secrets of the program. */
async function writeTexts(project: string, texts: ReadonlyMap<string, string>, program: Program): Promise<void> {
  for (const [path, text] of texts) {
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), scrubbed(program, text))
  }
}

/** Modules that lie beside the notebook come with it. */
async function copyLocal(names: readonly string[], folder: string, project: string): Promise<void> {
  for (const name of names) {
    const file = join(folder, `${name}.py`)
    const single = (await ifMissing(stat(file))) !== undefined
    await cp(single ? file : join(folder, name), join(project, 'src', single ? `${name}.py` : name), {
      recursive: true,
    })
  }
}

/** The finished project takes its place at once. */
async function settle(project: string, out: string): Promise<void> {
  await mkdir(dirname(out), { recursive: true })
  const beside = `${out}.partial-${process.pid}`
  await cp(project, beside, { recursive: true })
  if ((await ifMissing(stat(out))) !== undefined) await rmdir(out)
  await rename(beside, out)
}
