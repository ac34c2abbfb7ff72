/** A whole server saved while it runs, with its files in S3, and brought back elsewhere: files, rows and sealed secrets are the same. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { startPostgres } from '../postgres.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const SECRET = 'what the receiver knows'
const [from, to] = [await startS3(), await startS3()]
const folder = mkdtempSync(join(tmpdir(), 'slipway-backup-scenario-'))
after(() => {
  from?.stop()
  to?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function slipway(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Record<string, unknown>> {
  const options = { env: { ...process.env, ...env } }
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--json'], options)
  return JSON.parse(stdout) as Record<string, unknown>
}

async function call(server: TestServer, method: string, path: string, body?: string | Uint8Array): Promise<Response> {
  const reply = await fetch(`${server.url}/api/2.0/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.token}`,
      ...(typeof body === 'string' && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: body as string }),
  })
  assert.equal(reply.status, 200, `${method} ${path}: ${reply.ok ? '' : await reply.text()}`)
  return reply
}

/** A receiver that says whether what it was sent is signed with the secret. */
async function receiver(): Promise<{ url: string; signed: boolean[]; stop(): void }> {
  const signed: boolean[] = []
  const server = http.createServer((request, reply) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { 'x-mlflow-signature': told, 'x-mlflow-delivery-id': id, 'x-mlflow-timestamp': at } = request.headers
      const hash = createHmac('sha256', SECRET)
        .update(`${id as string}.${at as string}.`)
        .update(Buffer.concat(parts))
      signed.push(told === `v1,${hash.digest('base64')}`)
      reply.end('heard')
    })
  })
  const { promise, resolve: listening } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening)
  await promise
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, signed, stop }
}

test(
  'files that lie in S3 and the key of webhooks are in the backup; it is restored to another bucket and to disk',
  { skip: from === undefined || to === undefined ? NO_S3 : false },
  async (t) => {
    if (from === undefined || to === undefined) return
    const heard = await receiver()
    t.after(() => heard.stop())
    const env = { SLIPWAY_EGRESS_ALLOW: '127.0.0.1', SLIPWAY_LOG_LEVEL: 'error' }
    const files = [randomBytes(1000), randomBytes(9 * 1024 * 1024), Buffer.alloc(0)]
    const path = (i: number): string => `mlflow-artifacts/artifacts/0/a/artifacts/f${i}`

    const data = join(folder, 'data')
    const first = await startTestServer({ data, env: { ...env, ...from.env } })
    t.after(() => first.stop())
    for (const [i, bytes] of files.entries()) await call(first, 'PUT', path(i), bytes)
    const events = [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }]
    const hook = JSON.stringify({ name: 'w', url: heard.url, events, secret: SECRET })
    const made = (await (await call(first, 'POST', 'mlflow/webhooks', hook)).json()) as {
      webhook: { webhook_id: string }
    }
    const file = join(folder, 'all.tar')
    const saved = await slipway(from.env, 'backup', file, '--data', data)
    assert.ok(Number(saved['blobs']) >= 3)
    assert.equal(statSync(file).mode & 0o077, 0)
    await first.kill()
    from.stop()

    for (const [name, place] of [
      ['s3', to.env],
      ['disk', {}],
    ] as const) {
      const target = join(folder, name)
      assert.deepEqual(await slipway(place, 'restore', file, '--data', target), saved)
      const server = await startTestServer({ data: target, env: { ...env, ...place } })
      t.after(() => server.stop())
      for (const [i, bytes] of files.entries()) {
        const got = Buffer.from(await (await call(server, 'GET', path(i))).arrayBuffer())
        assert.ok(got.equals(bytes), `file ${i} from ${name}`)
      }
      await call(server, 'POST', `mlflow/webhooks/${made.webhook.webhook_id}/test`, '{}')
      assert.equal(heard.signed.at(-1), true, `the secret opens on ${name}`)
      assert.equal(await server.stop(), 0)
    }
    assert.equal(heard.signed.length, 2)
  },
)

test('a server with PostgreSQL is saved while it is written to, and goes on in another database', async (t) => {
  const [here, there] = [await startPostgres(), await startPostgres()]
  const data = join(folder, 'pg-data')
  const env = { SLIPWAY_LOG_LEVEL: 'error' }
  const first = await startTestServer({ data, env: { ...env, SLIPWAY_DATABASE_URL: here.url } })
  t.after(() => first.stop())
  const path = 'mlflow-artifacts/artifacts/0/a/artifacts/f'
  await call(first, 'PUT', path, Buffer.from('a file'))
  const start = JSON.stringify({ experiment_id: '0', start_time: 1 })
  const { run } = (await (await call(first, 'POST', 'mlflow/runs/create', start)).json()) as {
    run: { info: { run_id: string } }
  }
  const log = (step: number): Promise<Response> => {
    const point = { run_id: run.info.run_id, key: 'm', value: step, timestamp: step + 1, step }
    return call(first, 'POST', 'mlflow/runs/log-metric', JSON.stringify(point))
  }
  let acknowledged = 0
  const file = join(folder, 'pg.tar')
  const saving = slipway({ SLIPWAY_DATABASE_URL: here.url }, 'backup', file, '--data', data)
  const over = new AbortController()
  const marked = saving.finally(() => over.abort())
  while (!over.signal.aborted) await log(acknowledged++)
  await marked
  const target = join(folder, 'pg-restored')
  assert.deepEqual(await slipway({ SLIPWAY_DATABASE_URL: there.url }, 'restore', file, '--data', target), await saving)
  const second = await startTestServer({ data: target, env: { ...env, SLIPWAY_DATABASE_URL: there.url } })
  t.after(() => second.stop())
  assert.equal(await (await call(second, 'GET', path)).text(), 'a file')
  const history = `mlflow/metrics/get-history?run_id=${run.info.run_id}&metric_key=m&max_results=25000`
  const { metrics = [] } = (await (await call(second, 'GET', history)).json()) as { metrics?: { step: number }[] }
  const steps = metrics.map(({ step }) => step).sort((a, b) => a - b)
  assert.deepEqual(steps, [...steps.keys()], 'what was written after the moment is not there, all before it is')
  assert.ok(steps.length <= acknowledged)
  await call(second, 'POST', 'mlflow/runs/create', start)
})
