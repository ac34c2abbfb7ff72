/** Reads a filter of runs, and turns what it says of registered models into the runs of their versions. */
import type { Principal } from '../../contract/access.ts'
import { parseFilter } from '../../mlflow/filter.ts'
import type { Comparison, Filter } from '../../mlflow/filter.ts'
import { RUN_SCHEMA } from './conditions.ts'
import type { Tracking, VersionName } from '../context/context.ts'
import { invalid } from '../../mlflow/wire.ts'

/** The filter of a run search, ready to become a condition. Throws INVALID_PARAMETER_VALUE with the place of the fault. */
export async function readRunFilter(
  room: Tracking,
  who: Principal,
  source: string | undefined,
): Promise<Filter | undefined> {
  const filter = parseFilter(source, RUN_SCHEMA, { extended: true })
  return filter === undefined ? undefined : resolved(room, who, filter)
}

async function resolved(room: Tracking, who: Principal, filter: Filter): Promise<Filter> {
  if (filter.kind === 'not') return { kind: 'not', part: await resolved(room, who, filter.part) }
  if (filter.kind !== 'compare') {
    return { kind: filter.kind, parts: await Promise.all(filter.parts.map((part) => resolved(room, who, part))) }
  }
  return filter.entity === 'attribute' && filter.key === 'model' ? runsOf(room, who, filter) : filter
}

async function runsOf(room: Tracking, who: Principal, one: Comparison): Promise<Comparison> {
  const names = [one.value].flat().map((value) => versionName(String(value)))
  const { versionRuns } = room
  const runs = versionRuns === undefined ? [] : await Promise.all(names.map((name) => versionRuns(who, name)))
  return { kind: 'compare', entity: 'attribute', key: 'run_id', operator: 'IN', value: runs.flat() }
}

/** `name`, `name/3` or `name@alias`. */
function versionName(text: string): VersionName {
  const [, model, version, alias] = /^([^/@]+)(?:\/(\d{1,9})|@([^/@]+))?$/.exec(text) ?? []
  if (model === undefined) {
    throw invalid(
      `Invalid model '${text}': expected a name, a name with a version (name/3) or with an alias (name@prod)`,
    )
  }
  if (version !== undefined) return { model, version: Number(version) }
  return alias === undefined ? { model } : { model, alias }
}
