/** Whether two files that differ in bytes say the same: texts and tables are compared word by word, their numbers within a tolerance. */
import type { Blobs } from '../../store/blobs/blobs.ts'
import { treeFiles, type TreeFile } from '../../store/blobs/trees.ts'
import { textOf } from './texts.ts'

/** `picture`: what only shows results differs; `opaque`: so do bytes that nothing here can read. */
export type Likeness = 'equal' | 'picture' | 'opaque' | 'different'

const WORSE: readonly Likeness[] = ['equal', 'picture', 'opaque', 'different']

/** Largest file that is read, bytes. */
const READ_LIMIT = 16 * 1024 * 1024
/** Lines between two turns of the loop. */
const LINES_A_TURN = 2000

/** Lines of an MLmodel file that tell when and under which id it was written, and nothing about the model. */
const STAMPS = /^\s*(utc_time_created|model_uuid|model_id|run_id|prompts|artifact_path|model_size_bytes):.*$/gm
export const MODEL_FILE = /(^|\/)MLmodel$/

/** The text of an MLmodel file without what is new each time it is written. */
export function unstamped(text: string): string {
  return text.replace(STAMPS, '')
}

/** What shows results and holds none: its bytes may tell when it was drawn. */
export const PICTURE = /\.(?:png|jpe?g|gif|webp|svg|pdf|html?)$/i
const NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/g

interface Comparison {
  readonly likeness: Likeness
  /** The first file that is not equal, and where; '' for equal trees. */
  readonly where: string
}

/** Compares two trees by what their files say, the worst counts; `tolerance` is the largest relative difference of equal numbers. */
export async function compareContents(
  blobs: Blobs,
  [before, after]: readonly [string, string],
  tolerance: number,
): Promise<Comparison> {
  const [a, b] = await Promise.all([treeFiles(blobs, before), treeFiles(blobs, after)])
  const strange = firstStrange(a, b)
  if (strange !== undefined) return { likeness: 'different', where: `${shown(strange)}, which is not in both` }
  let worst: Comparison = { likeness: 'equal', where: '' }
  for (const [i, file] of a.entries()) {
    const other = b[i]
    if (other === undefined || file.digest === other.digest) continue
    const { likeness, where } = await compareFiles(blobs, [file, other], tolerance)
    if (WORSE.indexOf(likeness) > WORSE.indexOf(worst.likeness)) {
      worst = { likeness, where: `${shown(file.path)}${where}` }
    }
    if (likeness === 'different') break
  }
  return worst
}

function firstStrange(a: readonly TreeFile[], b: readonly TreeFile[]): string | undefined {
  const [there, here] = [a, b].map((files) => new Set(files.map(({ path }) => path)))
  return [...a, ...b].find(({ path }) => there?.has(path) !== here?.has(path))?.path
}

function shown(path: string): string {
  return path === '' ? 'its file' : path
}

async function compareFiles(
  blobs: Blobs,
  files: readonly [TreeFile, TreeFile],
  tolerance: number,
): Promise<Comparison> {
  const [{ path }] = files
  if (PICTURE.test(path)) return { likeness: 'picture', where: '' }
  if (files.some(({ size }) => size > READ_LIMIT)) return { likeness: 'opaque', where: ' (too large to be read)' }
  const [a, b] = await Promise.all(files.map(async ({ digest }) => textOf(await blobs.bytes(digest))))
  if (a === undefined || b === undefined) return { likeness: 'opaque', where: '' }
  return MODEL_FILE.test(path) ? compareTexts(unstamped(a), unstamped(b), tolerance) : compareTexts(a, b, tolerance)
}

async function compareTexts(before: string, after: string, tolerance: number): Promise<Comparison> {
  const [a, b] = [before.split('\n'), after.split('\n')]
  for (const [i, line] of a.entries()) {
    if (i % LINES_A_TURN === LINES_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
    const other = b[i]
    if (other === undefined || !sameLine(line, other, tolerance)) {
      return { likeness: 'different', where: `, line ${i + 1}` }
    }
  }
  return b.length > a.length
    ? { likeness: 'different', where: `, line ${a.length + 1}` }
    : { likeness: 'equal', where: '' }
}

function sameLine(a: string, b: string, tolerance: number): boolean {
  if (a === b) return true
  const [words, others] = [a.split(NUMBER), b.split(NUMBER)]
  if (words.length !== others.length || words.some((word, i) => word !== others[i])) return false
  const [numbers, those] = [a.match(NUMBER) ?? [], b.match(NUMBER) ?? []]
  return numbers.every((text, i) => text === those[i] || nearlyEqual(Number(text), Number(those[i]), tolerance))
}

/** Equal within a relative tolerance; both absent counts as equal. */
export function nearlyEqual(a: number | undefined, b: number | undefined, tolerance: number): boolean {
  if (a === undefined || b === undefined) return a === b
  return a === b || Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b))
}
