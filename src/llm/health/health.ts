/** How providers answered: the tries of the newest calls, summed by provider, model and time. */
import type { Principal } from '../../contract/access.ts'
import { toTime } from '../../contract/fields.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { llmHealthApi } from '../../contract/llm/health.ts'
import type { LlmHealth } from '../../contract/llm/health.ts'
import { visible } from '../../auth/visibility.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import type { Db, Sql } from '../../store/db.ts'
import { all, raw, searchAll, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { Series } from './series.ts'
import type { Slots } from './series.ts'
import type { CallRow } from '../calls/rows.ts'
import { triesOf } from './tries.ts'
import type { TriedRow } from './tries.ts'

type ProviderHealth = LlmHealth['providers'][number]

/** Which time is asked for, and in how many parts. */
export interface HealthWish {
  readonly project?: string | undefined
  readonly hours: number
  readonly buckets: number
}

/** Calls that are read at most, and of one part: what is made of them is made on the loop. */
const MOST_READ = 20_000
const MOST_OF_PART = 2000
/** Models of a provider that are listed. */
const MOST_MODELS = 20

/** The route that tells it. */
export function healthRoute({ db, clock }: Pick<Llm, 'db' | 'clock'>): Mounted {
  return mount(llmHealthApi.llmProvidersHealth, ({ who, query }) => providersHealth(db, who, query, { now: clock() }))
}

/** The health of the providers that the principal sees, at a time (ms). `most`: calls that are read. */
export async function providersHealth(
  db: Db,
  who: Principal,
  { project, hours, buckets }: HealthWish,
  { now, most = MOST_READ }: { readonly now: number; readonly most?: number },
): Promise<LlmHealth> {
  const step = Math.ceil((hours * HOUR_MS) / buckets)
  // whole steps, so that the parts stay where they are as time goes by
  const since = (Math.floor(now / step) - buckets + 1) * step
  const seen = all([visible(who, 'project'), project === undefined ? raw('1 = 1') : sql`project = ${project}`])
  const found = await Providers.of(db, seen, { since, step, now })
  const cut_parts: string[] = []
  let read = 0
  // the newest first; what quiet parts leave over is for those that are busy
  for (let slot = buckets - 1; slot >= 0; slot--) {
    const from = since + slot * step
    const limit = Math.min(MOST_OF_PART, Math.floor((most - read) / (slot + 1)))
    const where = all([seen, sql`started >= ${from}`, sql`started < ${Math.min(from + step, now + 1)}`])
    const rows = await newest(db, where, limit + 1)
    for (const row of rows.slice(0, limit)) found.add(row)
    read += Math.min(rows.length, limit)
    if (rows.length > limit) cut_parts.unshift(toTime(from))
  }
  return { since: toTime(since), until: toTime(now), step_ms: step, ...found.told(), read, cut_parts }
}

function newest(db: Db, where: Sql, limit: number): Promise<TriedRow[]> {
  return searchAll<TriedRow>(
    db,
    sql`SELECT id, project, provider, model, started, first_us, own_us, outcome, error, guards, rest FROM llm_calls
      WHERE ${where} AND provider IS NOT NULL AND (cache IS NULL OR cache <> 'hit') ORDER BY started DESC, id DESC LIMIT ${limit}`,
  )
}

interface DefinitionRow {
  readonly id: string
  readonly provider: string
  readonly model: string
}

interface ProviderRow extends Pick<CallRow, 'id' | 'project'> {
  readonly name: string
}

/** One provider, with what is counted of it. */
interface Counted {
  readonly id: string | null
  readonly name: string
  readonly project: string
  readonly all: Series
  readonly models: Map<string, Series>
  failure: ProviderHealth['last_failure']
}

/** The providers that are counted: those that are set up, and those that calls name beside them. */
class Providers {
  readonly #slots: Slots
  readonly #definitions: ReadonlyMap<string, DefinitionRow>
  readonly #byId = new Map<string, Counted>()
  /** By project and name: what calls say of theirs. */
  readonly #byName = new Map<string, Counted>()
  #unknown = 0

  private constructor(slots: Slots, providers: readonly ProviderRow[], definitions: readonly DefinitionRow[]) {
    this.#slots = slots
    this.#definitions = new Map(definitions.map((one) => [one.id, one]))
    for (const { id, project, name } of providers) this.#byId.set(id, this.#make(id, project, name))
  }

  static async of(db: Db, seen: Sql, slots: Slots): Promise<Providers> {
    const providers = await searchAll<ProviderRow>(
      db,
      sql`SELECT secret_id AS id, project, secret_name AS name FROM gateway_secrets WHERE ${seen}`,
    )
    const definitions = await searchAll<DefinitionRow>(
      db,
      sql`SELECT model_definition_id AS id, secret_id AS provider, model_name AS model FROM gateway_model_definitions
        WHERE ${seen} AND secret_id IS NOT NULL`,
    )
    return new Providers(slots, providers, definitions)
  }

  #make(id: string | null, project: string, name: string): Counted {
    const made = { id, name, project, all: new Series(this.#slots), models: new Map<string, Series>(), failure: null }
    this.#byName.set(`${project}/${name}`, made)
    return made
  }

  /** Counts the tries of a call. Calls come newest first. */
  add(row: TriedRow): void {
    for (const one of triesOf(row).toReversed()) {
      const definition = this.#definitions.get(one.definition)
      const provider = this.#providerOf(row, definition, one.isLast)
      if (provider === undefined) {
        this.#unknown++
        continue
      }
      const model = definition?.model ?? (one.isLast ? row.model : null)
      const counts = [provider.all, ...(model === null ? [] : [modelOf(provider, model, this.#slots)])]
      for (const series of counts) series.add(row.started, one)
      if (one.failure !== null)
        provider.failure ??= {
          at: toTime(row.started),
          kind: one.failure,
          status: one.status,
          words: one.words,
          model,
          call: row.id,
        }
    }
  }

  /** Whom a try was sent to. Of a model that is gone, a call names the one of its last try. */
  #providerOf(row: TriedRow, definition: DefinitionRow | undefined, isLast: boolean): Counted | undefined {
    const known = definition && this.#byId.get(definition.provider)
    if (known !== undefined || !isLast) return known
    return this.#byName.get(`${row.project}/${row.provider}`) ?? this.#make(null, row.project, row.provider)
  }

  told(): Pick<LlmHealth, 'providers' | 'unknown'> {
    const providers = [...this.#byName.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => toldOf(one))
    return { providers, unknown: this.#unknown }
  }
}

function modelOf({ models }: Counted, model: string, slots: Slots): Series {
  const held = models.get(model) ?? new Series(slots)
  models.set(model, held)
  return held
}

function toldOf({ id, name, project, all: whole, models, failure }: Counted): ProviderHealth {
  const told = [...models]
    .map(([model, series]) => ({ model, ...series.told() }))
    .toSorted((a, b) => b.total.calls - a.total.calls || (a.model < b.model ? -1 : 1))
  return {
    id,
    name,
    project,
    ...whole.told(),
    last_failure: failure,
    models: told.slice(0, MOST_MODELS),
    more_models: Math.max(0, told.length - MOST_MODELS),
  }
}
