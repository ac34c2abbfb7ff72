/** A push of a row until it was read again: ours, and that of `feast serve`. */
import type { TestServer } from '../../test/server.ts'
import { ms, type Row } from '../table.ts'
import { FEAST, type FeastServer, type Feasts } from './feast.ts'
import { faultOf, quantile } from './figures.ts'
import { post, type Post } from './post.ts'
import { NAMES } from './stats.ts'

/** Rows that are pushed, each read before the next. */
const PUSHES = 300

/** A push and the read after it, one after the other. Throws where a read does not give what was pushed. */
export async function pushRow(server: TestServer, feast: Feasts): Promise<Row> {
  const headers = { authorization: `Bearer ${server.token}` }
  const taken = await pushes(async (value, post) => {
    const row = {
      customer_id: 7,
      at: new Date().toISOString(),
      ...Object.fromEntries(NAMES.map((name) => [name, value])),
    }
    await post(`${server.url}/v1/features/views/pushed/rows`, { rows: [row] }, headers)
    const body = { service: 'pushed', entities: [{ customer_id: 7 }] }
    const read = await post(`${server.url}/v1/features:read`, body, headers)
    return (read as { rows: { features: Record<string, unknown> }[] }).rows[0]?.features['f9']
  })
  const other = feast.server === undefined ? feast.fault : await feastPushes(feast.server)
  const [p50, p99] = [quantile(taken, 0.5), quantile(taken, 0.99)]
  return {
    name: 'push of a row until it was read, 1 client',
    measured: `p50 ${ms(p50)}, p99 ${ms(p99)} of ${PUSHES}`,
    target: 'p99 ≤ 10 ms',
    beside:
      typeof other === 'string'
        ? `${FEAST}: ${other}`
        : `\`feast serve\`, SQLite: p50 ${ms(quantile(other, 0.5))}, p99 ${ms(quantile(other, 0.99))}`,
    ok: p99 <= 10,
    figures: {
      p50_ms: p50,
      p99_ms: p99,
      feast: typeof other === 'string' ? other : { p50_ms: quantile(other, 0.5), p99_ms: quantile(other, 0.99) },
    },
  }
}

async function feastPushes({ port }: FeastServer): Promise<number[] | string> {
  const url = `http://127.0.0.1:${port}`
  try {
    return await pushes(async (value, post) => {
      const at = [new Date().toISOString()]
      const df = { customer_id: [7], event_timestamp: at, created: at }
      const values = Object.fromEntries(NAMES.map((name) => [name, [value]]))
      await post(`${url}/write-to-online-store`, { feature_view_name: 'stats', df: { ...df, ...values } }, {})
      const read = await post(
        `${url}/get-online-features`,
        { features: ['stats:f9'], entities: { customer_id: [7] } },
        {},
      )
      return (read as { results: { values: unknown[] }[] }).results.at(-1)?.values[0]
    })
  } catch (error) {
    return faultOf(error)
  }
}

/** Sorted milliseconds of pushes with the read after each. */
async function pushes(push: (value: number, post: Post) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  for (let i = 0; i < PUSHES + 20; i++) {
    const value = i + 0.5
    const began = performance.now()
    const read = await push(value, post)
    const took = performance.now() - began
    if (read !== value) throw new Error(`${String(read)} was read after ${value} had been pushed`)
    // the first ones make connections, and statements
    if (i >= 20) taken.push(took)
  }
  return taken.toSorted((a, b) => a - b)
}
