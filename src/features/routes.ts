/** Routes of features: parse, check whose project it is, call, reply. */
import { projectNamed, visible } from '../auth/visibility.ts'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { featuresApi } from '../contract/features/catalogue.ts'
import type { ViewStatistics } from '../contract/features/statistics.ts'
import { toTime } from '../contract/fields.ts'
import { mount, type Mounted } from '../http/mount.ts'
import { compileSource, Source, type SourceSpec } from '../pipelines/spec/external/source.ts'
import type { FeaturesContext } from './context/context.ts'
import { differencesOf, planApply, writePlan, type Change, type Given } from './definitions/apply.ts'
import {
  newest,
  projectsWithFeatures,
  versionsOf,
  type Kind,
  type Named,
  type Version,
} from './definitions/catalogue.ts'
import { requireVersion } from './definitions/require.ts'
import { viewEntity, viewOnDemand, viewService, viewView } from './definitions/view.ts'
import { statisticsOf, type KeptStatistics } from './jobs/statistics.ts'
import { momentText } from '../contract/text/moments.ts'

export function featuresRoutes(context: FeaturesContext): Mounted[] {
  return [...definitionRoutes(context), ...detailRoutes(context)]
}

function definitionRoutes(context: FeaturesContext): Mounted[] {
  const { db } = context
  return [
    mount(featuresApi.applyFeatures, async ({ body, who }) => {
      const project = projectNamed(who, body.project)
      const given: Given = { section: body.features, sources: sourcesOf(body.sources) }
      const changes = await apply(context, who, { project, given, isDry: body.dry_run })
      return { changes: changes.map((one) => ({ ...one, differences: one.differences.map(plainDifference) })) }
    }),
    mount(featuresApi.listFeatureProjects, async ({ who }) => ({
      items: await projectsWithFeatures(db, visible(who, 'project')),
    })),
    mount(featuresApi.listFeatures, async ({ query, who }) => {
      const all = await newest(db, projectNamed(who, query.project))
      return {
        entities: ofKind(all, 'entity').map(viewEntity),
        views: ofKind(all, 'view').map(({ about, latest }) => viewView(about, latest)),
        on_demand: ofKind(all, 'on_demand').map(viewOnDemand),
        services: ofKind(all, 'service').map(({ about, latest }) => viewService(about, latest)),
      }
    }),
  ]
}

function detailRoutes(context: FeaturesContext): Mounted[] {
  const { db } = context
  return [
    mount(featuresApi.getFeatureView, async ({ params, query, who }) => {
      const project = projectNamed(who, query.project)
      const all = await newest(db, project)
      const version = await requireVersion(context, {
        project,
        kind: 'view',
        name: params.name,
        version: query.version,
      })
      const about = ofKind(all, 'view').find(({ latest }) => latest.name === params.name)?.about
      const services = ofKind(all, 'service').flatMap(({ latest }) =>
        latest.definition.views
          .filter(({ view }) => view === params.name)
          .map((taken) => ({ name: latest.name, version: latest.version, view_version: taken.version })),
      )
      const versions = (await versionsOf(db, { project, kind: 'view', name: params.name })).map(plainVersion)
      const kept = await statisticsOf(db, { project, name: params.name, version: version.version })
      const statistics = kept === undefined ? null : plainStatistics(kept)
      return { ...viewView(about ?? NOTHING_SAID, version), versions, services, statistics }
    }),
    mount(featuresApi.getFeatureService, async ({ params, query, who }) => {
      const project = projectNamed(who, query.project)
      const version = await requireVersion(context, {
        project,
        kind: 'service',
        name: params.name,
        version: query.version,
      })
      const about = ofKind(await newest(db, project), 'service').find(
        ({ latest }) => latest.name === params.name,
      )?.about
      const versions = (await versionsOf(db, { project, kind: 'service', name: params.name })).map(plainVersion)
      return { ...viewService(about ?? NOTHING_SAID, version), versions }
    }),
    mount(featuresApi.compareFeatures, async ({ params, query, who }) => {
      const of = { project: projectNamed(who, query.project), kind: KIND_OF[params.kind], name: params.name }
      const before = await requireVersion(context, { ...of, version: query.from })
      const after = await requireVersion(context, { ...of, version: query.to })
      const sides = [before, after].map(({ definition, sources }) => ({ ...definition, sources }))
      return { items: differencesOf(sides[0], sides[1]).map(plainDifference) }
    }),
  ]
}

const KIND_OF = { entities: 'entity', views: 'view', 'on-demand': 'on_demand', services: 'service' } as const
const NOTHING_SAID = { description: '', owner: '', tags: {} }

interface Applying {
  readonly project: string
  readonly given: Given
  readonly isDry: boolean
}

/** Throws `unprocessable` with every fault; then nothing is changed. */
async function apply(
  context: FeaturesContext,
  who: Principal,
  { project, given, isDry }: Applying,
): Promise<readonly Change[]> {
  const { db, clock, audit, changed } = context
  const changes = await db.tx(async (t) => {
    await t.lock(`features ${project}`)
    const planned = await planApply(t, project, given)
    if (planned.faults.length > 0) {
      const told = planned.faults.map(({ path, message }) => ({ key: ['features', ...path].join('.'), message }))
      const texts = told.slice(0, 3).map(({ key, message }) => `${key}: ${message}`)
      const more = told.length > 3 ? ` (and ${told.length - 3} more)` : ''
      throw problem('unprocessable', { detail: `${texts.join('; ')}${more}`, faults: told })
    }
    if (isDry || (planned.versions.length === 0 && planned.described.length === 0)) return planned.changes
    await writePlan(t, project, { planned, at: clock(), by: who.name })
    const versions = planned.versions.map(({ version }) => `${version.kind} ${version.name}@${version.version}`)
    await audit.record(t, who, {
      verb: 'write',
      resource: 'artifacts',
      id: `features of ${project}`,
      detail: { versions },
    })
    return planned.changes
  })
  // every project hears of changes, and no other is to learn its name
  if (!isDry) changed('definitions')
  return changes
}

/** Throws `invalid_field` for one that is no declared source. */
function sourcesOf(given: Readonly<Record<string, unknown>>): Record<string, SourceSpec> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, one]) => {
      const parsed = Source.safeParse(one)
      // what is joined of features is no source of one
      if (parsed.success) return parsed.data.features === undefined ? [[name, compileSource(parsed.data)]] : []
      const [issue] = parsed.error.issues
      const field = ['sources', name, ...(issue?.path ?? [])].join('.')
      throw problem('invalid_field', { field, value: one, expected: issue?.message ?? 'a declared source' })
    }),
  )
}

function ofKind<K extends Kind>(all: readonly Named[], kind: K): Named<K>[] {
  return all.filter((one): one is Named<K> => one.latest.kind === kind)
}

function plainVersion({ version, created_at, created_by }: Version) {
  return { version, created_at: toTime(created_at), created_by }
}

function plainStatistics({ features, at, ...rest }: KeptStatistics): ViewStatistics {
  return {
    ...rest,
    at: toTime(at),
    features: features.map((one) => ({ ...one, first: plainMoment(one.first), last: plainMoment(one.last) })),
  }
}

function plainMoment(moment: string | null): string | null {
  return moment === null ? null : momentText(BigInt(moment))
}

function plainDifference({ path, before, after }: Change['differences'][number]) {
  return { path, before: before ?? null, after: after ?? null }
}
