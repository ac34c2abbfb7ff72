/** What a run wrote down: the values of each cell as descriptions, beside a file of numbers. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A described value; `k` says what it is. */
export type Described =
  | { readonly k: 'exact'; readonly v: string }
  | { readonly k: 'number'; readonly t: string; readonly v: string }
  | {
      readonly k: 'array'
      readonly t: string
      readonly shape: readonly number[]
      readonly sha: string
      readonly from?: number
      readonly count?: number
    }
  | { readonly k: 'list'; readonly t: string; readonly v: readonly Described[] }
  | { readonly k: 'dict'; readonly t: string; readonly v: readonly (readonly [string, Described])[] }
  | { readonly k: 'again'; readonly v: number }
  | { readonly k: 'skip'; readonly why: string; readonly name?: string }
  | { readonly k: 'fault'; readonly why: string }

export interface CellRecord {
  readonly id: number
  readonly printed: string
  /** What a notebook shows of its last expression; the original only. */
  readonly shown?: string
  readonly figures: readonly string[]
  readonly values: Readonly<Record<string, Described>>
}

export interface Saving {
  /** `skipped` where it could not be tried here. */
  readonly state: 'saved' | 'skipped' | 'failed'
  /** Empty where it was saved. */
  readonly why: string
}

export interface RunRecord {
  readonly cells: readonly CellRecord[]
  readonly failed: { readonly cell: number; readonly why: string } | null
  readonly types?: Readonly<Record<string, { readonly module: string; readonly name: string }>>
  readonly probe: Described | null
  /** What `main` of the package gave back, by name. */
  readonly metrics?: Readonly<Record<string, Described>> | null
  /** What became of the model that `main` of the package was to save. */
  readonly saved?: Saving
  /** Top-level modules that were imported while the original ran. */
  readonly modules?: readonly string[]
}

/** A record with its numbers, and the files that the run wrote where it ran: path to digest. */
export interface Run extends RunRecord {
  readonly numbers: Float64Array
  readonly written: ReadonlyMap<string, string>
}

/** Reads the record of a run from its folder. */
export async function readRun(folder: string, written: ReadonlyMap<string, string>): Promise<Run> {
  const record = JSON.parse(await readFile(join(folder, 'record.json'), 'utf8')) as RunRecord
  const bytes = await readFile(join(folder, 'values.bin'))
  const numbers = new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength - (bytes.byteLength % 8)),
  )
  return { ...record, numbers, written }
}
