/** A real `mlflow server` for tests, and a proxy before it that can stop answering and can want a password. */
import { spawn } from 'node:child_process'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort } from '../programs/free-port.ts'
import { until } from '../until.ts'

export interface RealServer {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a server on a free port, with the database at `uri` and files behind its proxy in `artifacts`. */
export async function startMlflow(python: string, uri: string, artifacts: string): Promise<RealServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const place = ['--host', '127.0.0.1', '--port', String(port), '--workers', '1']
  const stores = ['--backend-store-uri', uri, '--artifacts-destination', artifacts]
  const child = spawn(python, ['-m', 'mlflow', 'server', ...place, ...stores], {
    env: { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // its workers end with it, as one group
    detached: true,
  })
  let said = ''
  const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-4000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const ended = new Promise<void>((done) => child.on('close', () => done()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGKILL')
    await ended
  }
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`mlflow server ended:\n${said}`)
    return fetch(`${url}/version`).then(
      (reply) => reply.ok,
      () => false,
    )
  }
  try {
    await until(() => `the first answer of mlflow server:\n${said}`, answers)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}

export interface Proxy extends RealServer {
  /** Requests passed on before all further ones hang; Infinity passes on everything. */
  pass: number
  /** What the Authorization header must be; undefined lets everybody in. */
  wanted: string | undefined
  /** Requests that hang. */
  readonly hanging: () => number
}

/** Starts a proxy before a server. */
export async function startProxy(target: string): Promise<Proxy> {
  const state = { pass: Number.POSITIVE_INFINITY, wanted: undefined as string | undefined, hanging: 0 }
  const server = createServer((asked, reply) => {
    if (state.wanted !== undefined && asked.headers.authorization !== state.wanted) {
      reply.writeHead(401).end('who are you?')
      return
    }
    if (state.pass-- <= 0) return void state.hanging++
    // the password is the proxy's, and nobody else hears it
    const { authorization, ...rest } = asked.headers
    const headers = state.wanted === undefined && authorization !== undefined ? { ...rest, authorization } : rest
    const forward = request(target + (asked.url ?? ''), { method: asked.method ?? 'GET', headers })
    forward.on('response', (got) => {
      reply.writeHead(got.statusCode ?? 502, got.headers)
      got.pipe(reply)
    })
    forward.on('error', () => reply.destroy())
    asked.pipe(forward)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get pass() {
      return state.pass
    },
    set pass(count) {
      state.pass = count
    },
    get wanted() {
      return state.wanted
    },
    set wanted(header) {
      state.wanted = header
    },
    hanging: () => state.hanging,
    async stop() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
