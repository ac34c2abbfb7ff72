/** What `npm run flakes` is asked for. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isHeavy, longestFirst } from '../check/parts.ts'
import { testFiles } from '../check/suite.ts'

export interface Plan {
  /** The tree whose tests are run. */
  readonly root: string
  readonly files: readonly string[]
  /** How often each file is run. */
  readonly times: number
  /** Endless loops beside them. */
  readonly loops: number
}

const OPTIONS = {
  times: { type: 'string', default: '20' },
  load: { type: 'string', default: String(availableParallelism()) },
  // a test has a tree of its own
  root: { type: 'string', default: resolve(import.meta.dirname, '../..') },
} as const

/** Throws on what cannot be done. */
export function planOf(args: readonly string[]): Plan {
  const { values, positionals: filters } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const times = countOf('times', values.times)
  const loops = countOf('load', values.load)
  if (times === 0) throw new Error('--times is 0; each file runs at least once')
  const found = longestFirst(testFiles(values.root, filters))
  const files = filters.length > 0 ? found : found.filter((file) => !isHeavy(file))
  if (files.length === 0) throw new Error(`no test file matches ${filters.join(', ')}`)
  return { root: values.root, files, times, loops }
}

function countOf(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`--${name} is ${text}, and not a whole number`)
  return Number(text)
}
