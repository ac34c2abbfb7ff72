/** Act 2: July flies through the gateway, row by row; labels follow when they are known. */
import { monitoringApi } from '../../../contract/monitoring.ts'
import { registryApi } from '../../../contract/registry.ts'
import { servingApi } from '../../../contract/serving.ts'
import { caughtUp, ENDPOINT, flightsOf, percent, send, until } from '../stage/world.ts'
import type { Notebook, World } from '../stage/world.ts'

/** Midnight in New York at the start of a day of 2013, ms; summer time is 4 hours behind UTC until 3 November. */
export function day(month: number, date: number): number {
  return Date.UTC(2013, month - 1, date, month < 11 ? 4 : 5)
}

export async function fly(world: World, notes: Notebook): Promise<void> {
  const flights = flightsOf(world, day(7, 1), day(8, 1))
  const sent = await send(world, flights)
  const failed = Object.values(sent.failed).reduce((sum, n) => sum + n, 0)
  const speed = `${Math.round((1000 * sent.sent) / sent.wallMs)}/s, p50 ${sent.p50Ms.toFixed(2)} ms, p99 ${sent.p99Ms.toFixed(2)} ms`
  notes.check('July replayed', `${sent.sent} predictions, ${failed} failed, ${speed}`, failed === 0)
  await caughtUp(world, sent.until)
  const whole = await until('every prediction in the log', async () => {
    const items = await performance(world, 'all')
    const found = items.find((one) => one.metric === 'roc_auc' && one.slice === null)
    return found !== undefined && found.n >= sent.sent ? found : undefined
  })
  notes.check('logged once', `${whole.n} rows for ${sent.sent} predictions`, whole.n === sent.sent)
  notes.check(
    'labels joined by id',
    `${whole.labelled} of those known so far, coverage ${percent(whole.coverage)}`,
    whole.labelled === sent.labels && whole.coverage > 0.95,
  )
  const [low = Number.NaN, high = Number.NaN] = whole.interval ?? []
  const area = whole.estimate ?? Number.NaN
  notes.check('AUC in July', `${area.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`, area > 0.73 && area < 0.79)
  await nativeness(world, notes)
  notes.link(`${world.client.url}/endpoints/${ENDPOINT}`)
}

async function nativeness(world: World, notes: Notebook): Promise<void> {
  const endpoint = await world.client.call(servingApi.getEndpoint, { params: { name: ENDPOINT } })
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')
  if (stable === undefined) throw new Error('the endpoint has no stable variant')
  const version = await world.client.call(registryApi.getVersion, {
    params: { name: ENDPOINT, version: stable.version },
  })
  const { state, probes, worst_ulp: ulp } = version.lowering
  notes.check(
    'answers natively',
    `${state}, equal to scikit-learn on ${probes ?? 0} probes (worst ${ulp ?? '?'} ulp of 1.0)`,
    state === 'native' && (probes ?? 0) >= 1000 && (ulp ?? 9) <= 1,
  )
}

/** Quality by bucket, over all versions. */
export async function performance(
  world: World,
  bucket: 'all' | 'month' | 'week',
  range: { from?: number; to?: number } = {},
) {
  const { items } = await world.client.call(monitoringApi.performance, {
    params: { name: ENDPOINT },
    query: {
      bucket,
      ...(range.from !== undefined && { from: new Date(range.from).toISOString() }),
      ...(range.to !== undefined && { to: new Date(range.to).toISOString() }),
    },
  })
  return items
}
