/** How the partitions of a pipeline stand: the newest run of each, and its steps. */
import { toTime } from '../../contract/fields.ts'
import { problem } from '../../contract/errors.ts'
import type { z } from 'zod'
import type { MatrixState, Partitioned, PartitionGroup, PartitionRow } from '../../contract/pipelines/partitions.ts'
import type { RunState, StepState } from '../../contract/pipelines.ts'
import type { Db, Reader } from '../../store/db.ts'
import { fetchAll, searchAll, sql } from '../../store/sql/sql.ts'
import {
  isByTime,
  partitionsIn,
  type Partition,
  type PartitionsSpec,
  type Range,
} from '../spec/partitions/partitions.ts'
import type { VersionRow } from '../spec/versions.ts'

type Row = z.output<typeof PartitionRow>
type Group = z.output<typeof PartitionGroup>

/** Rows that one call gives at most. */
const MOST_ROWS = 1000

/** A run as the matrix shows it. */
interface Shown {
  readonly partition_key: string
  readonly run: string
  readonly state: RunState
}

/** The newest run of each partition that has one, between two positions. */
function newestRuns(db: Db, project: string, [from, to]: readonly [number, number]): Promise<Shown[]> {
  return searchAll<Shown>(
    db,
    sql`SELECT p.partition_key, r.id AS run, r.state FROM pipeline_partitions p JOIN pipeline_runs r ON r.id = p.run_id
      WHERE p.project = ${project} AND p.position >= ${from} AND p.position <= ${to}`,
  )
}

/** The partitions that there are, and those that have a run though they have not ended yet. */
async function shownPartitions(
  reader: Reader,
  { project, spec: { partitions } }: Pick<VersionRow, 'project' | 'spec'>,
  now: number,
  range: Range = {},
): Promise<readonly Partition[]> {
  if (partitions === undefined) return []
  const ended = partitionsIn(partitions, now, range)
  if (!isByTime(partitions) || range.to !== undefined) return ended
  const open = await fetchAll<{ partition_key: string; position: number }>(
    reader,
    sql`SELECT partition_key, position FROM pipeline_partitions
      WHERE project = ${project} AND position > ${ended.at(-1)?.position ?? 0} ORDER BY position LIMIT 2`,
  )
  return [...ended, ...open.map(({ partition_key: key, position }) => ({ key, position, start: position, end: null }))]
}

/** Partitions of a range with the states of their steps, oldest first. Throws `invalid_field` for more than a thousand. */
export async function readRows(db: Db, version: VersionRow, now: number, range: Range): Promise<Row[]> {
  const shown = await shownPartitions(db, version, now, range)
  if (shown.length > MOST_ROWS) {
    const expected = `a range of at most ${MOST_ROWS} partitions; from ${range.from ?? 'the first'} there are ${shown.length}`
    throw problem('invalid_field', { field: 'query.to', value: range.to, expected })
  }
  const ends = endsOf(shown)
  const runs = new Map((await newestRuns(db, version.project, ends)).map((run) => [run.partition_key, run]))
  const steps = await searchAll<{ run_id: string; name: string; state: StepState }>(
    db,
    sql`SELECT s.run_id, s.name, s.state FROM pipeline_partitions p JOIN pipeline_steps s ON s.run_id = p.run_id
      WHERE p.project = ${version.project} AND p.position >= ${ends[0]} AND p.position <= ${ends[1]} AND s.item_of IS NULL`,
  )
  const byRun = Map.groupBy(steps, ({ run_id }) => run_id)
  return shown.map(({ key, start, end }) => {
    const run = runs.get(key)
    const states = run === undefined ? [] : (byRun.get(run.run) ?? [])
    return {
      key,
      start: start === null ? null : toTime(start),
      end: end === null ? null : toTime(end),
      state: run?.state ?? 'missing',
      run: run?.run ?? null,
      steps: Object.fromEntries(states.map(({ name, state }) => [name, state])),
    }
  })
}

function endsOf(shown: readonly Partition[]): [number, number] {
  return [shown[0]?.position ?? 0, shown.at(-1)?.position ?? -1]
}

/** All partitions, folded: hours into days, days into months, weeks and months into years. The newest group first. */
export async function readGroups(db: Db, version: VersionRow, now: number): Promise<Group[]> {
  const shown = await shownPartitions(db, version, now)
  const ends = endsOf(shown)
  const runs = new Map((await newestRuns(db, version.project, ends)).map((run) => [run.partition_key, run]))
  const steps = await searchAll<{ key: string; position: number; name: string; state: StepState }>(
    db,
    sql`SELECT p.partition_key AS key, p.position, s.name, s.state FROM pipeline_partitions p JOIN pipeline_steps s ON s.run_id = p.run_id
      WHERE p.project = ${version.project} AND p.position >= ${ends[0]} AND p.position <= ${ends[1]} AND s.item_of IS NULL`,
  )
  const nameOf = groupName(version.spec.partitions)
  const stepsOf = Map.groupBy(steps, nameOf)
  const groups = Map.groupBy(shown, nameOf)
  return [...groups]
    .map(([name, members]) => {
      const states: Partial<Record<MatrixState, number>> = {}
      for (const { key } of members) count(states, runs.get(key)?.state ?? 'missing')
      const own: Record<string, Partial<Record<StepState, number>>> = {}
      for (const { name: step, state } of stepsOf.get(name) ?? []) count((own[step] ??= {}), state)
      const [from, to] = [members[0]?.key ?? '', members.at(-1)?.key ?? '']
      return { name, from, to, partitions: members.length, states, steps: own }
    })
    .toReversed()
}

function count<S extends string>(into: Partial<Record<S, number>>, state: S): void {
  into[state] = (into[state] ?? 0) + 1
}

/** Partitions of a list that are folded into one group. */
const LISTED = 100

/** By the beginning of the key, which is its year, month and day; in a list by its place. */
function groupName(
  spec: PartitionsSpec | undefined,
): (of: { readonly key: string; readonly position: number }) => string {
  if (spec === undefined || !isByTime(spec)) return ({ position }) => placesOf(Math.floor(position / LISTED))
  const length = { hour: 'YYYY-MM-DD', day: 'YYYY-MM', week: 'YYYY', month: 'YYYY' }[spec.by].length
  return ({ key }) => key.slice(0, length)
}

function placesOf(group: number): string {
  return `${group * LISTED + 1} to ${(group + 1) * LISTED}`
}

/** How a pipeline is divided, and how many of its partitions stand how. */
export async function viewPartitioned(
  db: Db,
  version: VersionRow,
  partitions: PartitionsSpec,
  now: number,
): Promise<z.output<typeof Partitioned>> {
  const shown = await shownPartitions(db, version, now)
  const rows = await fetchAll<{ state: RunState; n: number }>(
    db,
    sql`SELECT r.state, COUNT(*) AS n FROM pipeline_partitions p JOIN pipeline_runs r ON r.id = p.run_id
      WHERE p.project = ${version.project} AND p.position >= ${endsOf(shown)[0]} AND p.position <= ${endsOf(shown)[1]} GROUP BY r.state`,
  )
  const missing = shown.length - rows.reduce((sum, { n }) => sum + n, 0)
  const states = Object.fromEntries(rows.map(({ state, n }) => [state, n]))
  const byTime = isByTime(partitions)
  return {
    project: version.project,
    pipeline_version: version.id,
    by: byTime ? partitions.by : null,
    timezone: byTime ? partitions.timezone : null,
    partitions: shown.length,
    states: { ...states, ...(missing > 0 && { missing }) },
  }
}
