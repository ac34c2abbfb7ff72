/** The rate card: dated prices, of which each entry keeps those that held when it began. */
import type { Principal } from '../contract/access.ts'
import { PRICE_UNITS } from '../contract/cost.ts'
import type { PricedResource, Rate } from '../contract/cost.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Reader } from '../store/db.ts'
import type { Cost, Prices } from './ledger-rows.ts'

interface RateRow {
  readonly resource: PricedResource
  readonly from_at: number
  readonly micro_dollars: number
  readonly note: string
}

/** A price to add. */
export interface NewRate {
  readonly resource: PricedResource
  /** Micro-dollars of one unit. */
  readonly micro_dollars: number
  /** RFC 3339; default now. */
  readonly from?: string | undefined
  readonly note: string
}

/** All prices, the newest first. */
export async function listRates(reader: Reader): Promise<Rate[]> {
  const rows = await reader.all<RateRow>('SELECT * FROM cost_rates ORDER BY from_at DESC, resource')
  return rows.map((row) => ({
    resource: row.resource,
    unit: PRICE_UNITS[row.resource],
    micro_dollars: row.micro_dollars,
    from: toTime(row.from_at),
    note: row.note,
  }))
}

/**
 * Adds prices and writes the audit trail. A price that is there already stays as it is: the same again is fine, another for the
 * same resource and time is a `conflict`. Entries that exist keep their price, also where the new one reaches back.
 */
export async function addRates(room: Cost, who: Principal, rates: readonly NewRate[]): Promise<Rate[]> {
  await room.db.tx(async (t) => {
    for (const rate of rates) {
      const from = rate.from === undefined ? room.clock() : Date.parse(rate.from)
      if (from < 0) throw problem('invalid_field', { field: 'from', value: rate.from, expected: 'a time since 1970' })
      await t.run(
        'INSERT INTO cost_rates (resource, from_at, micro_dollars, note) VALUES (?,?,?,?) ON CONFLICT DO NOTHING',
        [rate.resource, from, rate.micro_dollars, rate.note],
      )
      const kept = await t.get<RateRow>('SELECT * FROM cost_rates WHERE resource = ? AND from_at = ?', [
        rate.resource,
        from,
      ])
      if (kept?.micro_dollars !== rate.micro_dollars) {
        throw problem('conflict', {
          detail: `${rate.resource} has the price ${kept?.micro_dollars} from ${toTime(from)} on already; give a later time`,
        })
      }
    }
    await room.audit.record(t, who, { verb: 'manage', resource: 'cost', id: 'rates', detail: { rates } })
  })
  return listRates(room.db)
}

/** The prices that held at a time (ms); those of the earliest rows before that. */
export async function pricesAt(reader: Reader, at: number): Promise<Prices> {
  const of = async (resource: PricedResource): Promise<number> => {
    const row = await reader.get<{ micro_dollars: number }>(
      `SELECT micro_dollars FROM cost_rates WHERE resource = ?
       ORDER BY CASE WHEN from_at <= ? THEN 0 ELSE 1 END, CASE WHEN from_at <= ? THEN -from_at ELSE from_at END LIMIT 1`,
      [resource, at, at],
    )
    return row?.micro_dollars ?? 0
  }
  return { cpu_price: await of('cpu'), memory_price: await of('memory'), storage_price: await of('storage') }
}
