/** A fake provider of language models: it answers as recorded servers of OpenAI and Anthropic do; the name of the model picks what goes wrong. */
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface FakeProvider {
  readonly url: string
  /** Calls in the order in which they came. */
  readonly asked: Asked[]
  /** Calls that were answered whole, and that their caller left. */
  finished: number
  aborted: number
  /** Lets the streams go on that stopped at a gate: models whose name has `gate`. */
  open(): void
}

export const USAGE = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 3 },
}
export const MESSAGES_USAGE = {
  input_tokens: 8,
  cache_read_input_tokens: 3,
  cache_creation_input_tokens: 0,
  output_tokens: 5,
}
/** Pieces of an answer; the second has letters of two, four and three bytes. */
export const PIECES = ['tok0 ', 'é🙂漢', 'tok2 ', 'tok3 ', 'end']

/** Starts one, and ends it with the test. */
export async function fakeProvider(t: TestContext): Promise<FakeProvider> {
  let opened: (() => void)[] = []
  const provider = {
    url: '',
    asked: [] as Asked[],
    finished: 0,
    aborted: 0,
    open() {
      for (const go of opened) go()
      opened = []
    },
  }
  const gate = (): Promise<void> => new Promise((go) => opened.push(go))
  const server = createServer((request, response) => {
    response.on('close', () => (response.writableFinished ? provider.finished++ : provider.aborted++))
    void answer(request, response, { asked: provider.asked, gate })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  provider.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return provider
}

interface Scene {
  readonly asked: Asked[]
  readonly gate: () => Promise<void>
}

async function answer(request: IncomingMessage, response: ServerResponse, { asked, gate }: Scene): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const text = Buffer.concat(parts).toString('utf8')
  const path = request.url ?? ''
  asked.push({ path, headers: request.headers, text })
  const body = JSON.parse(text) as Record<string, unknown>
  const model = String(body['model'])
  const failure = FAILURES[model]
  if (failure !== undefined) {
    json(
      response,
      failure[0],
      { error: { message: failure[1], type: failure[2], param: null, code: failure[2] } },
      failure[3],
    )
    return
  }
  if (model === 'hang') return
  if (model === 'elsewhere') {
    response.writeHead(302, { location: 'http://10.0.0.1/' }).end()
    return
  }
  if (model === 'packed') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(Buffer.alloc(40))
    return
  }
  if (model === 'reset') {
    response.socket?.destroy()
    return
  }
  if (path.endsWith('/embeddings')) {
    const data = [
      { object: 'embedding', index: 0, embedding: body['encoding_format'] === 'base64' ? 'AAAAAA==' : [0.5, -0.25] },
    ]
    json(response, 200, { object: 'list', data, model, usage: { prompt_tokens: 5, total_tokens: 5 } })
    return
  }
  const messages = path.endsWith('/messages')
  if (body['stream'] !== true) json(response, 200, messages ? wholeMessage(model) : wholeChat(model))
  else await stream(response, { model, gate, events: messages ? messageEvents(model) : chatEvents(model, body) })
}

type Failure = readonly [status: number, message: string, type: string, headers?: Record<string, string>]

const FAILURES: Readonly<Record<string, Failure>> = {
  'err-400': [400, 'maximum context length is 8 tokens', 'context_length_exceeded'],
  'err-401': [401, 'Incorrect API key provided: upstream-key', 'invalid_api_key'],
  'err-echo': [400, 'what is upstream-key for?', 'invalid_request_error'],
  'err-429': [429, 'slow down', 'rate_limit_exceeded', { 'retry-after': '7', 'x-ratelimit-remaining-requests': '0' }],
  'err-500': [500, 'boom', 'server_error'],
}

function json(response: ServerResponse, status: number, value: object, headers: Record<string, string> = {}): void {
  const bytes = Buffer.from(JSON.stringify(value))
  const own = { 'content-type': 'application/json', 'content-length': bytes.length, 'x-request-id': 'req_fake' }
  response.writeHead(status, { ...own, ...headers })
  response.end(bytes)
}

function wholeChat(model: string): object {
  const message = { role: 'assistant', content: 'hello world', refusal: null }
  const choices = [{ index: 0, message, finish_reason: 'stop', logprobs: null }]
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    choices,
    usage: USAGE,
    x_vendor_field: { keep: [1, 2] },
  }
}

function wholeMessage(model: string): object {
  const content = [{ type: 'text', text: 'hello world' }]
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: MESSAGES_USAGE,
  }
}

function delta(of: object, finish_reason: string | null): object {
  return { choices: [{ index: 0, delta: of, finish_reason }] }
}

function chatEvents(model: string, body: Record<string, unknown>): string[] {
  if (model === 'revoked')
    return ['data: {"error":{"message":"the key upstream-key was revoked"}}\n\n', 'data: [DONE]\n\n']
  if (model === 'half') return ['data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n']
  if (model === 'filtered')
    return ['data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n', ...chatEvents('x', body)]
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model }
  const event = (more: object): string => `data: ${JSON.stringify({ ...base, ...more })}\n\n`
  const options = body['stream_options'] as { include_usage?: boolean } | undefined
  return [
    event(delta({ role: 'assistant', content: '' }, null)),
    ...PIECES.map((content, i) => event({ ...delta({ content }, null), x_vendor_field: i })),
    ': keep-alive\n\n',
    event(delta({}, 'stop')),
    ...(options?.include_usage === true ? [event({ choices: [], usage: USAGE })] : []),
    'data: [DONE]\n\n',
  ]
}

function typed(type: string, more: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
}

function messageEvents(model: string): string[] {
  const { output_tokens, ...input } = MESSAGES_USAGE
  const message = { ...wholeMessage(model), content: [], stop_reason: null, usage: { ...input, output_tokens: 1 } }
  return [
    typed('message_start', { message }),
    typed('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    typed('ping', {}),
    ...PIECES.map((text) => typed('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    typed('content_block_stop', { index: 0 }),
    typed('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens } }),
    typed('message_stop', {}),
  ]
}

async function stream(
  response: ServerResponse,
  { model, events, gate }: { model: string; events: readonly string[]; gate: () => Promise<void> },
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-request-id': 'req_fake',
  })
  for (const [i, event] of events.entries()) {
    if (i === 3 && model === 'cut') {
      response.socket?.destroy()
      return
    }
    if (i === 3 && model === 'short') break
    if (i === (model.includes('late') ? 7 : 3) && model.includes('gate')) await gate()
    if (response.destroyed) return
    if (model === 'split') await byByte(response, event)
    else await new Promise((sent) => response.write(event, sent))
  }
  if (model === 'cut-behind') response.socket?.destroy()
  else response.end()
}

/** Each byte in a write of its own. */
async function byByte(response: ServerResponse, event: string): Promise<void> {
  for (const byte of Buffer.from(event)) await new Promise((sent) => response.write(Uint8Array.of(byte), sent))
}
