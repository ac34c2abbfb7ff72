/** Mutants of a place: made, sampled, and run against the tests that reach them. */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { coverageOf, requirePass, readTree, testsOf } from './coverage.ts'
import type { Covered } from './coverage.ts'
import type { Equivalent } from './equivalent.ts'
import { faultsOf } from './operators.ts'
import type { Fault } from './operators.ts'
import type { MutantPlace } from './places.ts'
import { runTest } from './process.ts'

export interface Mutant extends Fault {
  readonly file: string
  /** From 1. */
  readonly lineNumber: number
  /** Text of the line, trimmed. */
  readonly line: string
  readonly change: string
}

/**
 * `unreached`: no test runs the line. `late`: the tests did not end in time, which counts as killed. `undecided`: the time of the whole
 * run was over before all its tests had been asked, which counts as survived.
 */
export type Fate = 'killed' | 'late' | 'survived' | 'unreached' | 'undecided'

export interface Judgement {
  readonly mutant: Mutant
  readonly fate: Fate
  /** Why a survivor changes nothing, where the list says so. */
  readonly why?: string
}

/** What is run: `root` is the checkout, `only` a part of `file:line`, `budget` the most mutants, `lanes` how many at once. */
export interface MutationJob {
  readonly root: string
  readonly place: MutantPlace
  readonly only?: string | undefined
  readonly budget: number
  readonly seed: string
  /** Leaves the slow test files out. */
  readonly quick?: boolean
  readonly lanes: number
  /** What a test file may take beyond five times what it took without a fault, and be silent likewise, ms; default ten seconds. */
  readonly graceMs?: number
  /** Whether the time is over: then no other mutant is begun, and those that were not are left out of the result. */
  readonly isOver?: () => boolean
  readonly equivalents: readonly Equivalent[]
  readonly onProgress: (text: string) => void
}

export interface Result {
  readonly total: number
  readonly judgements: readonly Judgement[]
  /** Entries of the list that name no mutant, or only mutants that a test finds. */
  readonly stale: readonly Equivalent[]
}

const NOT_MUTATED = /\.(test|cases|fixture)\.ts$/
const KEPT_CODE = 'node_modules/.cache/mutants/code'
const SLOWER = 5
const GRACE_MS = 10_000

/** Runs a place. Throws when a test file does not pass without a fault. */
export async function runPlace(job: MutationJob): Promise<Result> {
  const sources = readSources(job)
  const all = [...sources].flatMap(([file, source]) => mutantsOf(file, source))
  const wanted = all.filter((mutant) => `${mutant.file}:${mutant.lineNumber}:`.includes(job.only ?? ''))
  const chosen = sample(wanted, job)
  const tree = readTree(job.root)
  const fates = new Map<Mutant, Fate>()
  const killers = new Set<Covered>()
  for (const files of testFilesOf(job)) {
    const alive = chosen.filter((mutant) => isAlive(fates.get(mutant) ?? 'unreached'))
    if (alive.length === 0 || job.isOver?.() === true) break
    const tests = await inLanes(job, files, (file) => coverageOf(tree, file), 'coverage')
    await inLanes(
      job,
      alive,
      async (mutant) => {
        if (job.isOver?.() === true) return
        const { fate, by } = await fateOf(job, mutant, tests, fates.get(mutant))
        fates.set(mutant, fate)
        if (by !== undefined) killers.add(by)
      },
      'mutants',
    )
  }
  await checkKillers(job, killers)
  const judged = chosen.filter((mutant) => fates.has(mutant))
  const judgements = judged.map((mutant) => judge(mutant, fates.get(mutant) ?? 'unreached', job.equivalents))
  return { total: wanted.length, judgements, stale: staleOf(job, all, judgements) }
}

function readSources({ root, place }: MutationJob): Map<string, string> {
  const files = globSync([...place.sources], { cwd: root }).filter((file) => !NOT_MUTATED.test(file))
  return new Map(files.sort().map((file) => [file, readFileSync(join(root, file), 'utf8')]))
}

/** The test files in the order in which they are asked: the slow ones cost their coverage only where a mutant is left for them. */
function testFilesOf({ root, place, quick }: MutationJob): string[][] {
  const slow = new Set(globSync([...(place.slow ?? [])], { cwd: root }))
  const all = globSync([...place.tests], { cwd: root }).sort()
  const first = all.filter((file) => !slow.has(file))
  return quick === true ? [first] : [first, all.filter((file) => slow.has(file))]
}

/** Every mutant of a source, in the order of their places. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const lines = source.split('\n')
  return faultsOf(source).map((fault) => {
    const lineNumber = source.slice(0, fault.start).split('\n').length
    const line = (lines[lineNumber - 1] ?? '').trim()
    return { ...fault, file, lineNumber, line, change: `${fault.from} → ${fault.to}` }
  })
}

/** In an order that depends on the text only, so that a sample stays the same when lines move. */
function sample(mutants: readonly Mutant[], { seed, budget }: MutationJob): Mutant[] {
  const order = (mutant: Mutant): string =>
    createHash('sha256').update(`${seed}\n${mutant.file}\n${mutant.line}\n${mutant.change}`).digest('hex')
  const ordered = mutants.map((mutant) => ({ mutant, order: order(mutant) }))
  ordered.sort((a, b) => (a.order < b.order ? -1 : 1))
  return ordered.slice(0, budget).map((one) => one.mutant)
}

/** A file that cannot even start "finds" every fault: one whose coverage was kept has to pass here too. */
async function checkKillers(job: MutationJob, killers: ReadonlySet<Covered>): Promise<void> {
  const files = [...killers].filter((test) => test.kept === true).map((test) => test.file)
  await inLanes(job, files, (file) => requirePass(job.root, file, {}), 'controls')
}

/** `before` is what it came to with the test files before these, `by` the file that found the fault. */
async function fateOf(
  job: MutationJob,
  mutant: Mutant,
  tests: readonly Covered[],
  before?: Fate,
): Promise<{ fate: Fate; by?: Covered }> {
  const reaching = testsOf(tests, mutant.file, mutant.start)
  const { start, end, text } = mutant
  const served = { url: pathToFileURL(join(job.root, mutant.file)).href, start, end, text }
  for (const test of reaching) {
    if (job.isOver?.() === true) return { fate: 'undecided' }
    const [limitMs, silentMs] = [test.ms, test.silentMs].map((ms) => ms * SLOWER + (job.graceMs ?? GRACE_MS)) as [
      number,
      number,
    ]
    const env = { SLIPWAY_MUTANT: JSON.stringify(served), NODE_COMPILE_CACHE: join(job.root, KEPT_CODE) }
    const { result } = await runTest({ root: job.root, file: test.file, limitMs, silentMs, env })
    if (result !== 'passed') return { fate: result === 'late' ? 'late' : 'killed', by: test }
  }
  return { fate: reaching.length === 0 ? (before ?? 'unreached') : 'survived' }
}

function names(entry: Equivalent, mutant: Mutant): boolean {
  return entry.file === mutant.file && entry.line === mutant.line && entry.change === mutant.change
}

function isAlive(fate: Fate): boolean {
  return fate === 'survived' || fate === 'unreached' || fate === 'undecided'
}

function judge(mutant: Mutant, fate: Fate, equivalents: readonly Equivalent[]): Judgement {
  const why = isAlive(fate) ? equivalents.find((entry) => names(entry, mutant))?.why : undefined
  return why === undefined ? { mutant, fate } : { mutant, fate, why }
}

function staleOf(job: MutationJob, all: readonly Mutant[], judgements: readonly Judgement[]): Equivalent[] {
  const files = new Set(all.map((mutant) => mutant.file))
  return job.equivalents.filter((entry) => {
    if (!files.has(entry.file)) return false
    const run = judgements.filter((one) => names(entry, one.mutant))
    return !all.some((mutant) => names(entry, mutant)) || (run.length > 0 && run.every((one) => !isAlive(one.fate)))
  })
}

async function inLanes<T, R>(
  job: MutationJob,
  items: readonly T[],
  run: (item: T) => Promise<R>,
  noun: string,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let done = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      results[at] = await run(items[at] as T)
      job.onProgress(`${job.place.name}: ${noun} ${++done}/${items.length}`)
    }
  }
  await Promise.all(Array.from({ length: job.lanes }, lane))
  return results
}
