/** What a rule of retention would remove now: the runs, those it spares and why, and the bytes that become unreachable. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import type { Digest } from '../../store/blobs/blobs.ts'
import { placeOfUri } from '../context/paths.ts'
import type { RetentionRule } from './retention.ts'
import type { Tracking } from '../context/context.ts'
import { searchRuns } from '../searches/search.ts'
import type { RunRow } from '../runs/runs.ts'
import type { Sql } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'

/** What other rooms hold on to. */
export interface Cited {
  /** Runs from which versions were made. */
  readonly runs: ReadonlySet<string>
  /** Logged models that are versions. */
  readonly models: ReadonlySet<string>
  /** Digests of data that versions name. */
  readonly digests: ReadonlySet<Digest>
}

export interface RetentionDeps {
  readonly cited: () => Promise<Cited>
  /** Digests that other rooms need. */
  readonly elsewhere: () => AsyncIterable<Digest>
}

/** What goes, what is spared by which reason, and the blobs that nothing reaches once it is purged, each counted once. */
export interface RemovalPlan {
  readonly runs: readonly RunRow[]
  readonly kept: ReadonlyMap<string, number>
  readonly freed: { readonly blobs: number; readonly bytes: number }
}

const PARENT_TAG = 'mlflow.parentRunId'
/** A run with this tag set to `true` is never removed by a rule. */
const KEEP_TAG = 'slipway.keep'

const PAGE = 1000
const CHUNK = 400

/** Decides what the rule would remove now. */
export async function planRemoval(room: Tracking, deps: RetentionDeps, rule: RetentionRule): Promise<RemovalPlan> {
  const who: Principal = { ...SYSTEM, project: rule.project }
  const matched = await searchAllRuns(room, who, rule, rule.filter)
  const chosen = new Map(matched.filter((run) => isOld(run, rule, room.clock())).map((run) => [run.run_id, run]))
  const kept = new Map<string, number>()
  const spare = (reason: string, ids: Iterable<string>): void => {
    let spared = 0
    for (const id of ids) if (chosen.delete(id)) spared += 1
    if (spared > 0) kept.set(reason, (kept.get(reason) ?? 0) + spared)
  }
  spare('among the best', await bestOf(room, who, rule, [...chosen.values()]))
  spare('has the tag slipway.keep', await runsWith(room, [...chosen.keys()], KEEP_TAG))
  const cited = await deps.cited()
  spare('a registered version was made from it', cited.runs)
  spare('its model is a registered version', await runsOfModels(room, cited.models))
  spare('a version cites its data', await runsOfDigests(room, [...chosen.values()], cited.digests))
  for (let before = -1; before !== chosen.size;) {
    before = chosen.size
    const ids = [...chosen.keys()]
    spare('parent of a run that stays', await parentsOfOthers(room, ids))
    spare('a run that stays reads its model', await readByOthers(room, ids))
  }
  const runs = [...chosen.values()]
  return { runs, kept, freed: await freedBy(room, deps, runs) }
}

/** Trees of artifacts that go with runs: their own and those of the models that they made. */
export async function ownersOf(room: Tracking, runs: readonly RunRow[]): Promise<string[]> {
  const uris = runs.map((run) => run.artifact_uri)
  for (const ids of chunks(runs.map((run) => run.run_id))) {
    const models = await fetchAll<{ artifact_uri: string }>(
      room.db,
      sql`SELECT artifact_uri FROM logged_models WHERE source_run_id IN ${inList(ids)}`,
    )
    uris.push(...models.map((model) => model.artifact_uri))
  }
  return uris.flatMap((uri) => placeOfUri(uri)?.owner ?? []).filter((owner) => owner !== '')
}

function isOld(run: RunRow, rule: RetentionRule, now: number): boolean {
  if (rule.stage === 'deleted') return run.deleted_time !== null && run.deleted_time <= now - rule.older_than_ms
  const ended = run.status !== 'RUNNING' && run.status !== 'SCHEDULED'
  return ended && Math.max(run.end_time ?? 0, run.heartbeat_at) <= now - rule.older_than_ms
}

async function searchAllRuns(room: Tracking, who: Principal, rule: RetentionRule, filter: string): Promise<RunRow[]> {
  const rows: RunRow[] = []
  let token: string | undefined
  do {
    const page = await searchRuns(room, who, {
      experiment_ids: rule.experiment_id === null ? [] : [rule.experiment_id],
      everywhere: rule.experiment_id === null,
      filter,
      view: rule.stage === 'active' ? 'ACTIVE_ONLY' : 'DELETED_ONLY',
      max_results: PAGE,
      page_token: token,
    })
    rows.push(...page.rows)
    token = page.next_page_token
  } while (token !== undefined)
  return rows
}

/** The best of each experiment among all its active runs, whether the filter finds them or not. */
async function bestOf(room: Tracking, who: Principal, rule: RetentionRule, runs: readonly RunRow[]): Promise<string[]> {
  if (rule.keep_order === null) return []
  const best: string[] = []
  for (const experiment of new Set(runs.map((run) => run.experiment_id))) {
    let token: string | undefined
    let left = rule.keep_best
    do {
      const page = await searchRuns(room, who, {
        experiment_ids: [experiment],
        order_by: [rule.keep_order],
        view: rule.stage === 'active' ? 'ACTIVE_ONLY' : 'DELETED_ONLY',
        max_results: Math.min(left, PAGE),
        page_token: token,
      })
      best.push(...page.rows.map((run) => run.run_id))
      left -= page.rows.length
      token = page.rows.length === 0 ? undefined : page.next_page_token
    } while (token !== undefined && left > 0)
  }
  return best
}

async function runsWith(room: Tracking, ids: readonly string[], tag: string): Promise<string[]> {
  return idsFrom(
    room,
    ids,
    (some) =>
      sql`SELECT run_id AS id FROM run_tags WHERE key = ${tag} AND value = 'true' AND run_id IN ${inList(some)}`,
  )
}

async function runsOfModels(room: Tracking, models: ReadonlySet<string>): Promise<string[]> {
  return idsFrom(
    room,
    [...models],
    (some) =>
      sql`SELECT source_run_id AS id FROM logged_models WHERE source_run_id IS NOT NULL AND model_id IN ${inList(some)}`,
  )
}

async function runsOfDigests(room: Tracking, runs: readonly RunRow[], digests: ReadonlySet<Digest>): Promise<string[]> {
  const byOwner = new Map(runs.map((run) => [placeOfUri(run.artifact_uri)?.owner ?? '', run.run_id]))
  const owners = await idsFrom(
    room,
    [...digests],
    (some) => sql`SELECT owner AS id FROM artifacts WHERE digest IN ${inList(some)}`,
  )
  return owners.flatMap((owner) => byOwner.get(owner) ?? [])
}

/** Parents, among `ids`, of runs that are not. */
function parentsOfOthers(room: Tracking, ids: readonly string[]): Promise<string[]> {
  return neededByOthers(
    room,
    ids,
    (some) => sql`SELECT t.run_id AS other, t.value AS needed FROM run_tags t
      WHERE t.key = ${PARENT_TAG} AND substr(t.value, 1, 64) IN ${inList(some)}`,
  )
}

/** Runs, among `ids`, whose models are inputs of runs that are not. */
function readByOthers(room: Tracking, ids: readonly string[]): Promise<string[]> {
  return neededByOthers(
    room,
    ids,
    (some) => sql`SELECT r.run_id AS other, m.source_run_id AS needed FROM logged_models m
      JOIN run_models r ON r.model_id = m.model_id AND r.role = 'input' WHERE m.source_run_id IN ${inList(some)}`,
  )
}

/** What of a query's rows (`other` needs `needed`) is needed by a run that is not among `ids`. */
async function neededByOthers(
  room: Tracking,
  ids: readonly string[],
  query: (some: readonly string[]) => Sql,
): Promise<string[]> {
  const going = new Set(ids)
  const found: string[] = []
  for (const some of chunks(ids)) {
    const rows = await fetchAll<{ other: string; needed: string }>(room.db, query(some))
    found.push(...rows.filter((row) => !going.has(row.other)).map((row) => row.needed))
  }
  return found
}

async function freedBy(room: Tracking, deps: RetentionDeps, runs: readonly RunRow[]): Promise<RemovalPlan['freed']> {
  const going = new Set(await ownersOf(room, runs))
  const sizes = new Map<Digest, number>()
  for (const some of chunks([...going])) {
    const rows = await fetchAll<{ digest: Digest; size: number }>(
      room.db,
      sql`SELECT digest, size FROM artifacts WHERE owner IN ${inList(some)}`,
    )
    for (const { digest, size } of rows) sizes.set(digest, size)
  }
  for (const some of chunks([...sizes.keys()])) {
    const rows = await fetchAll<{ digest: Digest; owner: string }>(
      room.db,
      sql`SELECT digest, owner FROM artifacts WHERE digest IN ${inList(some)}`,
    )
    for (const { digest, owner } of rows) if (!going.has(owner)) sizes.delete(digest)
  }
  if (sizes.size > 0) for await (const digest of deps.elsewhere()) sizes.delete(digest)
  return { blobs: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) }
}

async function idsFrom(
  room: Tracking,
  keys: readonly string[],
  query: (some: string[]) => ReturnType<typeof sql>,
): Promise<string[]> {
  const ids: string[] = []
  for (const some of chunks(keys))
    ids.push(...(await fetchAll<{ id: string }>(room.db, query(some))).map((row) => row.id))
  return ids
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
