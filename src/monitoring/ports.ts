/** The ports of monitoring, carried out by serving, the registry, rollouts and pipelines. */
import { SYSTEM } from '../auth/tokens.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import { endedRuns } from '../pipelines/run/watched.ts'
import { requireVersion } from '../registry/context/context.ts'
import type { Registry } from '../registry/context/context.ts'
import { rolloutsBetween } from '../rollout/context/context.ts'
import type { RolloutHooks } from '../rollout/observations/hooks.ts'
import type { Endpoints } from '../serving/endpoints/endpoints.ts'
import type { GatewayLogLoss } from '../serving/records/figures.ts'
import type { Unanswered } from '../serving/fleet/faults.ts'
import { inputNames, versionsOf } from '../serving/context/rows.ts'
import { treeTable } from '../store/blobs/trees.ts'
import { retrainParams } from './incidents/retrain-params.ts'
import { requireEndpoint, settingsOf } from './context/context.ts'
import type { HouseEvent, MonitoringDeps, Reference } from './context/context.ts'

export interface Neighbours {
  readonly registry: Registry
  readonly pipelines: Pick<Pipelines, 'startRun' | 'places'> & { readonly openAddresses: () => Promise<number> }
  /** How many versions that ask for an endpoint hold an address of a webhook that is not sealed. */
  readonly openWishes: () => Promise<number>
  readonly serving: Endpoints & {
    readonly logLosses: () => Promise<GatewayLogLoss[]>
    readonly unanswered: () => Promise<Unanswered[]>
  }
  readonly rollouts: {
    readonly hooks: Pick<RolloutHooks, 'onLabels'>
    halt(endpoint: string, reason: string): Promise<boolean>
  }
}

export type MonitoringPorts = Pick<
  MonitoringDeps,
  | 'referenceOf'
  | 'readTable'
  | 'inputNames'
  | 'eventLog'
  | 'onLabels'
  | 'saveSettings'
  | 'retrain'
  | 'rollback'
  | 'halt'
  | 'logLosses'
  | 'unanswered'
  | 'places'
  | 'openAddresses'
>

export function monitoringPorts(rooms: Neighbours): MonitoringPorts {
  const { registry, serving } = rooms
  return {
    referenceOf: (endpoint) => referenceOf(rooms, endpoint),
    readTable: (tree) => readTable(registry, tree),
    inputNames,
    eventLog: (endpoint, from, to) => eventLog(registry, { endpoint, from, to }),
    logLosses: () => serving.logLosses(),
    unanswered: () => serving.unanswered(),
    places: () => rooms.pipelines.places(),
    openAddresses: async () => ({
      endpoints: await serving.openAddresses(),
      versions: await rooms.openWishes(),
      files: await rooms.pipelines.openAddresses(),
    }),
    onLabels: (t, rows) => rooms.rollouts.hooks.onLabels(t, rows),
    async saveSettings(who, endpoint, settings) {
      const { project, model } = await requireEndpoint(registry.db, endpoint)
      await serving.put(who, endpoint, { project, model, monitor: settings })
    },
    retrain: (request) => retrain(rooms, request),
    async rollback({ endpoint, reason }) {
      const view = await serving.rollback(SYSTEM, endpoint, reason)
      const stable = view.variants.find((one) => one.role === 'stable')
      return `version ${stable?.version ?? 'none'} answers again`
    },
    async halt({ endpoint, reason }) {
      return (await rooms.rollouts.halt(endpoint, reason)) ? 'the rollout was ended' : 'no rollout was under way'
    },
  }
}

async function referenceOf({ registry, serving }: Neighbours, endpoint: string): Promise<Reference | undefined> {
  const { model } = await requireEndpoint(registry.db, endpoint)
  const stable = (await serving.variants(endpoint)).find((one) => one.role === 'stable')
  if (stable === undefined) return undefined
  const row = await requireVersion(registry.db, model, stable.version)
  const inputs = (await versionsOf(registry.db, endpoint)).get(stable.version)?.inputs ?? []
  return {
    version: stable.version,
    table: row.reference,
    evaluation: row.evaluation,
    inputs: inputs.map(({ name, kind }) => ({ name, numeric: kind !== 'string' })),
    metrics: JSON.parse(row.metrics) as Record<string, number>,
  }
}

async function readTable({ blobs }: Registry, tree: string): Promise<Uint8Array> {
  const table = await treeTable(blobs, tree)
  if (table === undefined) throw problem('unprocessable', { detail: `the tree ${tree} holds no table` })
  return table
}

/** Rollouts of the endpoint and runs of its project that began or ended then. */
async function eventLog(
  { db }: Registry,
  asked: { endpoint: string; from: number; to: number },
): Promise<HouseEvent[]> {
  const { project } = await requireEndpoint(db, asked.endpoint)
  const rollouts = await rolloutsBetween(db, asked)
  const runs = await endedRuns(db, { project, from: asked.from, to: asked.to })
  return [
    ...rollouts.map(({ id, version, state, at }): HouseEvent => ({
      at,
      kind: 'rollout',
      text: `rollout of version ${version}: ${state}`,
      href: `/endpoints/${encodeURIComponent(asked.endpoint)}?rollout=${id}`,
    })),
    ...runs.map(({ id, outcome, at }): HouseEvent => ({
      at,
      kind: 'pipeline_run',
      text: `pipeline run ${outcome ?? 'ended'}`,
      href: `/pipelines/${id}`,
    })),
  ].toSorted((a, b) => a.at - b.at)
}

/** One retraining an incident: the run's id is made from the incident's, so that asking again changes nothing. */
async function retrain(
  { registry, pipelines }: Neighbours,
  request: Parameters<MonitoringDeps['retrain']>[0],
): Promise<string> {
  const endpoint = await requireEndpoint(registry.db, request.endpoint)
  const params = retrainParams(settingsOf(endpoint).retrain, { until: request.until, bad_rows: request.exclude })
  const who = { ...SYSTEM, name: `incident ${request.incident} of ${toTime(request.until).slice(0, 10)}` }
  return pipelines.startRun(who, endpoint.project, {
    id: `pr_${request.incident}`,
    params,
    options: { deploy: true },
    trigger: 'reaction',
  })
}
