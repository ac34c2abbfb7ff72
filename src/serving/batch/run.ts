/** Runs a batch: what is done is kept chunk by chunk, so that a run that was killed goes on where it was and no row is scored into the result twice. */
import { faultPoint } from '../../store/fault.ts'
import { assemble, checkColumns } from './assemble.ts'
import type { Manifest, PartHead } from './parts.ts'
import { beginParts, writePart } from './parts.ts'
import type { Engine } from './score.ts'
import { scoreRows } from './score.ts'
import type { Source } from './table.ts'

export interface Batch {
  /** Folder of the parts. */
  readonly folder: string
  readonly manifest: Manifest
  readonly source: Source
  /** The file that receives the result; whoever calls moves it to its place. */
  readonly result: string
  readonly format: 'csv' | 'parquet'
  /** Told after each chunk: rows so far, and the share of the input that is read. */
  readonly progress: (rows: number, share: number) => void
}

export interface BatchFigures {
  readonly rows: number
  readonly failed: number
  readonly chunks: number
  /** Chunks that an earlier run had done. */
  readonly resumed: number
}

/** Scores what is not yet scored and writes the result. `engine` is opened only where rows are left. */
export async function runBatch(
  batch: Batch,
  engine: Engine | (() => Promise<Engine>),
  inputs: Engine['inputs'],
): Promise<BatchFigures> {
  const { folder, manifest, source } = batch
  checkColumns(source.columns, inputs)
  const heads = await beginParts(folder, manifest)
  const resumed = heads.length
  await scoreRest(batch, heads, engine)
  const withErrors = manifest.on_error === 'skip'
  faultPoint('batch.assemble')
  await assemble({ folder, heads, columns: source.columns, inputs, withErrors }, batch.format, batch.result)
  return { rows: sum(heads, 'rows'), failed: sum(heads, 'failed'), chunks: heads.length, resumed }
}

async function scoreRest(batch: Batch, heads: PartHead[], engine: Engine | (() => Promise<Engine>)): Promise<void> {
  const { folder, manifest, source } = batch
  if (heads.at(-1)?.end === true) return
  const opened = typeof engine === 'function' ? await engine() : engine
  for (let last = heads.at(-1); last?.end !== true; last = heads.at(-1)) {
    const chunk = await source.read(last?.next ?? source.first, manifest.chunk)
    const outcomes = await scoreRows(opened, source, chunk.rows, { onError: manifest.on_error })
    const cells = chunk.rows.map((row) => row.cells)
    heads.push(await writePart(folder, heads.length, { cells, outcomes }, { next: chunk.next, end: chunk.end }))
    batch.progress(sum(heads, 'rows'), source.size === 0 ? 1 : chunk.next.at / source.size)
  }
}

function sum(heads: readonly PartHead[], field: 'rows' | 'failed'): number {
  return heads.reduce((total, head) => total + head[field], 0)
}
