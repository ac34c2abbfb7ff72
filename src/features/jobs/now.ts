/** Joins for those who wait for them: a source of a pipeline that is the rows of another one with their features. */
import type { FeatureJoin, FeatureJoins } from '../../pipelines/context/deps.ts'
import { problem } from '../../contract/errors.ts'
import { requireVersion, requireViews, type ViewVersions } from '../definitions/require.ts'
import type { JoinResult } from '../offline/join.ts'
import type { JobsContext } from './context.ts'
import { joined } from './join.ts'
import { engineOptions } from './limits.ts'
import { pinAll, type Pins } from './pins.ts'

/** One after the other: each takes all cores but one, and two would share the memory. */
export function joinsOf(context: JobsContext): FeatureJoins {
  let before: Promise<unknown> = Promise.resolve()
  return {
    join(asked, longest_ms) {
      const own = before.then(() => joinNow(context, asked, longest_ms))
      before = own.catch(() => undefined)
      return own
    },
  }
}

async function joinNow(
  context: JobsContext,
  { project, service: name, version, entities, time, include_late_data }: FeatureJoin,
  longest_ms: number,
): ReturnType<FeatureJoins['join']> {
  const found = await requireVersion(context, { project, kind: 'service', name, version })
  const service = found.definition
  const views = await requireViews(context, project, service)
  const sources = Object.fromEntries(Object.entries(views).map(([as, one]) => [as, one.sources]))
  const limit_ms = Math.min(longest_ms, engineOptions(context).longest_ms)
  const signal = AbortSignal.timeout(limit_ms)
  const tooCostly = (error: unknown): never => {
    if (!signal.aborted || error !== signal.reason) throw error
    throw problem('too_costly', { what: `the join with service "${name}"`, limit: `${limit_ms / 1000} s` }, error)
  }
  const pins = await pinAll(context, project, sources, signal).catch(tooCostly)
  const asked = { time, include_late_data }
  const joining = { asked, entities, service, views, pins }
  const { result, tree } = await joined({ context, signal, longest_ms }, joining).catch(tooCostly)
  await context.db.tx((t) => context.below().pipelines.sources.keep(t, project, pins.reads))
  return {
    tree,
    rows: result.rows,
    described: `${describe(`${name}@${found.version}`, views, result)}; read: ${read(entities, pins)}`,
  }
}

/** Enough of a digest to tell two readings of a source apart. */
const DIGEST_SHOWN = 'sha256:'.length + 12

/** Every source of the table of entities and of the views, each with the beginning of its digest. */
function read({ tables }: FeatureJoin['entities'], { reads }: Pins): string {
  const asking = Object.entries(tables).map(([name, { digest }]) => ({ name, digest }))
  const all = [...asking, ...reads.map(({ pinned }) => pinned)]
  return [...new Set(all.map(({ name, digest }) => `${name} ${digest.slice(0, DIGEST_SHOWN)}`))].join(', ')
}

/** For example `late@2 (stats@1); missing: rate 12 expired, 3 not_found`. */
function describe(service: string, views: ViewVersions, { columns }: JoinResult): string {
  const read = Object.values(views).map(({ name, version }) => `${name}@${version}`)
  const missing = columns.flatMap(({ name, statuses }) => {
    const counted = Object.entries(statuses).filter(([status]) => status !== 'present')
    return counted.length === 0 ? [] : [`${name} ${counted.map(([status, count]) => `${count} ${status}`).join(', ')}`]
  })
  const told = missing.length === 0 ? 'nothing is missing' : `missing: ${missing.join('; ')}`
  return `${service} (${read.join(', ')}); ${told}`
}
