/** Test files of the second part that passed before: kept for the user, so that a change pays for what it touches. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ifJson, ifMissingNow } from '../../src/contract/absence/absent.ts'
import type { Inputs } from './inputs.ts'
import { emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'
import type { EndedFile } from './suite.ts'

/** A pass is taken for so long, ms: what lies outside of the tree, as a registry of packages, changes too. */
const KEPT_MS = 7 * 24 * 3600 * 1000

/** The last run of a test file. */
interface Run {
  readonly file: string
  /** Of its inputs where all of it passed; empty where a test failed or was skipped. */
  readonly digest: string
  /** When it ended, ms; 0 where a test failed, so that it is among the first to run next time and no lack of time hides it. */
  readonly at: number
  /** 0 where a test failed: one that hung says nothing of how long it takes. */
  readonly seconds: number
  readonly passed: number
}

export interface Passes {
  /** What it counted when it passed on the inputs as they are when this is asked first; undefined where it is to be run. */
  readonly taken: (file: string) => Tally | undefined
  /** The files in the order in which they are to be run: what failed or never ran, then longest unrun first, else as they come. */
  readonly inOrder: (files: readonly string[]) => string[]
  /** ms that the last run took; 0 where there was none, or it failed. */
  readonly expectedMs: (file: string) => number
  readonly keep: (ended: EndedFile) => void
}

/** Where the runs lie. */
export function passesFolder(): string {
  return join(homedir(), '.cache', 'slipway-check')
}

/** The runs kept in a folder, for a tree with these inputs. */
export function readPasses(folder: string, inputs: Inputs, now: () => number = Date.now): Passes {
  const path = (file: string): string =>
    join(folder, `${createHash('sha256').update(file).digest('hex').slice(0, 32)}.json`)
  const last = (file: string): Run | undefined => {
    const text = ifMissingNow(() => readFileSync(path(file), 'utf8'))
    return text === undefined ? undefined : (ifJson(text) as Run | undefined)
  }
  return {
    taken(file) {
      const digest = inputs.digestOf(file)
      const run = last(file)
      return run?.digest === digest && run.at >= now() - KEPT_MS ? { ...emptyTally(), passed: run.passed } : undefined
    },
    inOrder(files) {
      const at = new Map(files.map((file) => [file, last(file)?.at ?? 0]))
      return files.toSorted((a, b) => (at.get(a) ?? 0) - (at.get(b) ?? 0))
    },
    expectedMs: (file) => (last(file)?.seconds ?? 0) * 1000,
    keep({ file, seconds, tally }) {
      const isWhole = tally.failed === 0 && tally.skipped === 0
      const ran = tally.failed === 0 ? { at: now(), seconds } : { at: 0, seconds: 0 }
      const run: Run = { file, digest: isWhole ? inputs.digestOf(file) : '', ...ran, passed: tally.passed }
      mkdirSync(folder, { recursive: true })
      const fresh = `${path(file)}.${process.pid}`
      writeFileSync(fresh, JSON.stringify(run))
      renameSync(fresh, path(file))
    },
  }
}
