/** The declared sources of views as a job reads them: each once, kept by content, and then as files that lie on this machine. */
import type { JobSource } from '../../contract/features/jobs.ts'
import { Problem, problem } from '../../contract/errors.ts'
import type { PinnedRead } from '../../pipelines/data/pin.ts'
import { hashOf } from '../../pipelines/spec/canonical.ts'
import type { SourceSpec } from '../../pipelines/spec/external/source.ts'
import type { JobsContext, FeatureTables, LocalTable } from './context.ts'
import type { Files } from '../offline/load.ts'

/** What a view reads, by the name of the source. */
export type Sources = Readonly<Record<string, SourceSpec>>

/** What was read of the sources of some views. */
export interface Pins {
  /** Each once, in the order in which they were read. */
  readonly reads: readonly PinnedRead[]
  /** Of each view the digests of its sources, by the name of the source. */
  readonly digests: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Reads the sources of views, which are given by name, one after the other. Throws `SourceAway` and `SourceRefused`, and the reason of `signal`. */
export async function pinAll(
  { below }: Pick<JobsContext, 'below'>,
  project: string,
  views: Readonly<Record<string, Sources>>,
  signal: AbortSignal,
): Promise<Pins> {
  const reads = new Map<string, PinnedRead>()
  const digests: Record<string, Record<string, string>> = {}
  for (const [view, own] of Object.entries(views)) {
    const found: Record<string, string> = {}
    for (const [name, spec] of Object.entries(own)) {
      signal.throwIfAborted()
      // two views may mean other things by one name, and the same by two
      const key = hashOf([name, spec])
      const read = reads.get(key) ?? (await below().pipelines.sources.read(project, name, spec))
      reads.set(key, read)
      found[name] = read.pinned.digest
    }
    digests[view] = found
  }
  signal.throwIfAborted()
  return { reads: [...reads.values()], digests }
}

/** How a job tells of what it read. */
export function sourceOf({ pinned: { name, place, digest, rows, read_at } }: PinnedRead): JobSource {
  return { name, place, digest, rows, read_at }
}

/** Calls `use` with the tables of trees as files of this machine, by their digests. Throws as `FeatureTables.use` does, naming the tree as `whose` says. */
export async function withFiles<T>(
  tables: Pick<FeatureTables, 'use'>,
  trees: ReadonlyMap<string, string>,
  use: (files: ReadonlyMap<string, Files>) => Promise<T>,
): Promise<T> {
  const open = async (rest: readonly [string, string][], known: ReadonlyMap<string, Files>): Promise<T> => {
    const [first, ...others] = rest
    if (first === undefined) return use(known)
    const [digest, whose] = first
    let isOpen = false
    try {
      return await tables.use(digest, (files) => {
        isOpen = true
        return open(others, new Map([...known, [digest, filesOf(files)]]))
      })
    } catch (error) {
      throw isOpen ? error : named(error, whose)
    }
  }
  return open([...trees], new Map())
}

function filesOf(tables: readonly LocalTable[]): Files {
  return { paths: tables.map(({ path }) => path), format: tables[0]?.format ?? 'csv' }
}

function named(error: unknown, whose: string): unknown {
  if (!(error instanceof Problem) || error.code !== 'unprocessable') return error
  return problem('unprocessable', { detail: `${whose}: ${String(error.data['detail'])}` }, error)
}
