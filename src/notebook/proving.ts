/** The whole proof of a package: both runs, the saved model, and the environment that they ran in. */
import { join } from 'node:path'
import { agrees, type ProvedStep } from '../contract/packages/proof.ts'
import type { Environment } from './facts/facts.ts'
import type { Package } from './output/modules.ts'
import type { Input } from './rewrite/program.ts'
import type { Proof } from './proof/compare.ts'
import { heldAgainstLock, type Ran } from './proof/locked.ts'
import { packageStep } from './proof/pipeline.ts'
import { askSaved, differing, judge, runOriginal, runPackage, type Judged, type ProofOptions } from './proof/prove.ts'
import type { Run } from './proof/record.ts'

/** The environment of a proof, and how to look further into it. */
export interface Surroundings {
  readonly environment: Environment
  /** The environment with what top-level modules belong to, besides the imports of the code. */
  readonly lookUp: (seen: readonly string[]) => Promise<Environment>
  /** Versions of installed distributions; null for what is not there. */
  readonly installed: NonNullable<Ran['installed']>
  readonly locked: LockedBefore
}

/** What is known of a lock from when it was made. */
export interface LockedBefore {
  /** Its packages that the environment had, beyond what the code imports. */
  readonly seen: readonly string[]
  /** Its packages that the environment did not have: they came for saving. */
  readonly added: readonly string[]
}

/** A proof, and what it was of. */
interface ProofMade {
  readonly proof: Proof
  /** The step that was run; undefined where the project has none. */
  readonly step: ProvedStep | undefined
  /** The settings that it had, as Python writes them. */
  readonly settings: Readonly<Record<string, string>>
  /** What the settings are where nobody sets them. */
  readonly defaults: Readonly<Record<string, string>>
  /** Top-level modules that the package imported as it ran. */
  readonly modules: readonly string[]
  /** Other Pythons that it started, and that are not held to the lock. */
  readonly loose: readonly string[]
}

/** A proof that was held against the packages of its project. */
export interface ProvedPackage extends ProofMade {
  /** Versions that it ran with, of what the project pins or has to pin. */
  readonly packages: Readonly<Record<string, string>>
}

interface Given extends Package {
  readonly project: string
  readonly original: Run | undefined
  readonly traced: TracedRun
  readonly shows: ReadonlySet<number>
  readonly inputs: readonly Input[]
  readonly settings: Readonly<Record<string, string>>
}

/** A second run of the original that looks at the model after each cell. */
export type TracedRun = () => Promise<Run>

/** It begins when it is first asked for, and is made once for all projects that are held against this original. */
export function tracedRun({ program, model }: Package, inputs: readonly Input[], proving: ProofOptions): TracedRun {
  let run: Promise<Run> | undefined
  const scratch = join(proving.scratch, 'twice')
  return () => (run ??= runOriginal(program, model, inputs, { ...proving, scratch, traced: true }))
}

/** Proves a project. With other packages than its lock names nothing is verified, whatever agrees. */
export async function prove(made: Given, proving: ProofOptions, around: Surroundings): Promise<ProvedPackage> {
  const found = await compared(made, proving)
  const { ran, owners } = await ranIn(around, found.modules)
  const { why, open } = await heldAgainstLock(made.project, ran)
  const packages = Object.fromEntries(Object.entries(ran.packages).filter(([name]) => !open.includes(name)))
  const [loose] = found.loose
  const free = loose === undefined ? '' : `it starts a Python that is not held to the lock: ${loose}`
  const other = agrees(found.proof.verdict) ? why || free || (await without(open, owners, made, proving)) : ''
  if (other === '') return { ...found, packages }
  return { ...found, packages, proof: { ...found.proof, verdict: 'not verified', why: other } }
}

/** What both runs had, and of seen modules whose they are. */
interface RanIn {
  readonly ran: Ran
  readonly owners: Environment['owners']
}

/** The packages that both runs had: what the code imports, and what was imported while it ran. */
async function ranIn(
  { environment, lookUp, installed, locked }: Surroundings,
  modules: readonly string[],
): Promise<RanIn> {
  const { python, closure, owners } = modules.length === 0 ? environment : await lookUp(modules)
  const known = new Set([...Object.keys(environment.closure), ...locked.seen])
  const optional = new Set(Object.keys(closure).filter((name) => !known.has(name)))
  const packages = { ...environment.closure, ...closure }
  return { ran: { python, packages, optional, installed, added: locked.added }, owners }
}

/**
 * Why a package is not verified without packages that libraries took up as they found them here, and that nothing pins: the step does
 * not have them. Empty where it computes the same without.
 */
async function without(
  open: readonly string[],
  owners: Environment['owners'],
  made: Given,
  proving: ProofOptions,
): Promise<string> {
  const hidden = Object.keys(owners).filter((top) => open.includes(owners[top] ?? ''))
  if (hidden.length === 0) return ''
  proving.say(`again without what the lock does not have: ${hidden.join(', ')}`)
  const { proof } = await compared(made, { ...proving, scratch: join(proving.scratch, 'without'), hidden })
  return agrees(proof.verdict) ? '' : `without ${hidden.join(', ')}, which the lock does not have: ${proof.why}`
}

async function compared(made: Given, proving: ProofOptions): Promise<ProofMade> {
  const { original, program, model, sections, shows, metrics } = made
  const { step, why } = await packageStep(made.project, made.name)
  const of = { step, settings: {}, defaults: {}, modules: [], loose: [] }
  if (original === undefined) return { ...of, proof: NOT_RUN }
  const judged = { original, program, model, sections, shows, metrics }
  if (original.failed !== null) return { ...of, proof: judge({ ...judged, made: original, saved: undefined }) }
  if (step === undefined || why !== '') return { ...of, proof: { ...NOT_RUN, verdict: 'not verified', why } }
  const run = await runPackage({ ...made, step }, original, proving)
  const before = judge({ ...judged, made: run, saved: undefined })
  const saved = before.verdict === 'not verified' ? undefined : await askSaved(made, run, proving)
  const proof = saved === undefined ? before : judge({ ...judged, made: run, saved })
  const proved = { ...of, step, ...ranWith(original, run) }
  const other = otherDefault(run, made.inputs)
  if (agrees(proof.verdict) && other !== '')
    return { ...proved, proof: { ...proof, verdict: 'not verified', why: other } }
  if (proof.verdict !== 'not verified' || run.failed !== null) return { ...proved, proof }
  return { ...proved, proof: await explained(made.traced, { ...judged, original, made: run, saved }) }
}

/** What both runs imported, and what the package ran with. */
function ranWith(original: Run, run: Run): Pick<ProofMade, 'settings' | 'defaults' | 'modules' | 'loose'> {
  const modules = [...new Set([...(original.modules ?? []), ...(run.modules ?? [])])]
  return { settings: run.settings ?? {}, defaults: run.defaults ?? {}, modules, loose: run.loose ?? [] }
}

/** A proof that failed: a second run of the original tells whether there is one thing to be equal to, and which cells altered the model. */
async function explained(tracedRun: TracedRun, judged: Judged): Promise<Proof> {
  const traced = await tracedRun()
  const unsteady = differing(judged.original, traced)
  const told = judge({ ...judged, traced })
  return unsteady === undefined
    ? told
    : { ...told, why: `the original computes something else in each run: ${unsteady}` }
}

/** A default of config.py that is not what the step of the project file was proved with: whoever uses the package without it gets that. */
function otherDefault({ settings = {}, defaults = {} }: Run, inputs: readonly Input[]): string {
  const places = new Set(['figures', ...inputs.map(({ name }) => name)])
  const found = Object.entries(defaults).find(([name, value]) => !places.has(name) && settings[name] !== value)
  if (found === undefined) return ''
  const [name, value] = found
  return `config.py says ${name} = ${value} where nobody sets it, and the step of slipway.yaml was proved with ${settings[name] ?? 'none'}`
}

const NOT_RUN: Proof = {
  verdict: 'not run',
  why: 'it was not asked for (--no-proof)',
  cells: [],
  predictions: 'not compared',
  saved: { verdict: 'not compared', why: 'no proof was asked for' },
}
