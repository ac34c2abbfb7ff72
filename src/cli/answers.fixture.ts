/** Answers of a server as the contract writes them, for tests that change what they are about. */
import type { z } from 'zod'
import { MonitorSettings } from '../contract/monitoring.ts'
import type { monitoringApi } from '../contract/monitoring.ts'
import type { Watched } from '../contract/endpoint-view.ts'
import type { pipelinesApi, Step } from '../contract/pipelines.ts'
import type { registryApi } from '../contract/registry.ts'
import type { Rollout } from '../contract/rollout.ts'
import { Plan } from '../contract/rollout-plan.ts'
import type { Reply } from '../contract/route.ts'
import type { Endpoint } from '../contract/serving.ts'

export const AT = '2026-05-03T10:00:00.000Z'

type EndpointOf = z.output<typeof Endpoint>

export function variant(changed: Partial<EndpointOf['variants'][number]> = {}): EndpointOf['variants'][number] {
  return {
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
    ...changed,
  }
}

export function endpoint(changed: Partial<EndpointOf> = {}): EndpointOf {
  return {
    name: 'iris',
    project: 'default',
    model: 'iris-model',
    epoch: 1,
    inputs: [],
    variants: [variant()],
    previous_version: null,
    threshold: null,
    monitor: {},
    url: 'http://gateway/iris',
    created_at: AT,
    updated_at: AT,
    ...changed,
  }
}

export function rollout(changed: Partial<Rollout> = {}): Rollout {
  return {
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
    ...changed,
  }
}

type StepOf = z.output<typeof Step>

export function step(changed: Partial<StepOf> = {}): StepOf {
  return {
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
    ...changed,
  }
}

type PipelineRunOf = Reply<typeof pipelinesApi.getPipelineRun>

export function pipelineRun(changed: Partial<PipelineRunOf> = {}): PipelineRunOf {
  return {
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
    ...changed,
  }
}

type VersionOf = Reply<typeof registryApi.getVersion>

export function version(changed: Partial<VersionOf> = {}): VersionOf {
  return {
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
    ...changed,
  }
}

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
