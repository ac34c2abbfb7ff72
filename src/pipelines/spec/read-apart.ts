/** Reads project files off the loop of the server: a small one takes less than a thread does, and any other goes to a thread of its own. */
import { problem } from '../../contract/errors.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import { onThread, ThreadEnded } from '../../jobs/thread.ts'
import type { Path } from './describe.ts'
import { linesIn, readProject } from './parse.ts'
import type { Read } from './parse.ts'
import type { Said } from './read-thread.ts'

/** Characters that are read at once: some ten milliseconds where each of them is a sign of its own. */
const SMALL = 8 * 1024
/** Threads at once; who comes after them waits. */
const MOST_THREADS = 2
/** Longest time of one, ms, and its largest heap, MiB. */
const BOUNDS = { ms: 30_000, heap: 1024 }

/** A project file as far as it can be read, and the line of a step's `run` and of what stands under `python`. */
export interface Located extends Read {
  readonly lineOf: (path: Path) => number
}

/** Throws `unprocessable` for a file that takes longer than `bounds` allow; its faults are in the answer. */
export async function readProjectApart(text: string, file: string, bounds = BOUNDS): Promise<Located> {
  if (text.length <= SMALL) return { ...readProject(text), lineOf: linesIn(text) }
  const { read, lines } = await inTurn(() => saidOf(text, file, bounds))
  return { ...(parseNumerals(read) as Read), lineOf: (path) => lines.get(JSON.stringify(path)) ?? 1 }
}

async function saidOf(text: string, file: string, bounds: typeof BOUNDS): Promise<Said> {
  try {
    return await onThread<Said>({
      file: new URL('./read-thread.ts', import.meta.url),
      task: text,
      what: 'reads a project file',
      bounds,
    })
  } catch (error) {
    if (!(error instanceof ThreadEnded)) throw error
    const detail = `${file} was not read within ${bounds.ms / 1000} s and ${bounds.heap} MiB; write it shorter`
    throw problem('unprocessable', { detail }, error)
  }
}

let running = 0
const waiting: (() => void)[] = []

async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (running >= MOST_THREADS) await new Promise<void>((resolve) => waiting.push(resolve))
  else running += 1
  try {
    return await act()
  } finally {
    const next = waiting.shift()
    // the place is handed on
    if (next === undefined) running -= 1
    else next()
  }
}
