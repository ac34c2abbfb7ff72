/** A provider of language models that answers at once, as a process of its own: the floor of gateways, and what stands behind them. Prints its port. */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALLER } from './provider.ts'
import type { UpstreamStats } from './provider.ts'

/** Pieces of a stream, and the pause behind each, ms. */
const CHUNKS = 50
const CHUNK_MS = 2
/** Of the model `slow`: long enough that a thousand streams are under way together. */
const SLOW_MS = 80
/** The model `race`: tokens of its longest answer, and of every question. */
const MOST_OUTPUT = 1000
const RACE_INPUT = 20

interface Asked {
  readonly model?: string
  readonly messages?: readonly { readonly content?: unknown }[]
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
}

const counts = { started: 0, finished: 0, aborted: 0, open: 0, most: 0 }
const callers: string[] = []
const left: Record<string, number> = {}
const race = { calls: 0, input: 0, output: 0 }

const USAGE = { prompt_tokens: 11, completion_tokens: CHUNKS, total_tokens: 11 + CHUNKS }

const server = createServer((request, response) => {
  if (request.url === '/__stats') json(response, { ...counts, callers, left, race } satisfies UpstreamStats)
  else void answer(request, response)
})
server.keepAliveTimeout = 120_000
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const asked = JSON.parse(Buffer.concat(parts).toString('utf8')) as Asked
  count(asked, response)
  const { model = '' } = asked
  if (model === 'hang') return
  if (model === 'race') await ofUnknownSize(response)
  else if (asked.stream === true) await stream(response, asked)
  else json(response, whole(model, 'hello world', USAGE))
}

/** The name that a call gives itself; undefined where it gives none. Fields of their own are dropped by some gateways. */
function callerOf({ messages }: Asked): string | undefined {
  const said = messages?.at(-1)?.content
  return typeof said === 'string' && said.startsWith(CALLER) ? said : undefined
}

function count(asked: Asked, response: ServerResponse): void {
  const caller = callerOf(asked)
  counts.started++
  counts.open++
  if (caller !== undefined) callers.push(caller)
  counts.most = Math.max(counts.most, counts.open)
  response.on('close', () => {
    counts.open--
    if (response.writableFinished) counts.finished++
    else counts.aborted++
    // a clock that all processes of the machine share
    if (!response.writableFinished && caller !== undefined) left[caller] = Number(process.hrtime.bigint()) / 1e6
  })
}

function json(response: ServerResponse, value: object): void {
  const bytes = Buffer.from(JSON.stringify(value))
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    'x-request-id': 'req_bench',
  })
  response.end(bytes)
}

function whole(model: string, content: string, usage: object): object {
  const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', logprobs: null }
  return { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, choices: [choice], usage }
}

/** From one token to the most, in an order that looks like chance; each is under way while others come. */
async function ofUnknownSize(response: ServerResponse): Promise<void> {
  const output = 1 + ((race.calls++ * 7919) % MOST_OUTPUT)
  race.input += RACE_INPUT
  race.output += output
  await sleep(20 + (output % 50))
  const usage = { prompt_tokens: RACE_INPUT, completion_tokens: output, total_tokens: RACE_INPUT + output }
  json(response, whole('race', 'as long as it is', usage))
}

async function stream(response: ServerResponse, { model = '', stream_options }: Asked): Promise<void> {
  const of = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model }
  const event = (more: object): string => `data: ${JSON.stringify({ ...of, ...more })}\n\n`
  const delta = (piece: object, finish_reason: string | null): string =>
    event({ choices: [{ index: 0, delta: piece, finish_reason }] })
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-request-id': 'req_bench',
  })
  response.write(delta({ role: 'assistant', content: '' }, null))
  for (let i = 0; i < CHUNKS; i++) {
    if (response.destroyed) return
    response.write(delta({ content: `tok${i} ` }, null))
    await sleep(model === 'slow' ? SLOW_MS : CHUNK_MS)
  }
  response.write(delta({}, 'stop'))
  if (stream_options?.include_usage === true) response.write(event({ choices: [], usage: USAGE }))
  response.end('data: [DONE]\n\n')
}
