/**
 * A process that serves one real model with OpenAI's API on a free port of this machine. It ends with who started it: when its
 * standard input closes, or, once it was told there to stay with another process, when that one has ended.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { ifGone } from '../../../../contract/absence/absent.ts'
import { answerOf, refuse, sendJson } from './answers.ts'
import { BadBody, checkLength, readBody } from './body.ts'
import { loadEngine } from './engine.ts'
import type { Engine } from './engine.ts'

/** Largest body, bytes. */
const LARGEST = 1024 * 1024
/** Between looks at the process that this one stays with, ms. */
const LOOK_MS = 500

/** What the process is started with, as its one argument. */
export interface ModelServerOptions {
  /** Where node-llama-cpp is installed. */
  readonly folder: string
  /** The GGUF file. */
  readonly file: string
  /** What the model is called. */
  readonly name: string
  readonly threads: number
  /** Default: a free one. */
  readonly port?: number
}

const PATHS: Readonly<Record<string, boolean>> = { '/v1/chat/completions': true, '/v1/completions': false }

endsWithParent()
await serve(JSON.parse(process.argv[2] ?? '') as ModelServerOptions)

async function serve({ folder, file, name, threads, port = 0 }: ModelServerOptions): Promise<void> {
  const engine = await loadEngine(folder, file, threads)
  let calls = 0
  const server = createServer((request, response) => {
    const fail = (error: unknown): void => {
      if (error instanceof BadBody) refuse(response, 400, error.message, error.code)
      else if (response.headersSent) response.destroy()
      else refuse(response, 500, error instanceof Error ? error.message : String(error), null)
    }
    answer(engine, { name, id: `cmpl-${++calls}` }, request, response).catch(fail)
  })
  server.listen(port, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
  })
}

async function answer(
  engine: Engine,
  { name, id }: { readonly name: string; readonly id: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? ''
  if (path === '/health') return sendJson(response, 200, { open: engine.open() })
  if (path === '/v1/models')
    return sendJson(response, 200, {
      object: 'list',
      data: [{ id: name, object: 'model', created: 0, owned_by: 'demo' }],
    })
  const chat = request.method === 'POST' ? PATHS[path] : undefined
  if (chat === undefined) return refuse(response, 404, `there is no ${request.method} ${path}`, null)
  const left = new AbortController()
  response.once('close', () => left.abort())
  const wanted = readBody(await textOf(request), chat)
  if (wanted.model !== name)
    return refuse(response, 404, `the model is ${name}, not ${wanted.model}`, 'model_not_found')
  const tokens = engine.count(wanted.asked.prompt)
  checkLength(tokens, wanted.asked)
  const { piece, end } = answerOf(response, wanted, chat, id)
  const ended = await engine.answer(wanted.asked, left.signal, piece)
  if (!left.signal.aborted) end(tokens, ended)
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > LARGEST) throw new BadBody(`the body is longer than ${LARGEST} bytes`, 'too_large')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function endsWithParent(): void {
  let stays = false
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const { stay } = JSON.parse(line) as { stay: number }
      stays = true
      setInterval(() => {
        if (ifGone(() => process.kill(stay, 0)) === undefined) process.exit(0)
      }, LOOK_MS)
    })
    .on('close', () => {
      if (!stays) process.exit(0)
    })
}
