/** The definitions of a project as they are kept: each under its kind and name, in versions that never change. */
import type { SourceSpec } from '../../pipelines/spec/external/source.ts'
import type { Reader, Sql, Tx } from '../../store/db.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { About, Entity, OnDemand, Service, View } from './definitions.ts'

export const KINDS = ['entity', 'view', 'on_demand', 'service'] as const
export type Kind = (typeof KINDS)[number]

export interface DefinitionOf {
  readonly entity: Entity
  readonly view: View
  readonly on_demand: OnDemand
  readonly service: Service
}

/** A version of a definition. */
export interface Version<K extends Kind = Kind> {
  readonly kind: K
  readonly name: string
  readonly version: number
  readonly digest: string
  readonly definition: DefinitionOf[K]
  /** Of a view, the declared sources that it reads. */
  readonly sources: Readonly<Record<string, SourceSpec>>
  /** ms since 1970. */
  readonly created_at: number
  readonly created_by: string
}

/** A name with its newest version. */
export interface Named<K extends Kind = Kind> {
  readonly about: About
  readonly latest: Version<K>
}

interface VersionRow {
  readonly kind: Kind
  readonly name: string
  readonly version: number
  readonly digest: string
  readonly definition: string
  readonly sources: string
  readonly created_at: number
  readonly created_by: string
}

function versionOf<K extends Kind>(row: VersionRow): Version<K> {
  return {
    ...row,
    kind: row.kind as K,
    definition: JSON.parse(row.definition) as DefinitionOf[K],
    sources: JSON.parse(row.sources) as Version['sources'],
  }
}

const VERSION = 'v.kind, v.name, v.version, v.digest, v.definition, v.sources, v.created_at, v.created_by'

/** All definitions of a project in their newest versions, by kind and name. */
export async function newest(reader: Reader, project: string): Promise<Named[]> {
  const rows = await reader.all<VersionRow & { about: string }>(
    `SELECT ${VERSION}, n.about FROM feature_names n
     JOIN feature_versions v ON v.project = n.project AND v.kind = n.kind AND v.name = n.name AND v.version = n.latest
     WHERE n.project = ? ORDER BY n.kind, n.name`,
    [project],
  )
  return rows.map(({ about, ...row }) => ({ about: JSON.parse(about) as About, latest: versionOf(row) }))
}

/** Projects that have any definition, by name, of those whose condition on `project` is met. */
export async function projectsWithFeatures(
  reader: Reader,
  which: Sql,
): Promise<{ readonly project: string; readonly views: number; readonly services: number }[]> {
  const rows = await fetchAll<{ project: string; kind: Kind; found: number }>(
    reader,
    sql`SELECT project, kind, count(*) AS found FROM feature_names WHERE ${which} GROUP BY project, kind ORDER BY project, kind`,
  )
  return [...Map.groupBy(rows, ({ project }) => project)].map(([project, own]) => {
    const count = (kind: Kind): number => own.find((one) => one.kind === kind)?.found ?? 0
    return { project, views: count('view'), services: count('service') }
  })
}

/** One version, or the newest; undefined where there is none. */
export async function findVersion<K extends Kind>(
  reader: Reader,
  of: { readonly project: string; readonly kind: K; readonly name: string; readonly version?: number | undefined },
): Promise<Version<K> | undefined> {
  const chosen =
    of.version === undefined
      ? '(SELECT latest FROM feature_names n WHERE n.project = v.project AND n.kind = v.kind AND n.name = v.name)'
      : '?'
  const row = await reader.get<VersionRow>(
    `SELECT ${VERSION} FROM feature_versions v WHERE v.project = ? AND v.kind = ? AND v.name = ? AND v.version = ${chosen}`,
    [of.project, of.kind, of.name, ...(of.version === undefined ? [] : [of.version])],
  )
  return row && versionOf<K>(row)
}

/** All versions of a definition, newest first. */
export async function versionsOf<K extends Kind>(
  reader: Reader,
  of: { readonly project: string; readonly kind: K; readonly name: string },
): Promise<Version<K>[]> {
  const rows = await reader.all<VersionRow>(
    `SELECT ${VERSION} FROM feature_versions v WHERE v.project = ? AND v.kind = ? AND v.name = ? ORDER BY v.version DESC`,
    [of.project, of.kind, of.name],
  )
  return rows.map((row) => versionOf<K>(row))
}

/** Keeps a version as the newest of its name. */
export async function addVersion(
  t: Tx,
  project: string,
  {
    version,
    about,
    at,
    by,
  }: {
    readonly version: Omit<Version, 'created_at' | 'created_by'>
    readonly about: About
    readonly at: number
    readonly by: string
  },
): Promise<void> {
  const { definition, sources, ...rest } = version
  await insertRow(t, 'feature_versions', {
    project,
    ...rest,
    definition: JSON.stringify(definition),
    sources: JSON.stringify(sources),
    created_at: at,
    created_by: by,
  })
  await insertRow(
    t,
    'feature_names',
    {
      project,
      kind: rest.kind,
      name: rest.name,
      latest: rest.version,
      about: JSON.stringify(about),
      changed_at: at,
      changed_by: by,
    },
    'ON CONFLICT (project, kind, name) DO UPDATE SET latest = excluded.latest, about = excluded.about, changed_at = excluded.changed_at, changed_by = excluded.changed_by',
  )
}

/** Replaces what is said for people. */
export async function describe(
  t: Tx,
  project: string,
  {
    kind,
    name,
    about,
    at,
    by,
  }: { readonly kind: Kind; readonly name: string; readonly about: About; readonly at: number; readonly by: string },
): Promise<void> {
  await t.run(
    'UPDATE feature_names SET about = ?, changed_at = ?, changed_by = ? WHERE project = ? AND kind = ? AND name = ?',
    [JSON.stringify(about), at, by, project, kind, name],
  )
}
