/** Which test file runs which character of a source: V8's coverage of one run of each test file without a fault. */
import { createHash } from 'node:crypto'
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { ifJson, ifMissingNow } from '../../src/contract/absence/absent.ts'
import { runTest } from './process.ts'

/** One test file: how long it takes, and for each source the characters that it runs (1) or does not (0). */
export interface Covered {
  readonly file: string
  readonly ms: number
  readonly ran: ReadonlyMap<string, Uint8Array>
  /** True where it was kept from an earlier run, so that nothing has shown yet that the file passes here and now. */
  readonly kept?: boolean
}

const LIMIT_MS = 300_000
const KEPT = 'node_modules/.cache/mutants'

/** What a test file is made of beside itself; with the same texts it reaches the same characters. */
const PARTS = ['src/**/*.ts', 'test/*.ts', 'test/fixtures/**/*.ts', 'python/slipway/**/*.py']

/** A digest of all sources; a kept coverage is good while it and the test file are the same. */
export function treeDigest(root: string): string {
  const hash = createHash('sha256')
  for (const file of globSync(PARTS, { cwd: root }).sort()) {
    if (!file.endsWith('.test.ts')) hash.update(`${file}\n`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}

/** What is asked of coverage: `digest` is that of the tree, `sources` are the texts by their path below `root`. */
export interface CoverageJob {
  readonly root: string
  readonly digest: string
  readonly sources: ReadonlyMap<string, string>
}

/** The coverage of a test file, kept from before where nothing has changed. Throws when the file does not pass. */
export async function coverageOf(job: CoverageJob, file: string): Promise<Covered> {
  const key = createHash('sha256')
    .update(JSON.stringify([job.digest, file, ...job.sources]))
    .update(readFileSync(join(job.root, file)))
  const kept = join(job.root, KEPT, `${key.digest('hex')}.json`)
  const before = readKept(kept)
  if (before !== undefined) return { file, ...before, kept: true }
  const covered = await measure(job, file)
  const ran = [...covered.ran].map(([name, bits]) => [name, deflateRawSync(bits).toString('base64')])
  mkdirSync(join(job.root, KEPT), { recursive: true })
  writeFileSync(kept, JSON.stringify({ ms: covered.ms, ran }))
  return covered
}

function readKept(path: string): Pick<Covered, 'ms' | 'ran'> | undefined {
  const text = ifMissingNow(() => readFileSync(path, 'utf8'))
  if (text === undefined) return undefined
  try {
    const { ms, ran } = JSON.parse(text) as { ms: number; ran: [string, string][] }
    return { ms, ran: new Map(ran.map(([name, bits]) => [name, inflateRawSync(Buffer.from(bits, 'base64'))])) }
  } catch {
    return undefined
  }
}

/** Runs a test file without a fault; when it fails, its mutants could not be told. Throws then. Returns how long it took, in ms. */
export async function requirePass(root: string, file: string, env: Readonly<Record<string, string>>): Promise<number> {
  const ended = await runTest({ root, file, limitMs: LIMIT_MS, env })
  if (ended.result !== 'passed') throw new Error(`${file} does not pass without a fault\n${ended.output.slice(-4000)}`)
  return ended.ms
}

async function measure({ root, sources }: CoverageJob, file: string): Promise<Covered> {
  const folder = mkdtempSync(join(tmpdir(), 'slw-coverage-'))
  try {
    const ms = await requirePass(root, file, { NODE_V8_COVERAGE: folder })
    return { file, ms, ran: readCoverage(root, folder, sources) }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The test files that run a character of a source: first the one of the same name, then the quickest. */
export function testsOf(tests: readonly Covered[], source: string, at: number): Covered[] {
  const stem = basename(source, '.ts')
  const rank = (test: Covered): number => (basename(test.file).startsWith(`${stem}.`) ? 0 : 1)
  return tests.filter((test) => test.ran.get(source)?.[at] === 1).sort((a, b) => rank(a) - rank(b) || a.ms - b.ms)
}

interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/**
 * For each source the characters that any process of the run has executed. `folder` is what the processes had as NODE_V8_COVERAGE.
 * Types are blanked by Node, so that offsets are those of the source.
 */
export function readCoverage(
  root: string,
  folder: string,
  sources: ReadonlyMap<string, string>,
): Map<string, Uint8Array> {
  const names = new Map([...sources.keys()].map((name) => [pathToFileURL(join(root, name)).href, name]))
  const ran = new Map<string, Uint8Array>()
  for (const file of readdirSync(folder)) {
    for (const script of readScripts(join(folder, file))) {
      const name = names.get(script.url)
      if (name === undefined) continue
      const all = ran.get(name) ?? new Uint8Array((sources.get(name) ?? '').length)
      const now = paint(script, all.length)
      for (let i = 0; i < all.length; i++) if (now[i] === 1) all[i] = 1
      ran.set(name, all)
    }
  }
  return ran
}

/** A process that was killed while it wrote leaves half a file. */
function readScripts(file: string): readonly Script[] {
  const read = ifJson(readFileSync(file, 'utf8')) as { result: readonly Script[] } | undefined
  return read?.result ?? []
}

/** An inner range says more than the range around it. */
function paint(script: Script, length: number): Uint8Array {
  const ranges = script.functions.flatMap((one) => one.ranges)
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const ran = new Uint8Array(length)
  for (const range of ranges) ran.fill(range.count > 0 ? 1 : 0, range.startOffset, range.endOffset)
  return ran
}
