/** Answers of a server as the contract writes them, for tests that change what they are about. */
import type { z } from 'zod'
import { MonitorSettings } from '../contract/monitoring.ts'
import type { monitoringApi } from '../contract/monitoring.ts'
import type { Watched } from '../contract/endpoint-view.ts'
import type { pipelinesApi, Step } from '../contract/pipelines.ts'
import type { registryApi } from '../contract/registry.ts'
import type { Rollout } from '../contract/rollout.ts'
import { Plan } from '../contract/rollout/plan.ts'
import type { Reply } from '../contract/route.ts'
import type { Endpoint } from '../contract/serving.ts'

export const AT = '2026-05-03T10:00:00.000Z'

/** An answer that a test takes as it is, or changes where its test is about it. */
function answer<T extends object>(make: () => T): (changed?: Partial<T>) => T {
  return (changed = {}) => ({ ...make(), ...changed })
}

type EndpointOf = z.output<typeof Endpoint>

export const variant = answer((): EndpointOf['variants'][number] => ({
  role: 'stable',
  version: '1',
  weight: 10_000,
  backend: 'native',
  backend_reason: null,
  since: AT,
  tripped: null,
  override: null,
  fault: null,
  stats: null,
}))

export const endpoint = answer((): EndpointOf => ({
  name: 'iris',
  project: 'default',
  model: 'iris-model',
  epoch: 1,
  inputs: [],
  variants: [variant()],
  previous_version: null,
  deployment: null,
  threshold: null,
  monitor: {},
  url: 'http://gateway/iris',
  created_at: AT,
  updated_at: AT,
}))

export const rollout = answer((): Rollout => ({
  id: 'rol_1',
  endpoint: 'iris',
  model: 'iris-model',
  version: '2',
  stable_version: '1',
  state: 'canary',
  step: '5 %',
  weight: 500,
  plan: Plan.parse({}),
  created_at: AT,
  created_by: 'ada',
  finished_at: null,
  reason: 'its gates hold',
  gates: [],
  failed_requests: 0,
  verdicts: [],
  awaits: null,
  approvals: [],
  frozen: null,
  challengers: [],
}))

type StepOf = z.output<typeof Step>

export const step = answer((): StepOf => ({
  name: 'train',
  state: 'succeeded',
  entry: 'train:main',
  needs: [],
  cache: null,
  outputs: {},
  metrics: {},
  reads: [],
  params: {},
  failure: null,
  tracking_run_id: null,
  started_at: AT,
  finished_at: AT,
  duration_ms: 1234,
  retry_at: null,
  waits_for: null,
  attempts: [],
}))

type PipelineRunOf = Reply<typeof pipelinesApi.getPipelineRun>

export const pipelineRun = answer((): PipelineRunOf => ({
  id: 'run_1',
  project: 'flights',
  pipeline_version: 'pv_1',
  state: 'succeeded',
  outcome: 'succeeded',
  message: 'All is done.',
  trigger: 'manual',
  created_at: AT,
  created_by: 'ada',
  started_at: AT,
  finished_at: AT,
  duration_ms: 5000,
  experiment_id: null,
  environment: null,
  params: {},
  steps: [step()],
  critical_path: [],
  critical_path_ms: 0,
  cpu_seconds: 0,
  registered: null,
  reproduction: null,
  merge: null,
  priority: 0,
}))

type VersionOf = Reply<typeof registryApi.getVersion>

export const version = answer((): VersionOf => ({
  model: 'iris-model',
  version: '3',
  created_at: AT,
  created_by: 'ada',
  description: '',
  aliases: [],
  tags: {},
  run_id: null,
  pipeline_run_id: null,
  tree: null,
  size: 0,
  signature: null,
  metrics: {},
  lowering: { state: 'native', reason: null, probes: 8, worst_ulp: 0, onnx: null },
  verdict: null,
  reproducibility: null,
  scan: null,
  approvals: [],
  signed: null,
  refusal: null,
  overridden: [],
}))

/** A monitor whose endpoint is watched, or as said. */
export function monitor(watched: Partial<Watched> = {}): Reply<typeof monitoringApi.getMonitor> {
  return {
    settings: MonitorSettings.parse({}),
    webhooks: [],
    watched: {
      state: 'watched',
      reason: null,
      detail: 'its hours are judged',
      since: null,
      remedy: null,
      ...watched,
    },
    last_run_at: null,
    evaluated_until: null,
    looked_until: null,
    again_from: null,
    times: { late: 0, too_late: 0, ahead: 0 },
    limits: [],
    importance: {},
  }
}
