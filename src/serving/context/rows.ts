/** The rows that the serving room keeps, and how they are read. */
import { problem } from '../../contract/errors.ts'
import type { Reader, Sql, Tx } from '../../store/db.ts'
import type { BackendRoute, BreakerRoute, VariantRole } from '../../gateway/table/table.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { fetchAll, raw, sql } from '../../store/sql/sql.ts'

/** An endpoint. Times are ms. */
export interface EndpointRow {
  readonly name: string
  readonly project: string
  readonly model: string
  readonly salt: string
  readonly threshold: number | null
  /** JSON of the monitor settings. */
  readonly monitor: string
  readonly previous_version: string | null
  readonly created_at: number
  readonly updated_at: number
}

export interface VariantRow {
  readonly endpoint: string
  readonly role: VariantRole
  readonly version: string
  readonly weight: number
  readonly since: number
  readonly tripped: string | null
  /** JSON of the breaker's rule; null = the default. */
  readonly breaker: string | null
}

/** A variant as a caller wants it. */
export interface WantedVariant {
  readonly role: VariantRole
  readonly version: string
  /** In parts of 10000 of the traffic; 0 but for a canary. */
  readonly weight: number
  /** The rule of its breaker; absent = the default. */
  readonly breaker?: BreakerRoute
}

/** A version as an endpoint serves it. */
export interface EndpointVersion {
  readonly version: string
  readonly inputs: readonly InputField[]
  /** Who scores it. Where its files lie is not in the row: each server lays them out for itself. */
  readonly scored_by: BackendRoute['kind']
  /** Why Python serves it; null for native and ONNX. */
  readonly reason: string | null
  /** Who made it answer here although its gates did not hold; null where they held. */
  readonly overridden: Override | null
}

/** An act by which a version answers although its gates do not hold. Times are ms. */
export interface Override {
  readonly by: string
  readonly role: string
  readonly at: number
  readonly reason: string
  /** The gates that do not hold, each with its reason. */
  readonly refusal: string
}

/** An endpoint; undefined when there is none of this name. */
export function endpointRow(reader: Reader, name: string): Promise<EndpointRow | undefined> {
  return reader.get<EndpointRow>('SELECT * FROM endpoints WHERE name = ?', [name])
}

/** An endpoint. Throws `not_found`. */
export async function requireEndpoint(reader: Reader, name: string): Promise<EndpointRow> {
  const row = await endpointRow(reader, name)
  if (row === undefined) throw problem('not_found', { what: 'endpoint', id: name })
  return row
}

/** Every endpoint, by name. */
export function endpointRows(reader: Reader): Promise<EndpointRow[]> {
  return reader.all<EndpointRow>('SELECT * FROM endpoints ORDER BY name')
}

/** A query to read from: the `name` of each endpoint of a project; null = of all. */
export function endpointNamesSql(project: string | null): Sql {
  return project === null
    ? raw('SELECT name FROM endpoints')
    : sql`SELECT name FROM endpoints WHERE project = ${project}`
}

/** A query to read from: the `name` of each endpoint that serves a model. */
export function endpointsOfModelSql(model: string): Sql {
  return sql`SELECT name FROM endpoints WHERE model = ${model}`
}

/** Names of the endpoints of a project, sorted; null = of all. */
export async function endpointNames(reader: Reader, project: string | null): Promise<string[]> {
  const rows = await fetchAll<{ name: string }>(reader, sql`${endpointNamesSql(project)} ORDER BY name`)
  return rows.map((row) => row.name)
}

/** Names of a version's inputs in the order of the logged rows; empty for a version that the endpoint has never had. */
export async function inputNames(reader: Reader, endpoint: string, version: string): Promise<readonly string[]> {
  const row = await reader.get<{ inputs: string }>(
    'SELECT inputs FROM endpoint_versions WHERE endpoint = ? AND version = ?',
    [endpoint, version],
  )
  return row === undefined ? [] : (JSON.parse(row.inputs) as InputField[]).map((input) => input.name)
}

/** Variants of an endpoint: stable first, then canary, then shadows. */
export async function variantsOf(reader: Reader, endpoint: string): Promise<VariantRow[]> {
  const rows = await reader.all<VariantRow>('SELECT * FROM endpoint_variants WHERE endpoint = ?', [endpoint])
  const order: Record<VariantRole, number> = { stable: 0, canary: 1, shadow: 2 }
  return rows.sort((a, b) => order[a.role] - order[b.role] || a.since - b.since)
}

interface Stored {
  readonly inputs: string
  /** JSON with the `kind`; those of servers before held paths too, which nothing reads. */
  readonly backend: string
  readonly overridden: string | null
}

function overrideIn({ overridden }: Pick<Stored, 'overridden'>): Override | null {
  return overridden === null ? null : (JSON.parse(overridden) as Override)
}

/** Keeps by whose override a version comes to an endpoint; null says that it came by its gates. */
export async function writeOverride(
  t: Tx,
  { endpoint, version }: { readonly endpoint: string; readonly version: string },
  override: Override | null,
): Promise<void> {
  await t.run('UPDATE endpoint_versions SET overridden = ? WHERE endpoint = ? AND version = ?', [
    override === null ? null : JSON.stringify(override),
    endpoint,
    version,
  ])
}

/** Where a version answers now by an override: by endpoint and role. */
export async function overridesOf(
  reader: Reader,
  model: string,
  version: string,
): Promise<(Override & { readonly endpoint: string; readonly variant: VariantRole })[]> {
  const rows = await reader.all<{ endpoint: string; variant: VariantRole; overridden: string }>(
    `SELECT v.endpoint, v.role AS variant, d.overridden FROM endpoint_variants v
       JOIN endpoints e ON e.name = v.endpoint
       JOIN endpoint_versions d ON d.endpoint = v.endpoint AND d.version = v.version
     WHERE e.model = ? AND v.version = ? AND d.overridden IS NOT NULL ORDER BY v.endpoint, v.role`,
    [model, version],
  )
  return rows.map(({ endpoint, variant, overridden }) => ({
    endpoint,
    variant,
    ...(JSON.parse(overridden) as Override),
  }))
}

/** Versions that an endpoint has served or is ready to serve, by version. */
export async function versionsOf(reader: Reader, endpoint: string): Promise<Map<string, EndpointVersion>> {
  const rows = await reader.all<Pick<EndpointVersion, 'version' | 'reason'> & Stored>(
    'SELECT version, inputs, backend, reason, overridden FROM endpoint_versions WHERE endpoint = ?',
    [endpoint],
  )
  return new Map(
    rows.map((row) => {
      const { version, reason } = row
      const inputs = JSON.parse(row.inputs) as InputField[]
      const { kind } = JSON.parse(row.backend) as Pick<BackendRoute, 'kind'>
      return [version, { version, inputs, scored_by: kind, reason, overridden: overrideIn(row) }]
    }),
  )
}

/** In words the endpoint that has a version of a model among its variants, or any version of it when `version` is null; null when none has. */
export async function endpointUsing(reader: Reader, model: string, version: number | null): Promise<string | null> {
  const row = await reader.get<{ name: string }>(
    `SELECT e.name FROM endpoints e JOIN endpoint_variants v ON v.endpoint = e.name
     WHERE e.model = ? AND (CAST(? AS TEXT) IS NULL OR v.version = ?) ORDER BY e.name LIMIT 1`,
    [model, version === null ? null : String(version), version === null ? null : String(version)],
  )
  return row === undefined ? null : `endpoint "${row.name}"`
}

/** Names of the endpoints that answer with a version, or send it a part of their traffic; sorted. */
export async function endpointsOfVersion(reader: Reader, model: string, version: number): Promise<string[]> {
  const rows = await reader.all<{ name: string }>(
    `SELECT DISTINCT e.name FROM endpoints e JOIN endpoint_variants v ON v.endpoint = e.name
     WHERE e.model = ? AND v.version = ? ORDER BY e.name`,
    [model, String(version)],
  )
  return rows.map((row) => row.name)
}

/** Says `endpoints` when a project has some. */
export async function holdsEndpoints(reader: Reader, project: string): Promise<string | undefined> {
  const row = await reader.get('SELECT name FROM endpoints WHERE project = ? LIMIT 1', [project])
  return row === undefined ? undefined : 'endpoints'
}
