/** The routes of traces over real HTTP, with spans to send as an exporter does. */
import { mlflowCalls, partOf } from '../../test/mlflow-calls.ts'
import type { MlflowCall } from '../../test/mlflow-calls.ts'
import { otlpRequest } from '../../test/otlp.ts'
import type { Sent, SentSpan } from '../../test/otlp.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import type { Role } from '../contract/access.ts'
import { newTrace, span } from './bench.cases.ts'
import { trackingRoutes } from '../tracking/routes.ts'
import { traceRoutes } from './routes.ts'

/** Where both versions of the protocol have traces. */
export const V2 = '2.0/mlflow/traces'
export const V3 = '3.0/mlflow/traces'
/** The moment at which spans begin that say no other. */
export const START = '2023-11-14T22:13:20.000Z'
export const START_MS = 1_700_000_000_000

/** A server of traces and of runs, and what tests ask of it. */
export interface ServedTraces {
  readonly call: MlflowCall
  /** Any request of the admin, or of another role. */
  readonly ask: (path: string, init?: RequestInit, role?: Role) => Promise<Response>
  /** Sends a body to OTLP's route, as protobuf for the experiment 0 where the headers say nothing else. */
  readonly send: (body: Uint8Array | string, headers?: Readonly<Record<string, string>>) => Promise<Response>
  /** Sends spans as protobuf; returns MLflow's id of the first one's trace. */
  readonly sendSpans: (spans: readonly SentSpan[], more?: SendMore) => Promise<string>
  readonly newExperiment: () => Promise<string>
  readonly newRun: (experiment: string) => Promise<string>
  /** Sends a finished span of its own trace, so many ms after a fixed moment; returns MLflow's id of the trace. */
  readonly newTrace: (more?: NewTrace) => Promise<string>
  readonly stop: () => Promise<void>
}

/** The protocol's form of the experiment in which a trace lies. */
export function placeOf(experiment: string): object {
  return { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: experiment } }
}

export interface NewTrace {
  readonly experiment?: string
  readonly at?: number
  readonly name?: string
}

export interface SendMore {
  readonly experiment?: string
  readonly run?: string
  readonly resource?: Readonly<Record<string, Sent>>
}

/** Serves them on a free port, before a store of their own. */
export async function serveTraces(roles: readonly Role[] = ['admin']): Promise<ServedTraces> {
  const served: ServedRoutes = await serveRoutes(roles, (room) => [...trackingRoutes(room), ...traceRoutes(room)])
  const ask: ServedTraces['ask'] = (path, init = {}, role = 'admin') =>
    fetch(served.server.url + path, {
      ...init,
      headers: { authorization: `Bearer ${served.tokenOf(role)}`, ...(init.headers as Record<string, string>) },
    })
  const send: ServedTraces['send'] = (body, headers = {}) =>
    ask('/v1/traces', {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'x-mlflow-experiment-id': '0', ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    })
  const sendSpans: ServedTraces['sendSpans'] = async (spans, { experiment = '0', run, resource = {} } = {}) => {
    const reply = await send(otlpRequest(spans, resource), {
      'x-mlflow-experiment-id': experiment,
      ...(run !== undefined && { 'x-mlflow-run-id': run }),
    })
    if (reply.status !== 200) throw new Error(`spans are refused: ${await reply.text()}`)
    return `tr-${spans[0]?.trace ?? ''}`
  }
  const call = mlflowCalls(() => served)
  let names = 0
  return {
    call,
    ask,
    send,
    sendSpans,
    async newExperiment() {
      return String(
        partOf(await call('POST', '2.0/mlflow/experiments/create', { name: `e${names++}` }), 'experiment_id'),
      )
    },
    async newRun(experiment_id) {
      return String(partOf(await call('POST', '2.0/mlflow/runs/create', { experiment_id }), 'run', 'info', 'run_id'))
    },
    newTrace: ({ experiment = '0', at = 0, name = 'work' } = {}) =>
      sendSpans([span(newTrace(), '01'.repeat(8), { at, name, status: 1 })], { experiment }),
    stop: () => served.stop(),
  }
}
