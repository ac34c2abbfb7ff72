/** What guardrails are tested with: a provider that streams, servers that answer JSON, and a call in each dialect. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { LlmGuardrail } from '../../contract/llm/options.ts'
import { llmGateway, routeOf } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'

/** A server of a test, and the bodies that it got. */
export interface JsonServer {
  readonly url: string
  readonly asked: string[]
}

/** A server that answers each body with what is made of it. */
export async function jsonServer(t: TestContext, answer: (text: string, path: string) => string): Promise<JsonServer> {
  const asked: string[] = []
  const own = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const text = Buffer.concat(parts).toString('utf8')
      asked.push(text)
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer(text, request.url ?? ''))
    })
  })
  return { url: `http://${await listening(t, own)}/v1`, asked }
}

/** Lets a server of a test listen, and ends it with the test; its host and port. */
export async function listening(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((begun) => server.listen(0, '127.0.0.1', begun))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** One event of a chat. */
export const chatEvent = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }], x_vendor: 1.5 })}\n\n`

/** A whole stream of a chat that says these pieces. */
export function chatEvents(pieces: readonly string[]): string[] {
  const usage = { choices: [], usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 } }
  return [
    chatEvent({ role: 'assistant', content: '' }),
    ...pieces.map((content) => chatEvent({ content })),
    chatEvent({}, 'stop'),
    `data: ${JSON.stringify(usage)}\n\n`,
    'data: [DONE]\n\n',
  ]
}

/** A gateway before a provider of a test. */
export interface Stage {
  readonly bench: LlmBench
  /** What the provider streams next. */
  events: readonly string[]
  /** How often the provider was called. */
  calls: number
}

/** An endpoint `m` whose provider speaks chat alone. `allow`: private hosts that may be called, by that of the provider; default: all of this machine. */
export async function stage(
  t: TestContext,
  guardrails: readonly LlmGuardrail[],
  allow: (provider: string) => readonly string[] = () => ['127.0.0.1'],
): Promise<Stage> {
  const stage = { events: [] as readonly string[], calls: 0, bench: undefined as unknown as LlmBench }
  const server = createServer((request, response) => {
    request.resume()
    stage.calls++
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of stage.events) response.write(event)
      if (stage.events.at(-1) !== 'open') response.end()
    })
  })
  const host = await listening(t, server)
  const model = { model: 'm', url: `http://${host}/v1`, settings: { dialects: 'chat' } }
  const endpoint = { guardrails, experiment: 'e' }
  stage.bench = await llmGateway(t, routeOf({ m: [model] }, { endpoint, allow: allow(host) }))
  return stage
}

type Json = Record<string, unknown>

/** The objects of a stream. */
export function eventsIn(body: string): Json[] {
  return [...body.matchAll(/^data: (.*)$/gm)].flatMap(([, data = '']) =>
    data === '[DONE]' ? [] : [JSON.parse(data) as Json],
  )
}

/** A call of each dialect that is answered as a stream. */
export const BODIES: Readonly<Record<string, readonly [path: string, body: object]>> = {
  chat: ['/v1/chat/completions', { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }],
  completions: ['/v1/completions', { model: 'm', stream: true, prompt: 'hi' }],
  messages: ['/v1/messages', { model: 'm', stream: true, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
  responses: ['/v1/responses', { model: 'm', stream: true, input: 'hi' }],
  generate: [
    '/v1beta/models/m:streamGenerateContent?alt=sse',
    { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
  ],
}

/** The text of a stream put together from its pieces. */
export function textOf(dialect: string, body: string): string {
  const parts: Readonly<Record<string, (json: Json) => string | undefined>> = {
    chat: (json) => (json['choices'] as { delta: { content?: string } }[])[0]?.delta.content,
    completions: (json) => (json['choices'] as { text: string }[])[0]?.text,
    messages: (json) => (json['delta'] as { text?: string } | undefined)?.text,
    responses: (json) => (json['type'] === 'response.output_text.delta' ? (json['delta'] as string) : ''),
    generate: (json) =>
      (json['candidates'] as { content: { parts: { text?: string }[] } }[])[0]?.content.parts
        .map(({ text }) => text ?? '')
        .join(''),
  }
  return eventsIn(body)
    .map((json) => parts[dialect]?.(json) ?? '')
    .join('')
}

/** The body that a client of the dialect gets where the provider says these pieces. */
export async function asked(of: Stage, dialect: string, pieces: readonly string[]): Promise<string> {
  of.events = chatEvents(pieces)
  const [path, body] = BODIES[dialect] ?? ['', {}]
  return (await of.bench.post(path, body)).text()
}
