/** What a section would change in a project, and the change itself: a definition whose meaning differs becomes a new version. */
import type { FeaturesSection } from '../../contract/features/section.ts'
import { hashOf, canonical } from '../../pipelines/spec/canonical.ts'
import type { SourceSpec } from '../../pipelines/spec/external/source.ts'
import type { Reader, Tx } from '../../store/db.ts'
import {
  addVersion,
  describe,
  findVersion,
  newest,
  type DefinitionOf,
  type Kind,
  type Named,
  type Version,
} from './catalogue.ts'
import type { About, View } from './definitions.ts'
import { readSection, type Definitions } from './read.ts'
import type { NumberedView } from './services.ts'
import type { Fault } from './views.ts'

/** One place at which a definition differs, as its path and both values; undefined where one has none. */
export interface Difference {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** `described`: only what is said for people differs. */
export interface Change {
  readonly kind: Kind
  readonly name: string
  readonly change: 'added' | 'changed' | 'described' | 'unchanged'
  /** The version after it is applied. */
  readonly version: number
  readonly differences: readonly Difference[]
}

/** A section with the sources that stand beside it. */
export interface Given {
  readonly section: FeaturesSection
  readonly sources: Readonly<Record<string, SourceSpec>>
}

export interface Planned {
  readonly changes: readonly Change[]
  readonly faults: readonly Fault[]
  readonly versions: readonly { readonly version: Omit<Version, 'created_at' | 'created_by'>; readonly about: About }[]
  readonly described: readonly { readonly kind: Kind; readonly name: string; readonly about: About }[]
}

/** What applying a section would do. Nothing that the section leaves out is removed. */
export async function planApply(reader: Reader, project: string, given: Given): Promise<Planned> {
  const known = new Map(
    (await newest(reader, project)).map((named) => [`${named.latest.kind} ${named.latest.name}`, named]),
  )
  const pinned = await pinnedViews(reader, project, given.section)
  const nextOf = (kind: Kind, name: string, digest: string): number => {
    const before = known.get(`${kind} ${name}`)?.latest
    if (before === undefined) return 1
    return before.digest === digest ? before.version : before.version + 1
  }
  const ofKind = <K extends Kind>(kind: K): Named<K>[] =>
    [...known.values()].filter((one): one is Named<K> => one.latest.kind === kind)
  const { definitions, faults } = readSection(given.section, {
    sources: Object.keys(given.sources),
    entities: ofKind('entity').map(({ latest }) => latest.definition),
    viewNames: ofKind('view').map(({ latest }) => latest.name),
    numberOf: (view) => nextOf('view', view.name, digestOf(view, sourcesOf(view, given))),
    view: (name, version) => {
      const latest = ofKind('view').find((one) => one.latest.name === name)?.latest
      if (version === undefined || version === latest?.version)
        return latest && { view: latest.definition, version: latest.version }
      return pinned.get(`${name}@${version}`)
    },
  })
  const planned: Omit<Planned, 'faults'> = { changes: [], versions: [], described: [] }
  for (const one of listed(definitions, given))
    step(planned as Growing, one, { before: known.get(`${one.kind} ${one.name}`), nextOf })
  return { ...planned, faults }
}

interface Growing {
  readonly changes: Change[]
  readonly versions: Planned['versions'][number][]
  readonly described: Planned['described'][number][]
}

type NextOf = (kind: Kind, name: string, digest: string) => number

function step(
  planned: Growing,
  one: Listed,
  { before, nextOf }: { readonly before: Named | undefined; readonly nextOf: NextOf },
): void {
  const { kind, name, definition, sources, about } = one
  const digest = digestOf(definition, sources)
  const version = nextOf(kind, name, digest)
  const said = { kind, name, version }
  if (before === undefined || before.latest.digest !== digest) {
    const differences =
      before === undefined
        ? []
        : differencesOf({ ...before.latest.definition, sources: before.latest.sources }, { ...definition, sources })
    planned.changes.push({ ...said, change: before === undefined ? 'added' : 'changed', differences })
    planned.versions.push({ version: { kind, name, version, digest, definition, sources }, about })
    return
  }
  const differences = differencesOf(before.about, about)
  planned.changes.push({ ...said, change: differences.length > 0 ? 'described' : 'unchanged', differences })
  if (differences.length > 0) planned.described.push({ kind, name, about })
}

/** Writes what was planned in the same transaction as it was planned in. */
export async function writePlan(
  t: Tx,
  project: string,
  { planned, at, by }: { readonly planned: Planned; readonly at: number; readonly by: string },
): Promise<void> {
  for (const { version, about } of planned.versions) await addVersion(t, project, { version, about, at, by })
  for (const one of planned.described) await describe(t, project, { ...one, at, by })
}

interface Listed {
  readonly kind: Kind
  readonly name: string
  readonly definition: DefinitionOf[Kind]
  readonly sources: Readonly<Record<string, SourceSpec>>
  readonly about: About
}

function aboutOf(one: Partial<About> | undefined): About {
  return { description: one?.description ?? '', owner: one?.owner ?? '', tags: one?.tags ?? {} }
}

function listed({ entities, views, onDemand, services }: Definitions, given: Given): Listed[] {
  const { section } = given
  return [
    ...[...entities.values()].map((one): Listed => ({
      kind: 'entity',
      name: one.name,
      definition: one,
      sources: {},
      about: aboutOf(section.entities[one.name]),
    })),
    ...[...views.values()].map((one): Listed => ({
      kind: 'view',
      name: one.name,
      definition: one,
      sources: sourcesOf(one, given),
      about: aboutOf(section.views[one.name]),
    })),
    ...[...onDemand.values()].map((one): Listed => ({
      kind: 'on_demand',
      name: one.name,
      definition: one,
      sources: {},
      about: aboutOf(section.on_demand[one.name]),
    })),
    ...[...services.values()].map((one): Listed => ({
      kind: 'service',
      name: one.name,
      definition: one,
      sources: {},
      about: aboutOf(section.services[one.name]),
    })),
  ]
}

function sourcesOf({ origin }: View, { sources }: Given): Record<string, SourceSpec> {
  return Object.fromEntries(
    (origin?.sources ?? []).flatMap((name) => (sources[name] === undefined ? [] : [[name, sources[name]]])),
  )
}

function digestOf(definition: DefinitionOf[Kind], sources: Readonly<Record<string, SourceSpec>>): string {
  return hashOf({ definition, sources })
}

/** Versions of views that a section names by their number. */
async function pinnedViews(
  reader: Reader,
  project: string,
  { services }: FeaturesSection,
): Promise<Map<string, NumberedView>> {
  const found = new Map<string, NumberedView>()
  const taken = Object.values(services).flatMap(({ features }) =>
    features.map((one) => (typeof one === 'string' ? one : one.take)),
  )
  for (const text of new Set(taken.map((one) => one.split(':')[0] ?? ''))) {
    const [name = '', number] = text.split('@')
    if (number === undefined) continue
    const version = await findVersion(reader, { project, kind: 'view', name, version: Number(number) })
    if (version !== undefined) found.set(text, { view: version.definition, version: version.version })
  }
  return found
}

/** Where two values differ, at the deepest places; things of a list are told apart by their name where they have one. */
export function differencesOf(before: unknown, after: unknown, path = ''): Difference[] {
  if (canonical(before ?? null) === canonical(after ?? null)) return []
  const [a, b] = [partsOf(before), partsOf(after)]
  if (a === undefined || b === undefined) return [{ path, before, after }]
  const keys = [...new Set([...a.keys(), ...b.keys()])]
  const found = keys.flatMap((key) => differencesOf(a.get(key), b.get(key), path === '' ? key : `${path}.${key}`))
  // only their order differs
  return found.length > 0 ? found : [{ path, before: [...a.keys()], after: [...b.keys()] }]
}

function partsOf(value: unknown): Map<string, unknown> | undefined {
  if (Array.isArray(value)) {
    const names = value.map((one: unknown, i) =>
      typeof one === 'object' && one !== null && 'name' in one ? String(one.name) : String(i),
    )
    return new Set(names).size === names.length
      ? new Map(value.map((one: unknown, i) => [names[i] ?? '', one]))
      : undefined
  }
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
}
