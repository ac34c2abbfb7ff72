/** Which models could be made again, of those that an alias names a version of. */
import type { Principal } from '../../contract/access.ts'
import type { Reproducible, Rot } from '../../contract/pipelines/reproductions.ts'
import { toTime } from '../../contract/fields.ts'
import type { Reader } from '../../store/db.ts'
import type { Context } from '../context/context.ts'
import { FINAL_RUNS, readState } from '../context/rows.ts'
import { findRot } from '../proof/rot.ts'
import { lastEntry } from './rows.ts'

/** A page of models by name, those after `page_token`. Nothing is run and nothing is written. */
export async function listReproducible(
  context: Context,
  who: Principal,
  { alias, page_token: after = '', limit }: { alias: string; page_token?: string | undefined; limit: number },
): Promise<{ items: Reproducible[]; next_page_token?: string }> {
  const rows = (await context.deps.aliasedVersions?.(who, { alias, after, limit: limit + 1 })) ?? []
  const items: Reproducible[] = []
  // one after the other: each may have thousands of files to look for
  for (const row of rows.slice(0, limit)) {
    const rot = await rotOf(context, who, row.run)
    const last = await lastRound(context.deps.db, row.model)
    items.push({ ...row, verdict: rot.length === 0 ? 'ready' : 'rot', rot, last })
  }
  const last = items.at(-1)
  return { items, ...(rows.length > limit && last !== undefined && { next_page_token: last.model }) }
}

/** What has rotted of the run that made a version. */
export async function rotOf(context: Context, who: Principal, id: string | null): Promise<Rot[]> {
  if (id === null) return noLineage('no pipeline run made it')
  const tree = await readState(context.deps.db, id)
  if (tree === undefined) return noLineage(`pipeline run ${id}, which made it, is gone`)
  if (who.project !== null && who.project !== tree.run.project)
    return noLineage(`pipeline run ${id}, which made it, is of a project that this token does not see`)
  const { state, outcome } = tree.run
  if (!FINAL_RUNS.includes(state)) return noLineage(`pipeline run ${id}, which made it, has not ended`)
  if (state !== 'succeeded') return noLineage(`pipeline run ${id}, which made it, ended as ${outcome ?? state}`)
  return findRot(context, tree)
}

function noLineage(what: string): Rot[] {
  return [{ kind: 'lineage', what }]
}

async function lastRound(reader: Reader, model: string): Promise<Reproducible['last']> {
  const row = await lastEntry(reader, model)
  if (row === undefined) return null
  const { version, state, detail, run_id: run, grade, grade_before } = row
  const isWorse = grade !== null && grade_before !== null && grade > grade_before
  const at = toTime(row.ended_at ?? row.created_at)
  return { version, state, detail, run, grade, grade_before, fallen: isWorse, at }
}
