/** How many spans a second are taken in durably over OTLP, whole traces at a time and span by span. */
import { otlpRequest } from '../../test/otlp.ts'
import type { SentSpan } from '../../test/otlp.ts'
import { startTestServer } from '../../test/server.ts'
import { measured } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { familyOf } from '../load/process.ts'
import { COMPILED } from '../program/serve.ts'
import { ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const CLIENTS = 64

/** Spans a second that are to be reached. */
const TARGET = 5000

/** Rows for traces of ten spans in one request, and for one span a request, which is how MLflow's client sends. */
export async function traces(options: Options): Promise<Row[]> {
  const server = await startTestServer({ env: { NODE_COMPILE_CACHE: COMPILED } })
  try {
    const headers = { Authorization: `Bearer ${server.token}`, 'x-mlflow-experiment-id': '0' }
    const target = { port: Number(new URL(server.url).port), pids: familyOf(server.pid) }
    const rows: Row[] = []
    for (const spans of [10, 1]) {
      const load = { path: '/v1/traces', headers, type: 'application/x-protobuf', clients: CLIENTS }
      rows.push(rowOf(spans, await measured(target, { ...load, bodies: (i) => traceOf(i, spans) }, options)))
    }
    return rows
  } finally {
    await server.stop()
  }
}

function rowOf(spans: number, result: Loaded): Row {
  const spansPerSecond = result.perSecond * spans
  const spanCpuUs = result.cpuUs / spans
  const wait = `p50 ${ms(result.p50)}, p99 ${ms(result.p99)}`
  const judged = spans > 1
  return {
    name: `OTLP, durable, ${CLIENTS} clients, ${spans === 1 ? 'a span' : `a trace of ${spans} spans`} a request`,
    measured: `${thousands(spansPerSecond)} spans/s, ${Math.round(spanCpuUs)} µs CPU a span, ${wait}`,
    target: judged ? `≥ ${thousands(TARGET)} spans/s` : '',
    beside: '',
    ok: judged ? spansPerSecond >= TARGET && result.refused === 0 : null,
    figures: { clients: CLIENTS, spans, spansPerSecond, spanCpuUs, ...result },
  }
}

/** Every trace is new: a root and its children, with the attributes of a call of a model. */
export function traceOf(i: number, count: number): Buffer {
  const trace = hex(i, 32)
  const start = 1_700_000_000_000_000_000n + BigInt(i) * 1_000_000n
  const spans = Array.from({ length: count }, (_, at): SentSpan => {
    const attributes = {
      'mlflow.spanType': at === 0 ? 'CHAIN' : 'LLM',
      'mlflow.spanInputs': { question: `what is ${i}?`, temperature: 0.5 },
      'mlflow.spanOutputs': `the answer to ${i}, in a sentence of the usual length`,
      step: BigInt(at),
    }
    const parent = at === 0 ? {} : { parent: hex(1, 16) }
    return { trace, id: hex(at + 1, 16), ...parent, name: `call-${at}`, start, end: start + 1_000_000n, attributes }
  })
  return otlpRequest(spans, { 'service.name': 'bench' })
}

/** The digits are turned round, so that ids are spread like those of chance. */
function hex(number: number, digits: number): string {
  return Array.from(number.toString(16).padStart(digits, '0')).reverse().join('')
}
