/** The declared sources of views as a job reads them: each once, kept by content, and then as files that lie on this machine. */
import type { JobSource } from '../../contract/features/jobs.ts'
import { Problem, problem } from '../../contract/errors.ts'
import type { PinnedRead } from '../../pipelines/data/pin.ts'
import { hashOf } from '../../pipelines/spec/canonical.ts'
import type { SourceSpec } from '../../pipelines/spec/external/source.ts'
import type { FeatureTables, JobsContext, LocalTable, TableTree } from './context.ts'
import type { Files } from '../offline/load.ts'

/** What a view reads, by the name of the source. */
export type Sources = Readonly<Record<string, SourceSpec>>

/** What was read of the sources of some views. */
export interface Pins {
  /** Each once, in the order in which they were read. */
  readonly reads: readonly PinnedRead[]
  /** Of each view what its sources gave, by the name of the source. */
  readonly trees: Readonly<Record<string, Readonly<Record<string, TableTree>>>>
}

/** Reads the sources of views, which are given by name, one after the other. Throws `SourceAway` and `SourceRefused`, and the reason of `signal`. */
export async function pinAll(
  { below }: Pick<JobsContext, 'below'>,
  project: string,
  views: Readonly<Record<string, Sources>>,
  signal: AbortSignal,
): Promise<Pins> {
  const reads = new Map<string, PinnedRead>()
  const trees: Record<string, Record<string, TableTree>> = {}
  for (const [view, own] of Object.entries(views)) {
    const found: Record<string, TableTree> = {}
    for (const [name, spec] of Object.entries(own)) {
      signal.throwIfAborted()
      // two views may mean other things by one name, and the same by two
      const key = hashOf([name, spec])
      const read = reads.get(key) ?? (await below().pipelines.sources.read(project, name, spec))
      reads.set(key, read)
      found[name] = { digest: read.pinned.digest, table: spec.table }
    }
    trees[view] = found
  }
  signal.throwIfAborted()
  return { reads: [...reads.values()], trees }
}

/** How a job tells of what it read. */
export function sourceOf({ pinned: { name, place, digest, rows, read_at } }: PinnedRead): JobSource {
  return { name, place, digest, rows, read_at }
}

/** The files of a tree that was brought. */
export type FilesOfTree = (tree: TableTree) => Files

/**
 * Calls `use` with the tables of trees as files of this machine; each tree stands beside the words that name it. Throws as
 * `FeatureTables.use` does, in these words.
 */
export async function withFiles<T>(
  tables: Pick<FeatureTables, 'use'>,
  trees: readonly (readonly [TableTree, string])[],
  use: (filesOfTree: FilesOfTree) => Promise<T>,
): Promise<T> {
  const brought = new Map<string, Files>()
  const bring = async ([first, ...others]: typeof trees): Promise<T> => {
    if (first === undefined) return use((tree) => must(brought.get(nameOf(tree))))
    const [tree, whose] = first
    let isOpen = false
    try {
      return await tables.use(tree, (files) => {
        isOpen = true
        brought.set(nameOf(tree), filesOf(files))
        return bring(others)
      })
    } catch (error) {
      throw isOpen ? error : named(error, whose)
    }
  }
  // two sources may have given the same
  return bring([...new Map(trees.map((one) => [nameOf(one[0]), one])).values()])
}

/** The trees of all sources, with the words that name them. */
export function treesOf({ trees }: Pins): (readonly [TableTree, string])[] {
  return Object.values(trees).flatMap((own) =>
    Object.entries(own).map(([name, tree]) => [tree, `source "${name}"`] as const),
  )
}

/** The files of the sources of a view, by their names. */
export function filesOfView(own: Pins['trees'][string] | undefined, filesOfTree: FilesOfTree): Record<string, Files> {
  return Object.fromEntries(Object.entries(own ?? {}).map(([name, tree]) => [name, filesOfTree(tree)]))
}

function nameOf({ digest, table }: TableTree): string {
  return `${digest} ${table ?? ''}`
}

function must(files: Files | undefined): Files {
  if (files === undefined) throw new Error('a tree was not brought')
  return files
}

function filesOf(tables: readonly LocalTable[]): Files {
  return { paths: tables.map(({ path }) => path), format: tables[0]?.format ?? 'csv' }
}

function named(error: unknown, whose: string): unknown {
  if (!(error instanceof Problem) || error.code !== 'unprocessable') return error
  return problem('unprocessable', { detail: `${whose}: ${String(error.data['detail'])}` }, error)
}
