/** What sources would give a run that began now, as far as that can be told without reading them; those whose rows or files are items are read. */
import type { PinnedSource } from '../../contract/runs/sources.ts'
import type { Context } from '../context/context.ts'
import type { SourceSpec } from '../spec/external/source.ts'
import { sourceOfItems } from '../spec/fan-out/items.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { SourceAway, SourceRefused } from './kinds/asked.ts'
import { pinSource } from './pin.ts'

/** Longest reading of a source for a plan, ms: somebody waits for it. */
const PATIENCE_MS = 30_000

/** Said where a source gives something that is not kept yet. */
class Unread extends Error {}

/** Keeps nothing: what would have to be read ends the reading. */
const NOWHERE = { put: () => Promise.reject(new Unread()) } as unknown as Blobs

/** What sources give, and of the others why a plan cannot say that. */
export interface Foreseen {
  readonly sources: Readonly<Record<string, PinnedSource>>
  readonly open: Readonly<Record<string, string>>
}

/** Reads sources of items, for nothing else says how many there are; of the others it asks whether they have changed, reads nothing and keeps nothing. */
export async function foreseeSources(
  context: Context,
  { project, sources = {}, steps }: PipelineSpec,
): Promise<Foreseen> {
  const ofItems = new Set(steps.map((step) => sourceOfItems(step.for_each)))
  const known: Record<string, PinnedSource> = {}
  const open: Record<string, string> = {}
  for (const [name, source] of Object.entries(sources)) {
    const isPatient = source.timeout_ms <= PATIENCE_MS
    const began = performance.now()
    try {
      known[name] = ofItems.has(name)
        ? await readForItems(context, project, [name, source])
        : await askUnread(context, project, [name, source])
    } catch (error) {
      const isLate = ofItems.has(name) && !isPatient && performance.now() - began >= PATIENCE_MS
      open[name] = isLate
        ? `source "${name}" is read when the run begins: a plan waits ${PATIENCE_MS / 1000} s for it`
        : whyOpen(error, name)
    }
  }
  return { sources: known, open }
}

/** What it gives lies in the store without anybody who needs it, and is collected in time. */
async function readForItems(
  context: Context,
  project: string,
  [name, source]: [string, SourceSpec],
): Promise<PinnedSource> {
  const timeout_ms = Math.min(source.timeout_ms, PATIENCE_MS)
  return (await pinSource(context, project, [name, { ...source, timeout_ms }])).pinned
}

async function askUnread(
  context: Context,
  project: string,
  [name, source]: [string, SourceSpec],
): Promise<PinnedSource> {
  // a database would have to run the query to say anything, and features would have to be joined
  if (source.place.kind === 'sql' || source.place.kind === 'features') throw new Unread()
  return (await pinSource(context, project, [name, source], NOWHERE)).pinned
}

function whyOpen(error: unknown, name: string): string {
  if (error instanceof Unread)
    return `source "${name}" is read when the run begins: nothing says that it is as it was read last`
  if (error instanceof SourceAway || error instanceof SourceRefused) return `the run would not begin: ${error.message}`
  throw error
}
