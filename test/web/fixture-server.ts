/** A server of the browser tests: the built pages, and recorded replies, each of which must satisfy its contract. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { mergesApi } from '../../src/contract/changes/merges.ts'
import { ciApi } from '../../src/contract/changes/report.ts'
import { authApi } from '../../src/contract/auth.ts'
import { costApi } from '../../src/contract/cost.ts'
import { dataSetsApi } from '../../src/contract/data/sets.ts'
import { featuresApi } from '../../src/contract/features/catalogue.ts'
import { featureJobsApi } from '../../src/contract/features/jobs.ts'
import { lookUpApi } from '../../src/contract/features/look-up.ts'
import { onlineApi } from '../../src/contract/features/online.ts'
import { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import { machinesApi } from '../../src/contract/identity/machines.ts'
import { monitoringApi } from '../../src/contract/monitoring.ts'
import { checkpointsApi } from '../../src/contract/pipelines/checkpoints.ts'
import { itemsApi } from '../../src/contract/pipelines/items.ts'
import { driversApi } from '../../src/contract/pipelines/drivers.ts'
import { logsApi } from '../../src/contract/pipelines/logs.ts'
import { lineApi } from '../../src/contract/pipelines/line.ts'
import { poolsApi } from '../../src/contract/pipelines/pools.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { backfillsApi } from '../../src/contract/pipelines/backfills.ts'
import { partitionsApi } from '../../src/contract/pipelines/partitions.ts'
import { attestationsApi } from '../../src/contract/pipelines/attestations.ts'
import { reproductionsApi } from '../../src/contract/pipelines/reproductions.ts'
import { triggersApi } from '../../src/contract/pipelines/triggers.ts'
import { studiesApi } from '../../src/contract/pipelines/studies.ts'
import { imagesApi } from '../../src/contract/images/images.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import { runTableApi } from '../../src/contract/tracking/run-table.ts'
import { searchesApi } from '../../src/contract/tracking/searches.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { storageApi, systemApi } from '../../src/contract/system.ts'
import type { Isolation } from '../../src/contract/system.ts'
import { tracesApi } from '../../src/contract/traces.ts'
import { trackingApi } from '../../src/contract/tracking.ts'
import { staticFiles } from '../../src/http/static.ts'
import { itemsOf, itemsRun } from './fixture-items.ts'
import { recordedLlm } from './recorded/llm-replies.ts'
import { answerPlayground } from './recorded/playground.ts'
import { on } from './recorded/reply.ts'
import type { Asked, Recorded } from './recorded/reply.ts'
import { kept, resumedRun } from './recorded/checkpoints.ts'
import * as data from './recorded/data.ts'
import * as featureJobs from './recorded/feature-jobs.ts'
import * as past from './recorded/feature-past.ts'
import * as features from './recorded/features.ts'
import * as logs from './recorded/logs.ts'
import * as changes from './fixture-changes.ts'
import * as watched from './fixture-monitoring.ts'
import * as proofs from './fixture-proofs.ts'
import * as queued from './recorded/queue.ts'
import * as released from './fixture-rollouts.ts'
import * as served from './fixture-serving.ts'
import * as tables from './fixture-tables.ts'
import * as traced from './fixture-traces.ts'
import { recordedBackfill, recordedBackfilled, recordedMatrix, recordedPartitions } from './fixture-partitions.ts'
import { recordedAttestations, recordedReproducible, recordedReproductions } from './fixture-reproductions.ts'
import { recordedDeliveries, recordedEvents, recordedTriggers } from './fixture-triggers.ts'
import { recordedStudy } from './fixture-studies.ts'
import * as tracked from './fixture-tracking.ts'

function list<T extends { readonly id: string }>(items: readonly T[]) {
  return ({ params }: Asked): T | undefined => items.find((item) => item.id === params['id'])
}

/** Of a list from the newest on, whether one is the newest of its project, where that is asked. */
function isNewest(asked: boolean) {
  return ({ project }: { readonly project: string }, at: number, all: readonly { readonly project: string }[]) =>
    !asked || all.findIndex((other) => other.project === project) === at
}

/** Every recorded reply; `empty` is a server on which nothing has happened. */
function recorded(now: number, empty: boolean): Recorded[] {
  const some = <T>(items: T[]): T[] => (empty ? [] : items)
  const runs = some(tracked.allRuns(now))
  const found = some([recordedStudy(now)])
  const recordedRuns = tracked.pipelineRuns(now)
  const pipelineRuns = some([
    ...recordedRuns,
    ...recordedRuns.slice(0, 1).flatMap((run) => [itemsRun(run), resumedRun(now, run)]),
  ])
  const endpoints = some(served.endpoints(now))
  const rollouts = some(released.rollouts(now))
  const byEndpoint: Record<string, ReturnType<typeof released.rollouts>> = {
    iris: some(released.comparison(now)),
    shop: some(released.biased(now)),
  }
  const incidents = some(watched.incidents(now))
  const versions = some(served.versions(now))
  const token = {
    id: 'tok_1',
    name: 'first',
    role: 'admin' as const,
    project: null,
    created_at: tracked.before(now, 1e8),
    created_by: 'setup',
    expires_at: null,
    revoked_at: null,
  }
  return [
    on(authApi.whoami, () => ({ id: 'u', name: 'first', role: 'admin' as const, project: null })),
    on(authApi.listTokens, () => ({
      items: [
        token,
        { ...token, id: 'tok_2', name: 'deploy robot', role: 'service' as const, revoked_at: tracked.before(now, 1e6) },
      ],
    })),
    on(machinesApi.listTrusts, () => ({
      items: [
        {
          id: 'mt_1',
          name: 'models-main',
          issuer: 'https://token.actions.githubusercontent.com',
          audience: 'https://slipway.example.org',
          subject: 'repo:octo/models:ref:refs/heads/main',
          claims: { repository_id: '4711', environment: 'production' },
          role: 'contributor' as const,
          project: 'flights',
          minutes: 60,
          created_at: tracked.before(now, 1e8),
          created_by: 'first',
        },
      ],
    })),
    on(authApi.listAudit, () => ({
      items: [3, 2, 1].map((seq) => ({
        seq,
        at: tracked.before(now, seq * 1e6),
        actor: 'first',
        token_id: 'tok_1',
        verb: 'promote',
        resource: 'models',
        resource_id: 'flight-delay',
        detail: {},
        prev: 'ab'.repeat(32),
        hash: 'cd'.repeat(32),
      })),
    })),
    on(authApi.verifyAudit, () => ({
      ok: true,
      rows: 3,
      head: 'cd'.repeat(32),
      checkpoints: { count: 2, newest: null, copied: 0, others: 0 },
      restored: [],
    })),
    on(storageApi.state, () => ({
      disk: { free_bytes: 5e10, least_bytes: 2 ** 28, low: false },
      database: {
        kind: 'sqlite' as const,
        state: 'sound' as const,
        detail: 'quick_check of 94 tables found nothing',
        looked_at: tracked.before(now, 1e6),
        checksums: null,
        remedy: null,
      },
      blobs: {
        corrupt: [],
        corrupt_count: 0,
        missing_count: 0,
        compared_at: null,
        looked_at: tracked.before(now, 1e6),
        round: { began_at: null, ended_at: null, blobs: 12, bytes: 34_567 },
      },
    })),
    on(systemApi.info, () => ({
      version: '0.1.0',
      url: 'http://127.0.0.1:7000',
      gateway_url: 'http://127.0.0.1:7001',
      grpc_address: null,
      database: 'sqlite' as const,
      isolation: {
        mode: 'auto',
        layers: ['mount', 'landlock'],
        held: ['read the data folder'],
        open: [],
        detail: '',
      } satisfies Isolation,
      started_at: tracked.before(now, 1e7),
      now: new Date(now).toISOString(),
    })),
    on(trackingApi.listExperiments, () => (empty ? { items: [] } : tracked.experiments(now))),
    on(trackingApi.compareRuns, ({ query }) => {
      const asked = query.getAll('ids').flatMap((one) => one.split(','))
      const metrics = ['auc', 'log_loss', 'brier', 'train_loss']
      const params = ['learning_rate', 'max_iter', 'max_leaf_nodes', 'seed']
      return {
        runs: runs.filter((run) => asked.includes(run.id)).map((run) => tracked.rowOf(run, metrics, params)),
        differing: { params: ['learning_rate', 'max_iter', 'seed'], metrics: ['auc', 'log_loss', 'brier'], tags: [] },
      }
    }),
    on(runTableApi.keys, () => tables.keys(runs)),
    on(runTableApi.groups, ({ query }) => tables.groups(runs, query.get('by') ?? '', query.getAll('metrics'))),
    on(runTableApi.curves, ({ query }) => tables.curves(now, query)),
    on(searchesApi.list, () => ({ items: empty ? [] : tables.views(now) })),
    on(searchesApi.create, () => tables.views(now)[0]),
    on(searchesApi.update, () => tables.views(now)[0]),
    on(searchesApi.remove, () => ({})),
    on(tracesApi.listTraces, () => ({ items: some(traced.traces(now)).map(traced.infoOf) })),
    on(tracesApi.getTrace, list(some(traced.traces(now)))),
    on(trackingApi.getRun, list(runs)),
    on(trackingApi.getRunMetrics, ({ params, query }) =>
      tracked.metricHistory(now, params['id'] ?? '', query.get('key') ?? ''),
    ),
    on(trackingApi.listRuns, ({ query }) => {
      const start = Number(query.get('page_token') ?? 0)
      const end = start + Number(query.get('limit') ?? 100)
      return {
        items: runs.slice(start, end).map((run) => tracked.rowOf(run, query.getAll('metrics'), query.getAll('params'))),
        ...(end < runs.length && { next_page_token: String(end) }),
      }
    }),
    on(registryApi.listModels, () => (empty ? { items: [] } : served.models(now))),
    on(registryApi.getModel, () => served.models(now).items[0]),
    on(registryApi.listVersions, () => ({ items: versions })),
    on(registryApi.getVersion, ({ params }) => versions.find((one) => one.version === params['version'])),
    on(registryApi.getPolicy, () => served.policy()),
    on(registryApi.aliasHistory, () => served.moves(now)),
    on(imagesApi.standings, () => served.standings(now)),
    on(imagesApi.listEnvironments, () => ({ items: [], faults: some(served.standingFaults(now)) })),
    on(registryApi.lineage, () => served.lineage()),
    on(registryApi.versionFiles, ({ params }) => proofs.versionFiles(params['version'] ?? '')),
    on(servingApi.listEndpoints, () => ({ items: endpoints })),
    on(servingApi.getEndpoint, ({ params }) => endpoints.find((one) => one.name === params['name'])),
    // a new one is answered like the first, for what matters is what was written
    on(servingApi.putEndpoint, ({ params }) => ({ ...first(endpoints), name: params['name'] ?? '' })),
    on(servingApi.deleteEndpoint, () => ({})),
    on(servingApi.deploy, ({ params }) => ({ ...first(endpoints), name: params['name'] ?? '' })),
    on(servingApi.listDeployments, () => ({ items: served.deployments(now) })),
    on(servingApi.rollbackEndpoint, ({ params }) => endpoints.find((one) => one.name === params['name'])),
    on(endpointViewApi.latency, () => tables.latency(now)),
    on(endpointViewApi.tryIt, () => ({ status: 200, took_ms: 3.4, reply: { predictions: [0.2731] } })),
    on(servingApi.listPredictions, () => served.predictions(now)),
    on(rolloutApi.list, ({ query }) => ({
      items: (byEndpoint[query.get('endpoint') ?? ''] ?? rollouts).filter(
        (one) => query.get('under_way') === null || one.finished_at === null,
      ),
    })),
    on(rolloutApi.freezes, () => (empty ? { items: [] } : released.freezes(now))),
    on(rolloutApi.freeze, ({ params }) => released.freeze(now, params['name'] ?? '')),
    on(rolloutApi.thaw, () => ({ freeze: null })),
    on(rolloutApi.act, () => released.comparison(now)[0]),
    on(rolloutApi.get, list(rollouts)),
    on(rolloutApi.curve, ({ params }) => released.curve(params['id'] ?? '')),
    on(monitoringApi.listIncidents, () => ({ items: incidents })),
    on(monitoringApi.getIncident, list(incidents)),
    on(monitoringApi.getMonitor, () => watched.monitor(now)),
    on(endpointViewApi.listWatched, () => (empty ? { items: [] } : watched.states(now))),
    on(monitoringApi.putMonitor, () => watched.monitor(now).settings),
    on(monitoringApi.listNotices, () => ({ items: watched.givenUp(now) })),
    on(monitoringApi.resendNotice, () => watched.givenUp(now)[0]!),
    on(monitoringApi.heatmap, () => watched.heatmap()),
    on(monitoringApi.feature, ({ params }) => watched.feature(params['feature'] ?? '')),
    on(monitoringApi.performance, ({ query }) => watched.performance(query.get('slice'))),
    on(pipelinesApi.listPipelineRuns, ({ query }) => ({
      items: pipelineRuns.filter(isNewest(query.get('newest') !== null)).map((run) => ({
        ...run,
        steps: Object.fromEntries(run.steps.map((step) => [step.name, step.state])),
      })),
    })),
    on(pipelinesApi.getPipelineRun, list(pipelineRuns)),
    on(studiesApi.listStudies, () => ({ items: found })),
    on(studiesApi.getStudy, list(found)),
    on(partitionsApi.listPartitioned, () => ({ items: empty ? [] : [recordedMatrix()] })),
    on(partitionsApi.getPartitionMatrix, () => recordedMatrix()),
    on(partitionsApi.listPartitions, ({ query }) => ({ items: recordedPartitions(query.get('from') ?? '') })),
    on(backfillsApi.listBackfills, () => ({ items: [recordedBackfill(now)] })),
    on(backfillsApi.getBackfill, () => recordedBackfill(now)),
    on(backfillsApi.listBackfillPartitions, ({ query }) => ({ items: recordedBackfilled(query.get('state')) })),
    on(attestationsApi.listAttestations, ({ params }) => recordedAttestations(now, params['version'] ?? '', empty)),
    on(reproductionsApi.listReproducible, () => ({ items: some(recordedReproducible(now)) })),
    on(reproductionsApi.getSchedule, () => ({ schedule: recordedReproductions(now) })),
    on(triggersApi.listTriggers, () => ({ items: some(recordedTriggers(now)) })),
    on(triggersApi.getTrigger, ({ params }) => recordedTriggers(now).find(({ name }) => name === params['name'])),
    on(triggersApi.listTriggerEvents, () => ({ items: recordedEvents(now) })),
    on(triggersApi.listTriggerDeliveries, () => ({ items: recordedDeliveries(now) })),
    on(pipelinesApi.stepQueue, () => tracked.stepQueue(empty)),
    on(lineApi.waitingSteps, () => queued.waitingSteps(empty)),
    on(lineApi.runningSteps, () => queued.runningSteps(now, empty)),
    on(lineApi.setRunPriority, list(pipelineRuns)),
    on(poolsApi.listPools, () => ({ items: some(queued.pools(now)) })),
    on(poolsApi.setPool, () => queued.pools(now)[0]),
    on(poolsApi.removePool, () => queued.pools(now)[0]),
    on(driversApi.listDrivers, () => ({ items: queued.drivers(now, empty) })),
    on(ciApi.changeReport, ({ params }) =>
      pipelineRuns.some((run) => run.id === params['run']) ? changes.changeReport(tracked.before(now, 1e6)) : undefined,
    ),
    on(mergesApi.times, ({ query }) => released.mergeTimes(now, empty, query.get('version'))),
    on(itemsApi.listStepItems, ({ params, query }) => {
      const run = pipelineRuns.find(({ id }) => id === params['id'])
      return run === undefined ? undefined : { items: itemsOf(run, query.get('state')).slice(0, 50) }
    }),
    on(dataSetsApi.findDataVersions, ({ query }) => ({ items: data.found(query.getAll('digest')) })),
    on(dataSetsApi.listDataSets, () => ({ items: some(data.sets(now)) })),
    on(dataSetsApi.getDataSet, ({ params }) => data.set(now, params['name'] ?? '')),
    on(dataSetsApi.getDataVersion, ({ params }) => data.oneVersion(now, params['version'] ?? '')),
    on(dataSetsApi.compareData, ({ params, query }) =>
      data.difference(now, params['version'] ?? '', query.get('to') ?? ''),
    ),
    ...recordedFeatures(now, empty),
    ...recordedLlm(now, empty),
    on(logsApi.readLogPart, ({ params, query }) => logs.part(params['id'] ?? '', query)),
    on(checkpointsApi.listCheckpoints, ({ params }) => ({ items: params['step'] === 'train' ? kept(now) : [] })),
    on(pipelinesApi.explainStep, ({ params }) => ({
      ...(pipelineRuns[0]?.steps.find((step) => step.name === params['step'])?.cache ?? {
        key: 'k',
        hit: false,
        reason: '',
        changes: [],
        from_run: null,
      }),
      step: params['step'] ?? '',
      components: { code: `sha256:${'77ab12cd'.repeat(8)}`, 'params.leaky': 'true' },
      files: ['flights/features.py'],
      left_out: ['.git'],
      compared_with: 'run_01k2a7c',
      reads: [],
      warnings: [],
    })),
    on(costApi.report, () => (empty ? { items: [], total_micro_dollars: 0 } : watched.cost(now))),
    on(costApi.rates, () => watched.rates(now)),
  ]
}

function recordedFeatures(now: number, empty: boolean): Recorded[] {
  const nothing = { entities: [], views: [], on_demand: [], services: [] }
  return [
    on(featuresApi.listFeatures, () => (empty ? nothing : features.all(now))),
    on(featuresApi.listFeatureProjects, () => ({
      items: empty
        ? []
        : [
            { project: 'default', views: 4, services: 2 },
            { project: 'rides', views: 1, services: 0 },
          ],
    })),
    on(featuresApi.applyFeatures, () => ({ changes: [] })),
    on(featuresApi.getFeatureView, ({ params, query }) =>
      features.view(now, params['name'] ?? '', query.get('version')),
    ),
    on(featuresApi.getFeatureService, ({ params, query }) =>
      features.service(now, params['name'] ?? '', query.get('version')),
    ),
    on(featuresApi.compareFeatures, ({ params }) => ({ items: features.differences(params['kind'] ?? '') })),
    on(featureJobsApi.listFeatureJobs, ({ query }) => ({ items: empty ? [] : featureJobs.jobs(now, query) })),
    on(featureJobsApi.getFeatureJob, ({ params }) =>
      featureJobs.jobs(now, new URLSearchParams()).find(({ id }) => id === params['id']),
    ),
    on(featureJobsApi.joinFeatures, () => featureJobs.begun(now, 'no_show')),
    on(featureJobsApi.materialiseFeatures, ({ params }) => featureJobs.begun(now, params['name'] ?? '')),
    on(featureJobsApi.cancelFeatureJob, ({ params }) => featureJobs.canceled(now, params['id'] ?? '')),
    on(onlineApi.readFeatures, () => features.read(now)),
    on(lookUpApi.lookUpFeatures, () => past.lookedUp(now)),
    on(onlineApi.pushFeatures, () => ({ rows: 1, versions: [{ version: 1, written: true, reason: null }] })),
  ]
}

export interface FixtureServer {
  readonly url: string
  /** Every write that a page made: `POST /path` and its body. */
  readonly writes: string[]
  /** Problems of the fixture itself: replies that do not satisfy their contract. */
  readonly faults: string[]
  stop(): Promise<void>
}

/** Starts the server on a free port. `folder` holds the built pages. */
export async function startFixture(folder: string, given: { empty?: boolean } = {}): Promise<FixtureServer> {
  const pages = staticFiles(folder)
  const table = recorded(Date.now(), given.empty ?? false)
  const writes: string[] = []
  const faults: string[] = []
  const server = createServer((request, response) => {
    void handle({ request, response, table, pages, writes, faults }).catch((error: unknown) => {
      faults.push(String(error))
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes,
    faults,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Job {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly table: readonly Recorded[]
  readonly pages: ReturnType<typeof staticFiles>
  readonly writes: string[]
  readonly faults: string[]
}

async function handle(job: Job): Promise<void> {
  const { request, response } = job
  const url = new URL(request.url ?? '/', 'http://fixture')
  // the events of a trigger are a list
  if (/^(?!\/v1\/triggers\/).*\/(changes|events|logs)$/.test(url.pathname)) return streamed(response, url)
  const version = /^\/v1\/models\/[^/]+\/versions\/([^/]+)\/file$/.exec(url.pathname)?.[1]
  if (version !== undefined) return void response.end(proofs.fileOf(version, url.searchParams.get('path')))
  if (url.pathname.startsWith('/v1/')) return answered(job, url)
  if (url.pathname === '/get-artifact') return artifact(response, url.searchParams.get('path') ?? '')
  const page = await job.pages(url.pathname)
  response.writeHead(page?.status ?? 404, { ...page?.headers })
  if (page === undefined) response.end()
  else if (typeof page.body === 'object' && page.body !== null && 'pipe' in page.body) page.body.pipe(response)
  else response.end(page.body)
}

function artifact(response: ServerResponse, path: string): void {
  const file = tables.artifact(path)
  response.writeHead(file === undefined ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' })
  response.end(file?.body)
}

function streamed(response: ServerResponse, { pathname: path, searchParams }: URL): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': open\n\n')
  if (!path.endsWith('/logs')) return
  // what is written after the part that was read
  const [attempt, offset] = (searchParams.get('from') ?? '1:0').split(':').map(Number)
  const data = { attempt, offset, text: logs.LAST }
  response.write(`event: log\ndata: ${JSON.stringify(data)}\n\n`)
}

function first<T>(items: readonly T[]): T {
  const [item] = items
  assert.ok(item !== undefined)
  return item
}

async function answered({ request, response, table, writes, faults }: Job, url: URL): Promise<void> {
  if (request.method !== 'GET') {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString('utf8')
    writes.push(`${request.method} ${url.pathname} ${body}`)
    if (url.pathname === '/v1/llm/playground') {
      response.once('close', () => response.writableFinished || writes.push('the playground was left'))
      answerPlayground(body, response)
      return
    }
  }
  for (const { route, answer } of table) {
    const params = route.method === request.method ? match(route.path, url.pathname) : undefined
    if (params === undefined) continue
    const reply = answer({ params, query: url.searchParams })
    if (reply === undefined) break
    const checked = (route.reply as z.ZodType).safeParse(reply)
    if (!checked.success) faults.push(`${route.path}: ${z.prettifyError(checked.error)}`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(reply))
    return
  }
  response.writeHead(404, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify({
      error: {
        code: 'not_found',
        message: `"${url.pathname}" does not exist`,
        help: 'List what exists.',
        request_id: 'req_1',
      },
    }),
  )
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? ''
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(value)
    else if (part !== value) return undefined
  }
  return params
}
