/** The triggers of a project: what its newest version says where its sender may decide it, as for its schedule. */
import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '../../../contract/access.ts'
import { problem } from '../../../contract/errors.ts'
import type { Clock } from '../../../contract/ids.ts'
import { parseNumerals } from '../../../contract/values/numerals.ts'
import type { Reader, Tx } from '../../../store/db.ts'
import { decides, isDecided, noteDecision } from './decisions.ts'
import type { TriggerSpec, TriggersSpec } from './triggers.ts'

const DECISIONS = 'pipeline_trigger_decisions'

/** Writes the audit trail inside the transaction of the change. */
type RecordTriggers = (
  t: Tx,
  who: Principal,
  entry: { verb: 'write'; resource: 'pipelines'; id: string; detail: Record<string, unknown> },
) => Promise<void>

/**
 * Makes the project's triggers what a version says, in the transaction that takes the version in. What somebody has decided who may, no one
 * changes who may not: the sentences that say so are the result, empty where all was taken over. Throws `unprocessable` where pipelines
 * would start each other for ever, and where one is named that the sender does not see.
 */
export async function takeTriggers(
  t: Tx,
  { record, clock }: { readonly record: RecordTriggers; readonly clock: Clock },
  who: Principal,
  { project, triggers: to = {} }: { readonly project: string; readonly triggers?: TriggersSpec },
): Promise<string[]> {
  // of all projects: two that are taken in at once could close a circle that neither sees
  await t.lock('triggers of pipelines')
  const from = await readSpecs(t, project)
  const isSame = isDeepStrictEqual(from, to)
  const mayDecide = decides(who.role)
  const audited = (detail: Record<string, unknown>): Promise<void> =>
    record(t, who, { verb: 'write', resource: 'pipelines', id: project, detail })
  if (!isSame && !mayDecide && (await isDecided(t, DECISIONS, project, Object.keys(from).length > 0))) {
    await audited({ triggers: from, not_taken_over: { triggers: to } })
    return [`the triggers of the project stayed: ${who.name}, as ${who.role}, may not change them`]
  }
  const now = clock()
  if (!isSame) {
    refuseUnseen(who, project, to)
    await refuseLoops(t, project, to)
    await write(t, project, { from, to }, now)
    await audited({ triggers: to, before: from })
  }
  if (!isSame || (mayDecide && Object.keys(to).length > 0)) await noteDecision(t, DECISIONS, who, { project, now })
  return []
}

async function readSpecs(reader: Reader, project: string): Promise<TriggersSpec> {
  const rows = await reader.all<{ name: string; spec: string }>(
    'SELECT name, spec FROM pipeline_triggers WHERE project = ? ORDER BY name',
    [project],
  )
  return Object.fromEntries(rows.map(({ name, spec }) => [name, parseNumerals(spec) as TriggerSpec]))
}

async function write(
  t: Tx,
  project: string,
  { from, to }: { readonly from: TriggersSpec; readonly to: TriggersSpec },
  now: number,
): Promise<void> {
  for (const name of Object.keys(from))
    if (!Object.hasOwn(to, name))
      await t.run('DELETE FROM pipeline_triggers WHERE project = ? AND name = ?', [project, name])
  for (const [name, spec] of Object.entries(to)) {
    const before = Object.hasOwn(from, name) ? from[name] : undefined
    const text = JSON.stringify(spec)
    if (before !== undefined && isDeepStrictEqual(watched(before), watched(spec))) {
      await t.run('UPDATE pipeline_triggers SET spec = ? WHERE project = ? AND name = ?', [text, project, name])
      continue
    }
    // one that watches something else begins anew, with the secret of its address gone where it is another kind
    await t.run('DELETE FROM pipeline_triggers WHERE project = ? AND name = ? AND ? = 1', [
      project,
      name,
      before?.on === spec.on ? 0 : 1,
    ])
    await t.run(
      `INSERT INTO pipeline_triggers (project, name, spec, since, changes, due_at) VALUES (?, ?, ?, ?, 0, 0)
       ON CONFLICT (project, name) DO UPDATE SET spec = excluded.spec, since = excluded.since, seen = NULL, changes = 0,
         looked_at = NULL, due_at = 0, trouble = NULL, trouble_since = NULL`,
      [project, name, text, now],
    )
  }
}

/** Without what says how it starts runs. */
function watched(spec: TriggerSpec): object {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !STARTS.has(key)))
}

const STARTS: ReadonlySet<string> = new Set(['debounce_ms', 'at_most', 'set'] satisfies (keyof TriggerSpec)[])

/** A token of one project starts nothing by what happens in another. */
function refuseUnseen(who: Principal, project: string, to: TriggersSpec): void {
  if (who.project === null) return
  for (const [name, spec] of Object.entries(to)) {
    if (spec.on !== 'pipeline' || spec.pipeline === project) continue
    const key = `pipeline.triggers.${name}.pipeline`
    const detail = `${key}: got "${spec.pipeline}", of which the token of project ${project} sees nothing`
    throw problem('unprocessable', { detail, faults: [] })
  }
}

/** Pipelines that are started by each other's ends would run for ever. */
async function refuseLoops(reader: Reader, project: string, to: TriggersSpec): Promise<void> {
  const rows = await reader.all<{ project: string; spec: string }>(
    'SELECT project, spec FROM pipeline_triggers WHERE project <> ? ORDER BY project, name',
    [project],
  )
  const all = [
    ...rows.map((row) => ({ project: row.project, spec: parseNumerals(row.spec) as TriggerSpec })),
    ...Object.values(to).map((spec) => ({ project, spec })),
  ]
  const before = new Map<string, string[]>()
  for (const { project: after, spec } of all)
    if (spec.on === 'pipeline') before.set(after, [...(before.get(after) ?? []), spec.pipeline])
  const way = wayTo(project, project, before, new Set())
  if (way === undefined) return
  const detail = `pipeline.triggers: these pipelines would start each other for ever: ${way.toReversed().join(' → ')}`
  throw problem('unprocessable', { detail, faults: [] })
}

/** A way back along what starts what; undefined where there is none. */
function wayTo(
  goal: string,
  from: string,
  before: ReadonlyMap<string, readonly string[]>,
  seen: Set<string>,
): string[] | undefined {
  for (const next of before.get(from) ?? []) {
    if (next === goal) return [from, next]
    if (seen.has(next)) continue
    seen.add(next)
    const rest = wayTo(goal, next, before, seen)
    if (rest !== undefined) return [from, ...rest]
  }
  return undefined
}
