/** Turns research code into a tested package: reads it, orders it, rewrites it, proves it, and writes the project in one go. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile, cp } from 'node:fs/promises'
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
import { scrubbed, treatSecrets } from './findings/secrets.ts'
import { treatSettings } from './findings/settings.ts'
import { treatWaits } from './findings/waits.ts'
import { needsOf } from './order/needs.ts'
import { orderCells, type Wanted } from './order/order.ts'
import { copyInputs, inputsOf, placeInputs } from './output/data.ts'
import { goldens, type Goldens } from './output/golden.ts'
import { importedModules, lockOf, neededPackages, refuseMissing, type ProjectLock } from './output/lock.ts'
import { modules, type Package } from './output/modules.ts'
import { projectFiles } from './output/project.ts'
import { reportPage } from './output/report-page.ts'
import { reportCells, type Report } from './output/report.ts'
import { askSaved, differing, judge, runOriginal, runPackage, type ProofOptions } from './proof/prove.ts'
import type { Proof } from './proof/compare.ts'
import type { Run } from './proof/record.ts'
import { sampleInputs, type Sample, type Sampled } from './proof/sample.ts'
import { readNotebook } from './read/ipynb.ts'
import { refusal } from './read/refusal.ts'
import { readScript } from './read/script.ts'
import type { Research } from './read/cells.ts'
import { liftGlobals } from './rewrite/lifting.ts'
import { findModel, type Model } from './rewrite/model.ts'
import { draws, programOf, type Input, type Program } from './rewrite/program.ts'
import { sectionsOf, slug } from './rewrite/sections.ts'
import { expandStars, withoutStars } from './rewrite/stars.ts'
import { resultsOf } from './rewrite/results.ts'

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
  const name = nameOf(options.file)
  const out = resolve(options.out ?? join(process.cwd(), name.replaceAll('_', '-')))
  await refuseUsed(out)
  return withCode(options, async (code, proving) => {
    const { program, shows, inputs } = code
    const { taken, original } = await firstRun(code, proving, options)
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
    const proof = await prove(
      { ...whole, project, original, shows, inputs: taken.inputs, settings: elsewhere(taken) },
      proving,
    )
    const files = await digestsOf(join(project, 'src'))
    const report = reportOf({ whole, proof, environment, lock, golden, source, samples: taken.samples, files })
    const pages = { 'report.json': `${JSON.stringify(report, null, 2)}\n`, 'report.html': reportPage(report) }
    await writeTexts(project, new Map(Object.entries(pages)), program)
    await settle(project, out)
    return { folder: out, report }
  })
}

/**
 * Proves packages that were made of the research code before, and that people may have edited since: their steps keep their names.
 * Nothing is written. `projects` are folders; the original runs once.
 */
export async function proveAgain(options: PackageOptions, projects: readonly string[]): Promise<Proof[]> {
  return withCode(options, async (code, proving) => {
    const { shows } = code
    const { taken, original } = await firstRun(code, proving, options)
    const whole = assemble({ ...code, name: nameOf(options.file), original })
    const proofs: Proof[] = []
    for (const [at, project] of projects.entries()) {
      const scratch = join(proving.scratch, `again-${at}`)
      proofs.push(
        await prove(
          { ...whole, project: resolve(project), original, shows, inputs: taken.inputs, settings: elsewhere(taken) },
          { ...proving, scratch },
        ),
      )
    }
    return proofs
  })
}

interface FirstRun {
  readonly taken: Sampled
  /** Undefined where no proof is asked for. */
  readonly original: Run | undefined
}

/** Runs the original, on samples of what is large. */
async function firstRun(code: Code, proving: ProofOptions, options: PackageOptions): Promise<FirstRun> {
  if (!options.proof) return { taken: { inputs: code.inputs, samples: [] }, original: undefined }
  const taken = await sampleInputs(code.inputs, { ...proving, above: options.sampleAbove })
  return { taken, original: await runOriginal(code.program, code.model, taken.inputs, proving) }
}

function isSample({ samples }: Sampled): boolean {
  return samples.some(({ kept }) => kept !== null)
}

/** The settings of inputs of which the proof has a sample. */
function elsewhere({ inputs, samples }: Sampled): Record<string, string> {
  const sampled = new Set(samples.flatMap(({ input, kept }) => (kept === null ? [] : [input])))
  return Object.fromEntries(inputs.flatMap(({ name, path }) => (sampled.has(name) ? [[name, path ?? '']] : [])))
}

function nameOf(file: string): string {
  return slug(basename(file, extname(file))) || 'research'
}

interface Code extends Analysed {
  readonly environment: Environment
  /** The environment again, with modules that a run has seen. */
  readonly lookUp: (seen: readonly string[]) => Promise<Environment>
  readonly inputs: readonly Input[]
}

/** Reads and analyses the research code, and gives it to `use` with what its proof needs; the scratch folder goes afterwards. */
async function withCode<T>(
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
    environmentOf(analysed.program, helper, { folder, seen })
  const environment = await lookUp([])
  const inputs = await inputsOf(analysed.program, folder, options.data)
  placeInputs(analysed.program, inputs)
  const scratch = await mkdtemp(join(tmpdir(), 'slipway-package-'))
  try {
    return await use(
      { ...analysed, environment, lookUp, inputs },
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
  const text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
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
  const lifted = liftGlobals(program)
  const model = findModel(program, options.model)
  const { results, metrics, answers } = resultsOf(program, model)
  const sections = sectionsOf(program, model, results)
  const shows = new Set(
    [...program.edits]
      .filter(([, edits]) => edits.some(({ text }) => text.startsWith('logger.info("%r"')))
      .map(([cell]) => cell),
  )
  return { program, model, lifted, sections, results, metrics, answers, shows }
}

/** The environment of the imports, and of top-level modules that a run has seen. Throws for imports that nothing installed explains. */
async function environmentOf(
  program: Program,
  helper: Helper,
  { folder, seen }: { readonly folder: string; readonly seen: readonly string[] },
): Promise<Environment> {
  const needs = neededPackages(program.placed.map(({ statement }) => statement))
  const request = {
    imports: importedModules(program.facts),
    folder,
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

function assemble(given: Analysed & { readonly name: string; readonly original: Run | undefined }): Package {
  const seen = new Map(Object.entries(given.original?.types ?? {}))
  const { name, program, model, lifted, sections, results, metrics, original } = given
  const drawn = new Set(original?.cells.flatMap(({ id, figures }) => (figures.length > 0 ? [id] : [])))
  const figures = original === undefined || original.failed !== null ? undefined : drawn
  const made = { name, program, model, lifted, sections, results, metrics, local: [] }
  return { ...made, seen, figures, draws: draws(program) || drawn.size > 0 }
}

async function prove(
  made: Package & {
    readonly project: string
    readonly original: Run | undefined
    readonly shows: ReadonlySet<number>
    readonly inputs: readonly Input[]
    readonly settings: Readonly<Record<string, string>>
  },
  proving: ProofOptions,
): Promise<Proof> {
  const { original, program, sections, shows, metrics } = made
  if (original === undefined) return NOT_RUN
  const judged = { original, program, sections, shows, metrics }
  if (original.failed !== null) return judge({ ...judged, made: original, saved: undefined })
  const run = await runPackage(made, proving)
  const before = judge({ ...judged, made: run, saved: undefined })
  const proof =
    before.verdict === 'not verified'
      ? before
      : judge({ ...judged, made: run, saved: await askSaved(made, run, proving) })
  if (proof.verdict !== 'not verified' || run.failed !== null) return proof
  // a second run of the original tells whether there is one thing to be equal to
  const scratch = join(proving.scratch, 'twice')
  const second = await runOriginal(program, made.model, made.inputs, { ...proving, scratch })
  const unsteady = differing(original, second)
  return unsteady === undefined
    ? proof
    : { ...proof, why: `the original computes something else in each run: ${unsteady}` }
}

const NOT_RUN: Proof = {
  verdict: 'not run',
  why: 'it was not asked for (--no-proof)',
  cells: [],
  predictions: 'not compared',
  saved: { verdict: 'not compared', why: 'no proof was asked for' },
}

interface Reported {
  readonly whole: Package
  readonly proof: Proof
  readonly environment: Environment
  readonly lock: ProjectLock
  readonly golden: Goldens
  readonly source: string
  readonly samples: readonly Sample[]
  readonly files: Readonly<Record<string, string>>
}

/** Files of Python below a folder, with their digests. */
async function digestsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true })
  const paths = entries.filter((path) => path.endsWith('.py')).toSorted()
  const digests = await Promise.all(
    paths.map(async (path) =>
      createHash('sha256')
        .update(await readFile(join(folder, path)))
        .digest('hex'),
    ),
  )
  return Object.fromEntries(paths.map((path, at) => [path, `sha256:${digests[at]}`]))
}

function reportOf({ whole, proof, environment, lock, golden, source, samples, files }: Reported): Report {
  const { program, sections, model, name } = whole
  const code = new Map<number, string>()
  for (const { cell, body } of sections) code.set(cell, `${code.get(cell) ?? ''}${body}`)
  return {
    source,
    package: name,
    order: program.order,
    model: model.name,
    proof,
    cells: reportCells(program, sections, code, proof),
    findings: program.findings,
    rotate: [...program.secrets.keys()],
    lost: golden.lost,
    samples,
    lock: { hashed: lock.hashed, why: lock.why, packages: Object.keys(environment.closure).length },
    python: environment.python,
    files,
  }
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
