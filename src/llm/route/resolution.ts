/** Settings read as a whole: where each provider is called, which models each endpoint has, what they cost, and what is wrong with them. */
import { Problem } from '../../contract/errors.ts'
import type { Sql } from '../../store/db.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { priceBook } from '../prices/effective.ts'
import type { ModelPrices, PriceBook } from '../prices/effective.ts'
import type { DefinitionRow } from '../settings/definitions.ts'
import type { EndpointRow, Fallback, MappingRow } from '../settings/endpoints.ts'
import type { SecretRow } from '../settings/secrets.ts'
import { addressOf, settingsOf } from '../settings/vendors.ts'
import type { Address, Texts } from '../settings/vendors.ts'

export interface ResolvedProvider {
  readonly row: SecretRow
  /** Its name as it is called: that of its models where they have another than its own; null = nobody says it. */
  readonly vendor: string | null
  readonly address: Address
  /** Where its key would be used by another name. */
  readonly addressAs: (vendor: string) => Address
  readonly hasKey: boolean
  /** Settings of the provider, without its address. */
  readonly settings: Texts
}

export interface ResolvedModel {
  readonly definition: DefinitionRow
  /** Null = it was deleted. */
  readonly provider: ResolvedProvider | null
  readonly weight: number
  /** Place among the fallbacks, from 0; null = a primary one. */
  readonly fallback: number | null
  readonly prices: ModelPrices
  /** Why it is not called. */
  readonly fault: string | null
}

export interface ResolvedEndpoint {
  readonly row: EndpointRow
  readonly models: readonly ResolvedModel[]
  readonly attempts: number
  /** Why it is not answered. */
  readonly fault: string | null
}

export interface Resolution {
  readonly providers: readonly ResolvedProvider[]
  readonly endpoints: readonly ResolvedEndpoint[]
}

const MOST_ATTEMPTS = 100

/** The settings of the projects that fit, a condition on `project`, with the prices that hold now; oldest first. */
export async function resolveSettings(room: Pick<Llm, 'db' | 'open' | 'clock'>, where: Sql): Promise<Resolution> {
  const { db } = room
  const secrets = await fetchAll<SecretRow>(
    db,
    sql`SELECT * FROM gateway_secrets WHERE ${where} ORDER BY created_at, secret_id`,
  )
  const definitions = await fetchAll<DefinitionRow>(
    db,
    sql`SELECT * FROM gateway_model_definitions WHERE ${where} ORDER BY created_at, model_definition_id`,
  )
  const rows = await fetchAll<EndpointRow>(
    db,
    sql`SELECT * FROM gateway_endpoints WHERE ${where} ORDER BY created_at, endpoint_id`,
  )
  const mappings = await fetchAll<MappingRow>(
    db,
    sql`SELECT * FROM gateway_mappings WHERE endpoint_id IN (SELECT endpoint_id FROM gateway_endpoints WHERE ${where})
      ORDER BY endpoint_id, position`,
  )
  const book = await priceBook(db, room.clock())
  const providers = secrets.map((row) =>
    resolveProvider(
      room,
      row,
      definitions.filter(({ secret_id }) => secret_id === row.secret_id),
    ),
  )
  const known = {
    book,
    definitions: new Map(definitions.map((one) => [one.model_definition_id, one])),
    providers: new Map(providers.map((one) => [one.row.secret_id, one])),
  }
  const mapped = Map.groupBy(mappings, ({ endpoint_id }) => endpoint_id)
  return {
    providers,
    endpoints: rows.map((row) => resolveEndpoint(known, row, mapped.get(row.endpoint_id) ?? [])),
  }
}

function resolveProvider(
  room: Pick<Llm, 'open'>,
  row: SecretRow,
  definitions: readonly DefinitionRow[],
): ResolvedProvider {
  const own = row.provider === null || row.provider === '' ? null : row.provider
  const names = definitions.map(({ provider }) => provider)
  const vendor = own !== null && (names.length === 0 || names.includes(own)) ? own : (names[0] ?? own)
  const settings = row.auth_config === null ? {} : (JSON.parse(row.auth_config) as Texts)
  const hasKey = Object.keys(JSON.parse(row.masked) as Texts).length > 0
  const sealed = addressIn(room, row)
  const addressAs = (name: string): Address =>
    sealed === UNREADABLE
      ? notCalled('its key was sealed with another key file; set it again')
      : addressOf(name, settings, sealed)
  const address = vendor === null ? notCalled('nobody says what provider it is') : addressAs(vendor)
  return { row, vendor, address, addressAs, hasKey, settings: settingsOf(settings) }
}

function notCalled(fault: string): Address {
  return { kind: null, base_url: null, fault }
}

const UNREADABLE = Symbol('sealed with another key')

/** An address that was kept among the secrets; undefined where there is none. */
function addressIn({ open }: Pick<Llm, 'open'>, row: SecretRow): string | undefined | typeof UNREADABLE {
  const names = Object.keys(JSON.parse(row.masked) as Texts)
  const name = ['api_base', 'base_url'].find((one) => names.includes(one))
  if (name === undefined || open === undefined) return undefined
  try {
    return (JSON.parse(open(row.sealed, `gateway secret ${row.secret_id}`)) as Texts)[name]
  } catch (error) {
    if (error instanceof Problem && error.code === 'unprocessable') return UNREADABLE
    throw error
  }
}

interface Known {
  readonly book: PriceBook
  readonly definitions: ReadonlyMap<string, DefinitionRow>
  readonly providers: ReadonlyMap<string, ResolvedProvider>
}

function resolveEndpoint(known: Known, row: EndpointRow, mappings: readonly MappingRow[]): ResolvedEndpoint {
  // nothing says an order but the one in which they were given
  const fallbacks = mappings
    .filter(({ linkage_type }) => linkage_type === 'FALLBACK')
    .toSorted((a, b) => (a.fallback_order ?? a.position) - (b.fallback_order ?? b.position) || a.position - b.position)
  const models = mappings.flatMap((mapping) => {
    const definition = known.definitions.get(mapping.model_definition_id)
    if (definition === undefined) return []
    const place = fallbacks.indexOf(mapping)
    return [resolveModel(known, definition, { weight: mapping.weight, fallback: place < 0 ? null : place })]
  })
  const config = row.fallback_config === null ? null : (JSON.parse(row.fallback_config) as Partial<Fallback>)
  return {
    row,
    models,
    attempts: attemptsOf(config, models.length),
    fault: models.some(({ fault }) => fault === null) ? null : 'none of its models can be called',
  }
}

/** Upstream calls of one call: each model once, unless Slipway's own setting or MLflow's, which counts the tries after the first, says a number. */
function attemptsOf(config: Partial<Fallback> | null, models: number): number {
  const fallbacks = config?.max_attempts
  const wanted = config?.attempts ?? (fallbacks === undefined ? models : 1 + fallbacks)
  return Math.min(Math.max(Math.trunc(wanted), 1), MOST_ATTEMPTS)
}

function resolveModel(
  known: Known,
  definition: DefinitionRow,
  place: Pick<ResolvedModel, 'weight' | 'fallback'>,
): ResolvedModel {
  const provider = definition.secret_id === null ? null : (known.providers.get(definition.secret_id) ?? null)
  const prices = known.book(definition.provider, definition.model_name)
  return { definition, provider, ...place, prices, fault: faultOfModel(definition, provider) }
}

/** One key is for one provider: a model of another one has a key of its own. */
function faultOfModel({ provider: vendor }: DefinitionRow, provider: ResolvedProvider | null): string | null {
  if (provider === null) return 'its provider was deleted'
  const { address, row } = provider
  if (address.fault !== null) return `provider "${row.secret_name}": ${address.fault}`
  if (vendor.toLowerCase() === provider.vendor?.toLowerCase()) return null
  const other = provider.addressAs(vendor)
  if (other.kind === address.kind && other.base_url === address.base_url) return null
  return `provider "${row.secret_name}" is called as ${provider.vendor}, and this model is of ${vendor}; make another provider for it`
}
