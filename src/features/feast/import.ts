/** A Feast repository as the sections `sources` and `features` of a project file, and what of it could not be carried over. */
import { stringify } from 'yaml'
import { aboutOf, nameFault, type Keyed, type Leave, type Left } from './carry.ts'
import type { FeastRepository, FeastService } from './repository.ts'
import { declaredSources } from './sources.ts'
import { carriedEntities, carriedView, type CarriedView } from './views.ts'

export interface ImportedFeatures {
  readonly sources: Readonly<Record<string, Keyed>>
  readonly features: {
    readonly entities: Readonly<Record<string, Keyed>>
    readonly views: Readonly<Record<string, Keyed>>
    readonly services: Readonly<Record<string, Keyed>>
  }
  /** In the order of the repository: entities, views, on-demand features, services, sources, others. */
  readonly left: readonly Left[]
}

/** Carries over what has the same meaning here, and tells of everything else. */
export function importRepository(repository: FeastRepository): ImportedFeatures {
  const left: Left[] = []
  const leave: Leave = (what, why) => left.push({ what, why })
  const entities = carriedEntities(repository, leave)
  const views = new Map<string, CarriedView>()
  for (const view of repository.views) {
    const carried = carriedView(view, { repository, entities }, leave)
    if (carried !== undefined) views.set(view.name, carried)
  }
  for (const one of repository.on_demand) leave(`on-demand view ${one.name}`, onDemandText(one))
  const services = carriedServices(repository, views, leave)
  const read = new Set([...views.values()].flatMap(({ source }) => (source === null ? [] : [source])))
  const sources = declaredSources(repository.sources, read, leave)
  for (const { kind, name } of repository.others) leave(`${kind} ${name}`, 'there is nothing like it here')
  return {
    sources: Object.fromEntries(sources),
    features: {
      entities: sections(entities),
      views: sections(views),
      services,
    },
    left,
  }
}

function sections(carried: ReadonlyMap<string, { readonly section: Keyed }>): Record<string, Keyed> {
  return Object.fromEntries([...carried].map(([name, { section }]) => [name, section]))
}

function onDemandText({ mode, features, views, requests }: FeastRepository['on_demand'][number]): string {
  const gives = features.map(({ name }) => name).join(', ')
  const reads = [...views, ...requests.map((name) => `request ${name}`)].join(', ')
  return `a function of Python (${mode}) makes ${gives} from ${reads}: write each as an expression of SQL in \`on_demand\`, or compute it in the model`
}

function carriedServices(
  repository: FeastRepository,
  views: ReadonlyMap<string, CarriedView>,
  leave: Leave,
): Record<string, Keyed> {
  const services: Record<string, Keyed> = {}
  for (const service of repository.services) {
    const what = `service ${service.name}`
    const fault = nameFault(service.name)
    const features = fault === undefined ? takenOf(service, { repository, views }, leave) : []
    if (fault !== undefined || features.length === 0) {
      leave(what, fault ?? 'none of its features was carried over')
      continue
    }
    const names = features.flatMap(({ features: taken }) => taken)
    const isDouble = new Set(names).size < names.length
    if (isDouble) leave(what, 'two of its features have one name: `full_names: true` makes its columns VIEW__FEATURE')
    if (service.logged) leave(what, 'its logging: an endpoint that names a service logs what it served')
    services[service.name] = {
      features: features.flatMap(({ written }) => written),
      ...(isDouble && { full_names: true }),
      ...aboutOf(what, service, leave),
    }
  }
  return services
}

/** A view as a service takes it: the features, and how they are written. */
interface Written {
  readonly features: readonly string[]
  readonly written: readonly unknown[]
}

interface Having {
  readonly repository: FeastRepository
  readonly views: ReadonlyMap<string, CarriedView>
}

function takenOf({ name, takes }: FeastService, { repository, views }: Having, leave: Leave): Written[] {
  const what = `service ${name}`
  return takes.flatMap(({ view, alias, features, keys, version }): Written[] => {
    const carried = views.get(view)
    const fault = nameFault(alias ?? view)
    if (carried === undefined || fault !== undefined) {
      leave(what, `it is without ${view}, ${fault ?? 'which was not carried over'}`)
      return []
    }
    if (version !== null) leave(what, `it takes version ${version} of ${view}; here it is the newest`)
    const wanted = features.length === 0 ? carried.features : features
    const missing = wanted.filter((one) => !carried.features.includes(one))
    if (missing.length > 0)
      leave(what, `it is without ${missing.map((one) => `${view}:${one}`).join(', ')}, which was not carried over`)
    const taken = wanted.filter((one) => carried.features.includes(one))
    // a part of a view stays that part when the view gets more
    const all = repository.views.find((one) => one.name === view)?.features.length ?? 0
    const isWhole = features.length === 0 || features.length >= all
    const references = isWhole ? [view] : taken.map((one) => `${view}:${one}`)
    const more = {
      ...(alias !== null && alias !== view && { as: alias }),
      ...(Object.keys(keys).length > 0 && { keys }),
    }
    const written = references.map((take) => (Object.keys(more).length === 0 ? take : { take, ...more }))
    return [{ features: taken, written }]
  })
}

/** Lines of YAML: both sections, under comments that say from where they are and what they lack. */
export function importText({ sources, features, left }: ImportedFeatures, from: string): string {
  const comments = [
    `Carried over from ${from}. Files of sources are to lie below a folder of SLIPWAY_SOURCE_FOLDERS where the server runs.`,
    'A join takes a row only if it was known, by its created_time, at the moment that is asked for; `include_late_data` joins as Feast does.',
    ...(left.length > 0 ? ['Not carried over, or not as it was:'] : []),
    ...left.map(({ what, why }) => `  ${what}: ${why}`),
  ]
  const written = Object.fromEntries(Object.entries(features).filter(([, some]) => Object.keys(some).length > 0))
  const body = stringify({ sources, features: written }, { lineWidth: 120, aliasDuplicateObjects: false })
  return `${comments.map((line) => `# ${line.replaceAll(/\s+/g, ' ').trimEnd()}\n`).join('')}${body}`
}
