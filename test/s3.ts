/**
 * A real S3 server for tests: versitygw over a folder, and a proxy that misbehaves as told. The check builds the server with Go
 * before its tests run; the tests do not, for that takes minutes, and are skipped without it.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { s3Settings, type S3Settings } from '../src/store/blobs/s3/settings.ts'
import { freePort } from './programs/free-port.ts'
import { buildGoTool, findGoTool } from './programs/go-tools.ts'
import { until } from './until.ts'

const SERVER = { name: 'versitygw', package: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' } as const

export interface TestS3 {
  /** `s3://` URL of a fresh bucket. */
  readonly url: string
  /** The variables that a server of Slipway needs to reach it. */
  readonly env: Readonly<Record<string, string>>
  readonly settings: S3Settings
  /** The file in which the server keeps an object of the bucket. */
  file(key: string): string
  stop(): void
}

/** Why tests are skipped when `startS3` gives nothing. */
export const NO_S3 = 'there is no S3 server; `slipway test` builds one where Go is on the PATH'

/** Starts the server; undefined when it was not built and lies nowhere on the PATH. */
export async function startS3(): Promise<TestS3 | undefined> {
  const program = await findServer()
  if (program === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-s3-'))
  const bucket = `b-${randomUUID()}`
  mkdirSync(join(folder, 'data', bucket), { recursive: true })
  const port = await freePort()
  const keys = { ROOT_ACCESS_KEY: 'slipway', ROOT_SECRET_KEY: 'only-for-tests' }
  const child = spawn(program, ['--port', `127.0.0.1:${port}`, 'posix', join(folder, 'data')], {
    env: { ...process.env, ...keys },
    stdio: 'ignore',
  })
  const stop = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', stop)
  const endpoint = `http://127.0.0.1:${port}`
  await until('an answer of the S3 server', () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    ),
  )
  const url = `s3://${bucket}/slipway`
  const env = {
    SLIPWAY_BLOBS: url,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: keys.ROOT_ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: keys.ROOT_SECRET_KEY,
    AWS_REGION: 'us-east-1',
  }
  return { url, env, settings: s3Settings(url, env), file: (key) => join(folder, 'data', bucket, 'slipway', key), stop }
}

async function findServer(): Promise<string | undefined> {
  return process.env['SLIPWAY_TEST_S3_SERVER'] ?? findGoTool(SERVER)
}

/** Whether `startS3` finds a server. */
export async function hasS3(): Promise<boolean> {
  return (await findServer()) !== undefined
}

/** Builds the server into the cache with this Go, which takes minutes; false when that failed, with the reason on standard error. */
export function buildS3(go: string): Promise<boolean> {
  return buildGoTool(SERVER, go)
}

/** What the proxy does with one request instead of passing it on. */
export type Fault =
  | { readonly status: number; readonly code: string }
  /** Breaks the connection before anything is answered; the server has done what was asked if `after` is true. */
  | { readonly reset: true; readonly after: boolean }
  /** Sends so many bytes of the reply's body, then breaks the connection. */
  | { readonly cutAt: number }
  /** Answers nothing at all. */
  | { readonly silent: true }

export interface FaultyProxy {
  readonly settings: S3Settings
  readonly endpoint: string
  /** Asked for each request; undefined passes it on. */
  decide: (request: { method: string; path: string }) => Fault | undefined
  /** Requests that met a fault so far. */
  readonly met: number
  stop(): void
}

/** A proxy before an S3 server; the signatures stay as they are, as the Host header is passed on. */
export async function faultyProxy(s3: TestS3): Promise<FaultyProxy> {
  const target = new URL(s3.settings.origin)
  const server = http.createServer((request, reply) => {
    const fault = proxy.decide({ method: request.method ?? '', path: request.url ?? '' })
    if (fault !== undefined) proxy.met += 1
    if (fault === undefined || 'cutAt' in fault || ('reset' in fault && fault.after)) {
      return passOn(target, { request, reply }, fault)
    }
    if ('silent' in fault) return
    if ('reset' in fault) return void request.socket.destroy()
    request.resume()
    reply.writeHead(fault.status, { 'content-type': 'application/xml' })
    reply.end(`<Error><Code>${fault.code}</Code><Message>as the test wants it</Message></Error>`)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const proxy = {
    endpoint,
    settings: s3Settings(s3.url, { ...s3.env, AWS_ENDPOINT_URL_S3: endpoint }),
    decide: (_request: { method: string; path: string }): Fault | undefined => undefined,
    met: 0,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return proxy
}

interface Passing {
  readonly request: http.IncomingMessage
  readonly reply: http.ServerResponse
}

function passOn(target: URL, { request, reply }: Passing, fault: Fault | undefined): void {
  const { method, url: path, headers } = request
  const onwards = http.request(target, { method, path, headers, setHost: false }, (answer) => {
    if (fault !== undefined && 'reset' in fault) return void request.socket.destroy()
    reply.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    if (fault === undefined || !('cutAt' in fault)) return void answer.pipe(reply)
    let left = fault.cutAt
    if (left === 0) {
      reply.flushHeaders()
      request.socket.destroySoon()
      return
    }
    answer.on('data', (chunk: Buffer) => {
      if (left <= 0) return
      reply.write(chunk.subarray(0, left), () => left <= 0 && request.socket.destroy())
      left -= chunk.length
    })
  })
  onwards.on('error', () => request.socket.destroy())
  request.pipe(onwards)
}
