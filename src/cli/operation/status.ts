/** `slipway status`: what needs someone now, how each endpoint is, and what runs, in the order of the page Home. */
import type { Client } from '../../client/client.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import { healthOf } from '../../contract/needs/health.ts'
import { imageNeeds, needs, qualityNeeds } from '../../contract/needs/needs.ts'
import type { Need } from '../../contract/needs/needs.ts'
import { queueNeeds } from '../../contract/needs/queue.ts'
import { storageNeeds } from '../../contract/needs/storage.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Reply } from '../../contract/route.ts'
import { servingApi } from '../../contract/serving.ts'
import { storageApi, systemApi } from '../../contract/system.ts'
import { ago, duration, percent, plural, sentence } from '../../contract/text/format.ts'
import { watchedBy } from '../endpoint/watched.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { connect } from '../invocation/server.ts'

/** Newest incidents and projects that are read. */
const MOST = 100
/** Needs that are listed; the others are counted. */
const MOST_NEEDS = 10

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const { out } = invocation
  // who may not read even this is told so
  const info = await client.call(systemApi.info)
  const now = Date.parse(info.now)
  const unread: Unread[] = []
  const read = await readAll(client, unread)
  const open: Need[] = [
    ...storageNeeds(read.storage, now),
    ...queueNeeds(read.queue, now),
    ...imageNeeds(read.environments?.faults ?? []),
    ...needs(now, { incidents: read.incidents, rollouts: read.rollouts, newest: read.newest }),
    ...qualityNeeds(read.endpoints),
  ]
  const endpoints = read.endpoints.map((one) => ({ ...one, watched: read.watched?.get(one.name) ?? null }))
  out.data({ server: info, needs: open, endpoints, steps: read.queue ?? null, unread, cut: read.cut })
  out.line(
    `Slipway ${info.version} at ${info.url}, predictions at ${info.gateway_url}; ${KINDS[info.database]}, up for ${duration(now - Date.parse(info.started_at))}`,
  )
  for (const { what, why } of unread) out.line(`Not read: ${what}: ${why}`)
  for (const what of read.cut) out.line(`Only the newest ${MOST} ${what} are read here.`)
  tellNeeds(out, open, { now, isKnown: unread.length === 0 && read.cut.length === 0 })
  tellEndpoints(out, read)
  if (read.queue !== undefined) out.line(stepsLine(read.queue))
  return 0
}

const KINDS = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const

interface Unread {
  readonly what: string
  readonly why: string
}

/** All that is told; what could not be read is empty here and named in `unread`. */
async function readAll(client: Client, unread: Unread[]) {
  const part = async <T>(what: string, asked: Promise<T>): Promise<T | undefined> => {
    try {
      return await asked
    } catch (error) {
      unread.push({ what, why: error instanceof Error ? error.message : String(error) })
      return undefined
    }
  }
  const [storage, queue, environments, incidents, rollouts, newest, endpoints, watched] = await Promise.all([
    part('the store', client.call(storageApi.state)),
    part('the steps', client.call(pipelinesApi.stepQueue)),
    part('the environments of images', client.call(imagesApi.listEnvironments)),
    part('the incidents', client.call(monitoringApi.listIncidents, { query: { limit: MOST } })),
    part('the rollouts', rolloutsUnderWay(client)),
    part('the pipeline runs', client.call(pipelinesApi.listPipelineRuns, { query: { limit: MOST, newest: 'true' } })),
    part('the endpoints', client.call(servingApi.listEndpoints)),
    part('the monitors', watchedBy(client)),
  ])
  return {
    storage,
    queue,
    environments,
    incidents: incidents?.items ?? [],
    // open incidents come first: behind a page that ends with one there are more
    cut: [
      ...(incidents?.next_page_token === undefined || incidents.items.at(-1)?.state === 'resolved'
        ? []
        : ['open incidents']),
      ...(newest?.next_page_token === undefined ? [] : ['projects']),
    ],
    rollouts: rollouts ?? [],
    newest: newest?.items ?? [],
    endpoints: endpoints?.items ?? [],
    watched,
  }
}

type Read = Awaited<ReturnType<typeof readAll>>

async function rolloutsUnderWay(client: Client): Promise<Reply<typeof rolloutApi.list>['items']> {
  const all: Reply<typeof rolloutApi.list>['items'] = []
  let from: string | undefined
  do {
    const query = { limit: 200, under_way: 'true', ...(from !== undefined && { page_token: from }) } as const
    const page: Reply<typeof rolloutApi.list> = await client.call(rolloutApi.list, { query })
    all.push(...page.items)
    from = page.next_page_token
  } while (from !== undefined)
  return all
}

function tellNeeds(out: Output, open: readonly Need[], { now, isKnown }: { now: number; isKnown: boolean }): void {
  if (open.length === 0) {
    // what could not be read is not said to be nothing
    if (isKnown) out.line('Nothing needs attention.')
    return
  }
  out.line(`${plural(open.length, 'item')} ${open.length === 1 ? 'needs' : 'need'} attention:`)
  for (const { status, title, detail, at, command } of open.slice(0, MOST_NEEDS)) {
    out.line(`  ${status}: ${title}`)
    out.line(`    ${[detail, ago(at, now)].filter((one) => one !== '').join(', ')}: ${command}`)
  }
  if (open.length > MOST_NEEDS) out.line(`  and ${open.length - MOST_NEEDS} more`)
}

function tellEndpoints(out: Output, { endpoints, incidents, watched }: Read): void {
  if (endpoints.length === 0) return
  out.table(
    ['endpoint', 'state', 'serving', 'req/s', 'p99', 'errors', 'monitor'],
    endpoints.map((one) => {
      const health = healthOf(one, incidents)
      const serving = one.variants.map(({ version, role, weight }) =>
        role === 'shadow' ? `${version} shadow` : `${version} ${percent(weight / 10_000, 2)}`,
      )
      return [
        one.name,
        health.word,
        serving.join(', '),
        health.requestsPerSecond.toFixed(1),
        duration(health.p99),
        percent(health.errorShare, 2),
        watched?.get(one.name)?.state ?? '',
      ]
    }),
  )
}

function stepsLine({ running, waiting, oldest_wait_ms: oldest, cpus, failed_last_day }: NonNullable<Read['queue']>) {
  const waits = waiting === 0 || oldest === null ? '' : ` (the oldest for ${duration(oldest)})`
  return sentence(
    `steps: ${running} running, ${waiting} waiting${waits}; ${cpus.taken} of ${cpus.total} cores taken; ${plural(failed_last_day, 'attempt')} failed in 24 hours`,
  )
}
