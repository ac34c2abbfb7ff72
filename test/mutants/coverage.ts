/** Which test file runs which character of a source: V8's coverage of one run of each test file without a fault. */
import { createHash } from 'node:crypto'
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { ifJson, ifMissingNow } from '../../src/contract/absence/absent.ts'
import { runTest } from './process.ts'
import type { Ended } from './process.ts'

/** One test file: its times, and for each source that it loads the characters that it runs (1) or does not (0). */
export interface Covered {
  readonly file: string
  readonly ms: number
  /** The longest time in which it reported nothing. */
  readonly silentMs: number
  readonly ran: ReadonlyMap<string, Uint8Array>
  /** True where it was kept from an earlier run, so that nothing has shown yet that the file passes here and now. */
  readonly kept?: boolean
}

const LIMIT_MS = 300_000
const KEPT = 'node_modules/.cache/mutants'
const OWN = /^(?!.*\bnode_modules\/).*\.ts$/

/** What a test file reads beside the modules that it loads. */
const READ = ['src/**/*.sql', 'test/fixtures/**/*.ts', 'python/slipway/**/*.py']

/** The files of a checkout as they are now. */
export interface Tree {
  readonly root: string
  /** Of all that is read and not loaded. */
  readonly digest: string
  /** Of one file; empty where there is none. */
  readonly digestOf: (file: string) => string
}

/** The files of a checkout; a file is read once. */
export function readTree(root: string): Tree {
  const known = new Map<string, string>()
  const digestOf = (file: string): string => {
    const bytes = ifMissingNow(() => readFileSync(join(root, file)))
    const digest = known.get(file) ?? (bytes === undefined ? '' : createHash('sha256').update(bytes).digest('hex'))
    known.set(file, digest)
    return digest
  }
  const hash = createHash('sha256')
  for (const file of globSync(READ, { cwd: root }).sort()) hash.update(`${file} ${digestOf(file)}\n`)
  return { root, digest: hash.digest('hex'), digestOf }
}

/** What lies on disk of a test file's coverage: good while all that it loaded and the rest of the tree are the same. */
interface Kept {
  readonly tree: string
  readonly loaded: readonly (readonly [file: string, digest: string])[]
  readonly ms: number
  readonly silentMs: number
  readonly ran: readonly (readonly [file: string, bits: string])[]
}

/** The coverage of a test file, kept from before where nothing that it loads has changed. Throws when the file does not pass. */
export async function coverageOf(tree: Tree, file: string): Promise<Covered> {
  const kept = join(tree.root, KEPT, `${createHash('sha256').update(file).digest('hex')}.json`)
  const before = readKept(kept)
  if (before !== undefined && isGood(before, tree)) {
    const ran = before.ran.map(([name, bits]) => [name, inflateRawSync(Buffer.from(bits, 'base64'))] as const)
    return { file, ms: before.ms, silentMs: before.silentMs, ran: new Map(ran), kept: true }
  }
  const covered = await measure(tree, file)
  const loaded = [...covered.ran.keys()].map((name) => [name, tree.digestOf(name)] as const)
  const ran = [...covered.ran].map(([name, bits]) => [name, deflateRawSync(bits).toString('base64')] as const)
  const { ms, silentMs } = covered
  mkdirSync(join(tree.root, KEPT), { recursive: true })
  writeFileSync(kept, JSON.stringify({ tree: tree.digest, loaded, ms, silentMs, ran } satisfies Kept))
  return covered
}

function readKept(path: string): Kept | undefined {
  const text = readText(path)
  return text === undefined ? undefined : (ifJson(text) as Kept | undefined)
}

function isGood(kept: Kept, tree: Tree): boolean {
  return kept.tree === tree.digest && kept.loaded.every(([name, digest]) => tree.digestOf(name) === digest)
}

/** Runs a test file without a fault; when it fails, its mutants could not be told. Throws then. */
export async function requirePass(root: string, file: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  const ended = await runTest({ root, file, limitMs: LIMIT_MS, silentMs: LIMIT_MS, env })
  if (ended.result !== 'passed') throw new Error(`${file} does not pass without a fault\n${ended.output.slice(-4000)}`)
  return ended
}

async function measure({ root }: Tree, file: string): Promise<Covered> {
  const folder = mkdtempSync(join(tmpdir(), 'slw-coverage-'))
  try {
    const { ms, silentMs } = await requirePass(root, file, { NODE_V8_COVERAGE: folder })
    return { file, ms, silentMs, ran: readCoverage(root, folder, loadedSources(root, folder)) }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The files of the checkout that any process of a run has loaded, with their texts. */
function loadedSources(root: string, folder: string): Map<string, string> {
  const urls = new Set(readdirSync(folder).flatMap((file) => readScripts(join(folder, file)).map(({ url }) => url)))
  const prefix = `${pathToFileURL(root).href}/`
  const names = [...urls].flatMap((url) => (url.startsWith(prefix) ? [url.slice(prefix.length)] : []))
  const texts = names.filter((name) => OWN.test(name)).map((name) => [name, readText(join(root, name))] as const)
  return new Map(texts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])))
}

/** Undefined where a test has removed what it wrote and loaded. */
function readText(path: string): string | undefined {
  return ifMissingNow(() => readFileSync(path, 'utf8'))
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
