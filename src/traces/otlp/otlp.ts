/** OTLP over HTTP: spans from MLflow's clients and from any OpenTelemetry exporter, as protobuf or JSON, also compressed. */
import { Problem, problem } from '../../contract/errors.ts'
import { route } from '../../contract/route.ts'
import { Gathered } from '../../http/callers/gathered.ts'
import { encodingOf, unpack } from '../../http/callers/unpack.ts'
import { Coming } from '../../http/json-shape.ts'
import type { Shape } from '../../http/json-shape.ts'
import { readJson } from '../../http/json.ts'
import { mount, Raw } from '../../http/mount.ts'
import type { Call, Mounted } from '../../http/mount.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { invalid, mlflowFailure } from '../../mlflow/wire.ts'
import { logSpans } from '../spans/ingest.ts'
import { readExportJson } from './json.ts'
import { readExportInTurns } from './export-request.ts'
import { ProtobufError } from '../../http/protobuf.ts'
import type { Batch, SpanData } from '../spans/span.ts'
import { EXACT, fromParsed } from '../spans/values.ts'

/** Largest body as it is sent, and unpacked, in bytes. */
const SENT_LIMIT = 32 * 1024 * 1024
const UNPACKED_LIMIT = 64 * 1024 * 1024

/** Most values of a request in JSON, whose spans are made at once. */
const MOST_JSON_VALUES = 200_000

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

/** The route `POST /v1/traces`. */
export function otlpRoutes(room: Tracking): Mounted[] {
  const description = route({
    method: 'POST',
    path: '/v1/traces',
    summary:
      'Take spans in (OTLP over HTTP, protobuf or JSON); the header x-mlflow-experiment-id names their experiment',
    access: { verb: 'write', resource: 'runs' },
    body: 'stream',
    unpacks: true,
    reply: 'stream',
    dialect: 'mlflow',
    limit: SENT_LIMIT,
  })
  return [mount(description, (call) => takeSpans(room, call), mlflowFailure)]
}

type TraceCall = Call<{ body: 'stream' } & Parameters<typeof mount>[0]>

async function takeSpans(room: Tracking, call: TraceCall): Promise<Raw> {
  const experiment = header(call, 'x-mlflow-experiment-id')
  if (experiment === undefined) {
    throw problem('unprocessable', { detail: 'the header x-mlflow-experiment-id is missing; it names the experiment' })
  }
  const type = header(call, 'content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== PROTOBUF && type !== JSON_TYPE) {
    throw invalid(`Invalid Content-Type: ${type ?? 'none'}. Expected: ${PROTOBUF} or ${JSON_TYPE}`)
  }
  const encoding = encodingOf(header(call, 'content-encoding'))
  const coming = new Coming(MOST_JSON_VALUES)
  const sent = await collect(call, type === JSON_TYPE && encoding === undefined ? coming.look : undefined)
  const batch = await readBatch(await unpacked(sent, encoding), type, coming.shape)
  if (batch.resources === 0) throw invalid('Invalid OpenTelemetry format - no spans found')
  batch.spans.forEach(checkIds)
  await logSpans(room, call.who, { experiment_id: experiment, run_id: header(call, 'x-mlflow-run-id') }, batch.spans)
  if (type === JSON_TYPE) return new Raw(200, { 'content-type': JSON_TYPE }, '{"partialSuccess":{}}')
  return new Raw(200, { 'content-type': PROTOBUF }, Buffer.alloc(0))
}

function header(call: Pick<Call, 'headers'>, name: string): string | undefined {
  const value = call.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

async function collect({ body, headers }: TraceCall, look?: (chunk: Uint8Array) => void): Promise<Buffer> {
  const gathered = new Gathered(Math.min(SENT_LIMIT, Number(headers['content-length'] ?? 0)))
  for await (const chunk of body) {
    if (gathered.size + chunk.length > SENT_LIMIT) throw problem('payload_too_large', { limit: SENT_LIMIT })
    look?.(chunk)
    gathered.add(chunk)
  }
  return gathered.whole()
}

/** Throws in MLflow's words what it refuses likewise. */
async function unpacked(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  if (encoding === undefined) return body
  try {
    return await unpack(body, encoding, UNPACKED_LIMIT)
  } catch (error) {
    if (error instanceof Problem && error.code === 'malformed_body')
      throw invalid(`Failed to decompress ${encoding} payload`)
    throw error
  }
}

async function readBatch(body: Buffer, type: string, shape: Shape | undefined): Promise<Batch> {
  if (type === JSON_TYPE) {
    const parsed = await readJson(body, { uniqueKeys: false, exact: EXACT, mostValues: MOST_JSON_VALUES, shape })
    return readExportJson(fromParsed(parsed))
  }
  try {
    return await readExportInTurns(body)
  } catch (error) {
    if (error instanceof ProtobufError) throw invalid(`Invalid OpenTelemetry format: ${error.message}`)
    throw error
  }
}

function checkIds(span: SpanData): void {
  if (span.trace_id !== '' && span.span_id !== '') return
  const what = span.trace_id === '' ? 'trace_id' : 'span_id'
  throw problem('unprocessable', { detail: `Cannot convert OpenTelemetry span to MLflow span: ${what} is empty` })
}
