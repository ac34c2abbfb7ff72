/** Reads and pushes for callers of the server, whatever protocol they speak. */
import { Problem, problem } from '../../contract/errors.ts'
import type { FeatureRow, PushedVersion, ReadView } from '../../contract/features/online.ts'
import type { OnExpired } from '../../contract/features/section.ts'
import { newest, type Version } from '../definitions/catalogue.ts'
import type { View } from '../definitions/definitions.ts'
import { requireVersion } from '../definitions/require.ts'
import type { FeaturesContext } from '../context/context.ts'
import type { NewRow, ViewVersion } from '../online/store.ts'
import { momentText } from '../../contract/text/moments.ts'
import type { ReadPlan } from './plan.ts'
import { Plans } from './plans.ts'
import { pushedInTurns, type Pushed } from './push.ts'
import { READ_AT_ONCE, readEntities, readInTurns, type Entity, type Read } from './read.ts'
import { viewRow } from './told.ts'

export interface Wanted {
  readonly service?: string | undefined
  readonly version?: number | undefined
  /** In place of a service. */
  readonly features?: readonly string[] | undefined
  /** With `features`: columns are VIEW__FEATURE. */
  readonly full?: boolean
  readonly entities: readonly Entity[]
  readonly on_expired?: OnExpired | undefined
}

export interface ViewNamed {
  readonly project: string
  readonly name: string
  readonly version?: number | undefined
}

export interface OnlineService {
  /** Throws `invalid_field`, `not_found` and `unprocessable`. */
  readonly read: (
    project: string,
    wanted: Wanted,
  ) => Promise<{
    readonly service: { readonly name: string; readonly version: number } | null
    readonly views: ReadView[]
    readonly rows: FeatureRow[]
  }>
  /** The same as values with their plan, for other protocols. */
  readonly readPlain: (project: string, wanted: Wanted) => Promise<Answered>
  /**
   * Throws `invalid_field`, `not_found` and `conflict`; then nothing is written. More than `WRITTEN_AT_ONCE` rows are written in parts, so that
   * a crash between two of them, or `unprocessable`, leaves the previous parts; pushing all rows again writes what is missing and no other.
   */
  readonly push: (of: ViewNamed, rows: Pushed) => Promise<{ readonly rows: number; readonly versions: PushedVersion[] }>
}

/** Rows of one transaction. */
const WRITTEN_AT_ONCE = 10_000

/** What was read, by which plan. */
export interface Answered extends Read {
  readonly service: { readonly name: string; readonly version: number } | null
  readonly plan: ReadPlan
  /** ns. */
  readonly now: bigint
}

export function onlineService({ db, clock, online }: Pick<FeaturesContext, 'db' | 'clock' | 'online'>): OnlineService {
  const plans = new Plans(db)
  const now = (): bigint => BigInt(clock()) * 1_000_000n
  const readPlain = async (project: string, wanted: Wanted): Promise<Answered> => {
    const { service, plan } = await planOf(plans, project, wanted)
    const reader = online.reader() ?? { read: () => undefined }
    const at = now()
    const on_expired = wanted.on_expired ?? plan.on_expired
    const reading = { reader, now: at, on_expired }
    const { entities } = wanted
    const read = entities.length > READ_AT_ONCE ? readInTurns : readEntities
    return { service, plan, now: at, ...(await read(plan, entities, reading)) }
  }
  const write = async (of: ViewVersion, definition: View, rows: readonly NewRow[], at: bigint): Promise<void> => {
    for (let from = 0; from < rows.length; from += WRITTEN_AT_ONCE) {
      if (from > 0) await new Promise(setImmediate)
      online.store().push(of, definition, rows.slice(from, from + WRITTEN_AT_ONCE), at)
    }
  }
  return {
    readPlain,
    async read(project, wanted) {
      const answered = await readPlain(project, wanted)
      const { plan, stored } = answered
      const horizonOf = (at: number): string | null => {
        const of = plan.views[at]?.of
        const horizon = of === undefined ? null : (online.reader()?.describe(of)?.horizon ?? null)
        return horizon === null ? null : momentText(horizon)
      }
      const views = plan.views.map(({ name, of }, at) => ({
        name,
        view: of.view,
        version: of.version,
        stored: stored[at] === true,
        horizon: horizonOf(at),
      }))
      return { service: answered.service, views, rows: answered.rows.map((row) => viewRow(plan, row, answered.now)) }
    },
    async push({ project, name, version }, pushed) {
      const wanted = await versionsToPush(db, { project, name, version })
      const at = now()
      const read: ({ of: Version<'view'>; rows: NewRow[] } | Refused)[] = []
      for (const [i, of] of wanted.entries())
        try {
          read.push({ of, rows: await pushedInTurns(of.definition, pushed, at) })
        } catch (error) {
          // an older version has other columns; the newest has to take them
          if (i === 0 || !(error instanceof Problem)) throw error
          read.push({ of, reason: error.message })
        }
      const versions: PushedVersion[] = []
      for (const one of read) {
        const written = !('reason' in one)
        if (written) await write({ project, view: name, version: one.of.version }, one.of.definition, one.rows, at)
        versions.push({ version: one.of.version, written, reason: written ? null : one.reason })
      }
      return { rows: pushed.count, versions }
    },
  }
}

interface Refused {
  readonly of: Version<'view'>
  readonly reason: string
}

async function planOf(plans: Plans, project: string, { service, version, features, full = false }: Wanted) {
  if ((service === undefined) === (features === undefined))
    throw problem('invalid_field', { field: 'service', value: service, expected: 'either "service" or "features"' })
  if (service === undefined) return { service: null, plan: await plans.features(project, features ?? [], full) }
  const found = await plans.service({ project, name: service, version })
  return { service: { name: service, version: found.version }, plan: found.plan }
}

/** The newest version of a view, then each other that a service reads in its newest version; or the one that is named. */
async function versionsToPush(db: FeaturesContext['db'], of: ViewNamed): Promise<Version<'view'>[]> {
  const { project, name, version } = of
  const newestOne = await requireVersion({ db }, { ...of, kind: 'view' })
  if (!newestOne.definition.push)
    throw problem('conflict', {
      detail: `view "${name}@${newestOne.version}" takes no pushed rows; "push: true" in its definition says that it does`,
    })
  if (version !== undefined) return [newestOne]
  const read = (await newest(db, project)).flatMap(({ latest }) =>
    latest.kind === 'service'
      ? (latest as Version<'service'>).definition.views.filter(({ view }) => view === name)
      : [],
  )
  const older = [...new Set(read.map((one) => one.version))].filter((one) => one !== newestOne.version)
  const others = await Promise.all(
    older.map((one) => requireVersion({ db }, { project, kind: 'view', name, version: one })),
  )
  return [newestOne, ...others.filter(({ definition }) => definition.push)]
}
