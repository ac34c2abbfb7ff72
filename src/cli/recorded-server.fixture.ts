/** A server of recorded answers. Requests and answers are held against the contract, so that no test is about what no server says. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse as parseQuery } from 'node:querystring'
import { buffer } from 'node:stream/consumers'
import { z } from 'zod'
import { Problem } from '../contract/errors.ts'
import type { Reply, Route } from '../contract/route.ts'
import { makeFolderKey, proofOf } from '../store/folder-proof.ts'
import { runCommand } from './run-command.fixture.ts'
import type { Said } from './run-command.fixture.ts'

/** A request as it came. */
export interface Asked {
  readonly params: readonly string[]
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly authorization: string | undefined
}

type Answer<R extends Route> = Reply<R> | Problem | ((asked: Asked) => Reply<R> | Problem)

export interface RecordedServer {
  readonly url: string
  /** A data folder whose `server.json` names this server, as its gateway too. */
  readonly data: string
  /** What a route answers, one after the other; the last is given again. Forgets what was asked before. */
  answer<R extends Route>(route: R, ...answers: readonly Answer<R>[]): void
  /** What a route was asked since its answers were given. */
  asked(route: Route): readonly Asked[]
  /** Runs a command against this server. */
  slipway(...argv: readonly string[]): Promise<Said>
  close(): void
}

/** The token that commands find in the data folder. */
export const TOKEN = 'slw_recorded'

interface Recorded {
  readonly route: Route
  readonly answers: unknown[]
  readonly asked: Asked[]
}

/** Starts it on a free port. What was not recorded is a failure of 500, which no test expects. */
export async function startRecorded(): Promise<RecordedServer> {
  const recorded: Recorded[] = []
  const data = mkdtempSync(join(tmpdir(), 'slipway-recorded-'))
  const key = makeFolderKey(data)
  const server = createServer((request, response) => {
    const nonce = /^\/v1\/proof\?nonce=(.*)$/.exec(request.url ?? '')?.[1]
    // as the server of its folder, at each address
    if (nonce !== undefined) return void response.end(JSON.stringify({ url, proof: proofOf(key, url, nonce) }))
    reply(recorded, request, response).catch((error: unknown) => {
      const told = { code: 'internal', message: `recorded server: ${String(error)}` }
      response.writeHead(500).end(JSON.stringify({ error: told }))
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const file = { url, gateway_url: url, grpc_address: null, pid: 1, version: '0', token_file: join(data, 'token') }
  writeFileSync(join(data, 'token'), TOKEN)
  writeFileSync(join(data, 'server.json'), JSON.stringify(file))
  return {
    url,
    data,
    answer(route, ...answers) {
      const at = recorded.findIndex((one) => one.route === route)
      if (at >= 0) recorded.splice(at, 1)
      recorded.unshift({ route, answers: [...answers], asked: [] })
    },
    asked: (route) => recorded.find((one) => one.route === route)?.asked ?? [],
    slipway: (...argv) => runCommand(data, ...argv),
    close() {
      server.closeAllConnections()
      server.close()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

async function reply(recorded: readonly Recorded[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  const bytes = await buffer(request)
  for (const { route, answers, asked } of recorded) {
    // a colon begins a parameter behind a slash alone: `/v1/endpoints/iris:predict` has none
    const pattern = new RegExp(`^${route.path.replaceAll(/(?<=\/):\w+/g, '([^/]+)')}$`)
    const [, ...params] = route.method === request.method ? (pattern.exec(path)?.map(decodeURIComponent) ?? []) : []
    if (!pattern.test(path) || route.method !== request.method) continue
    const body = route.body === undefined ? undefined : bodyOf(route, bytes)
    const given = { ...parseQuery(query) }
    if (route.query instanceof z.ZodType) route.query.parse(given)
    else assert.deepEqual(given, {}, 'the route takes no query')
    const one: Asked = { params, query: given, body, authorization: request.headers.authorization }
    asked.push(one)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    return send(route, typeof answer === 'function' ? answer(one) : answer, response)
  }
  throw new Error(`nothing is recorded for ${request.method} ${path}`)
}

function bodyOf({ body }: Route, bytes: Buffer): unknown {
  if (body === 'stream') return bytes
  const given: unknown = JSON.parse(bytes.toString())
  if (body instanceof z.ZodType) body.parse(given)
  return given
}

function send(route: Route, answer: unknown, response: ServerResponse): void {
  if (answer instanceof Problem) {
    const { code, message, help, status } = answer
    response.writeHead(status).end(JSON.stringify({ error: { code, message, help, request_id: 'req_1', details: {} } }))
  } else if (typeof route.reply === 'string' && route.reply !== 'json')
    response.writeHead(200, { 'x-request-id': 'req_1' }).end(answer)
  else {
    if (route.reply instanceof z.ZodType) route.reply.parse(answer)
    response.writeHead(route.status ?? 200).end(JSON.stringify(answer))
  }
}
