/** What a run wrote down: the values of each cell as descriptions, beside a file of numbers. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AskedBy } from '../../contract/packages/proof.ts'

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
  /** A second run of the original: digests of the model and of the steps before it. */
  readonly states?: Readonly<Record<string, string>>
}

export interface Saving {
  /** `skipped` where it could not be tried here. */
  readonly state: 'saved' | 'skipped' | 'failed'
  /** Empty where it was saved. */
  readonly why: string
}

/** Some of the rows, asked without the others. */
export interface PieceRecord {
  /** Their places among all rows. */
  readonly rows: readonly number[]
  readonly answer: Described
  /** The answer to each of them as Python writes it; empty where there is not one for each. */
  readonly texts: readonly string[]
  /** The original: its answers to them among all rows. */
  readonly among?: readonly string[]
}

/** Some of the rows with one column changed: made-up rows, that the notebook does not have. */
export interface CaseRecord extends Omit<PieceRecord, 'among'> {
  /** Place of the column, and what it is called. */
  readonly column: number
  readonly name: string
  readonly how: 'missing' | 'below' | 'above' | 'unknown'
}

export interface RunRecord {
  readonly cells: readonly CellRecord[]
  readonly failed: { readonly cell: number; readonly why: string } | null
  readonly types?: Readonly<Record<string, { readonly module: string; readonly name: string }>>
  /** The original: what the notebook was answered, where it asked with rows alone. Else what the model as it is at the end answers. */
  readonly probe: Described | null
  /** The original: the cell that asked, and whether `probe` is what it was answered, or what the proof asked for. */
  readonly asked?: AskedBy
  /** The original: the answer to the call of that cell. */
  readonly first?: Described
  /** The answer to the same call at the end. */
  readonly again?: Described
  /** The original: what its own steps and model, as they are at the end, answer to all rows. */
  readonly through?: Described
  /** Rows one by one, in another order, and more than once. */
  readonly pieces?: readonly PieceRecord[]
  /** Made-up rows; `left` says what of the columns they leave out, and why. */
  readonly invented?: { readonly cases: readonly CaseRecord[]; readonly left: string }
  /** The package: the pieces once more, after all else. */
  readonly repeated?: readonly PieceRecord[]
  /** What is another after the model was asked: variables, or values of the package's modules and predictor. */
  readonly keeps?: readonly string[]
  /** The original: why nobody can be asked so. */
  readonly unasked?: string
  /** The original: why nobody was asked for rows more than once; empty where both were. */
  readonly undoubled?: string
  /** The rows that the model is asked with: where the original asks, and in what the package gives back. */
  readonly rows?: Described | null
  /** The original: the variable with the rows is another at its end. */
  readonly changed?: boolean
  /** What `main` of the package gave back, by name. */
  readonly metrics?: Readonly<Record<string, Described>> | null
  /** The settings that `run` of the package got, as Python writes their values. */
  readonly settings?: Readonly<Record<string, string>>
  /** What they are where nobody sets them. */
  readonly defaults?: Readonly<Record<string, string>>
  /** The package: what its predictor holds as it is saved, by field. */
  readonly held?: Readonly<Record<string, Described>>
  /** The package: the fields of what `save` was given, by way of pickle and asked, as the saved model is. */
  readonly given?: Readonly<Record<string, Described>>
  /** The package: why nobody can look at those. */
  readonly ungiven?: string
  /** The saved model: what it answers by, by the names of the predictor; undefined where it is saved in another form. */
  readonly loaded?: Readonly<Record<string, Described>>
  /** The saved model: in which form, where that is not the one of `save` of a package. */
  readonly unlike?: string
  /** The saved model: what is wrong with it whatever it answers. */
  readonly faults?: readonly string[]
  /** What became of the model that `main` of the package was to save. */
  readonly saved?: Saving
  /** Top-level modules that were imported while the original, or the steps of the package, ran. */
  readonly modules?: readonly string[]
  /** The package: Pythons that its steps started, and that find more than the step would: `python -I`. */
  readonly loose?: readonly string[]
}

/** A record with its numbers, and the files that the run wrote where it ran: path to digest. */
export interface Run extends RunRecord {
  readonly numbers: Float64Array
  readonly written: ReadonlyMap<string, string>
  /** File with the rows that the original asked with; it may not be there. */
  readonly handed?: string
}

/** Reads the record of a run from its folder. */
export async function readRun(folder: string, written: ReadonlyMap<string, string>): Promise<Run> {
  const record = JSON.parse(await readFile(join(folder, 'record.json'), 'utf8')) as RunRecord
  const bytes = await readFile(join(folder, 'values.bin'))
  const numbers = new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength - (bytes.byteLength % 8)),
  )
  return { ...record, numbers, written, handed: join(folder, 'rows.pickle') }
}
