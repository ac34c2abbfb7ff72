/** The first acts of the flights story in the image of Slipway, by podman on a volume; then a server and a gateway in containers of their own on that volume. */
import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import type { Client } from '../../src/client/client.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { TEST_CACHE } from '../../src/cli/image/image.fixture.ts'
import { runCommand } from '../../src/cli/run-command.fixture.ts'
import { IMAGE_USER } from '../../src/images/layers/entries.ts'
import { testEnvFolder } from '../python-env.ts'
import { freePort } from '../programs/free-port.ts'
import { until } from '../until.ts'
import { answering, NO_ENGINE, startEngine } from './engine.ts'

const engine = startEngine()
const built = existsSync(join(import.meta.dirname, '../../dist/web/index.html'))
const skip = engine === undefined ? NO_ENGINE : !built && 'the web UI is not built (./slipway builds it)'
const root = join(tmpdir(), `slipway-story-${process.pid}`)
/** What uv has fetched and built in containers before. */
const cache = join(testEnvFolder(), 'in-containers')
const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))

interface Built {
  readonly image: string
  readonly bytes: number
  /** The health check of its configuration, as podman takes it. */
  readonly health: readonly string[]
}

async function build(purpose: 'control' | 'gateway'): Promise<Built> {
  const dir = join(root, purpose)
  const { data } = await runCommand(root, 'image', 'build', '--for', purpose, '--out', `layout:${dir}:v1`)
  const blob = (digest: string): unknown => JSON.parse(readFileSync(join(dir, 'blobs/sha256', digest.slice(7)), 'utf8'))
  const { layers, config } = blob((data[0] as { digest: string }).digest) as {
    layers: { size: number }[]
    config: { digest: string }
  }
  const { config: run } = blob(config.digest) as { config: { Healthcheck: { Test: [string, ...string[]] } } }
  const [, ...command] = run.Healthcheck.Test
  return {
    image: await podman('pull', '--quiet', `oci:${dir}:v1`),
    bytes: layers.reduce((total, { size }) => total + size, 0),
    // podman reads none from an OCI image
    health: ['--health-cmd', JSON.stringify(command), '--health-interval', 'disable'],
  }
}

describe('images of Slipway on one volume', { skip }, () => {
  let control: Built
  let gateway: Built
  const confined = ['--init', '--read-only', '--cap-drop=all', '--network=host', '--volume', 'data:/data']
  before(async () => {
    mkdirSync(root)
    mkdirSync(cache, { recursive: true })
    chownSync(cache, IMAGE_USER, IMAGE_USER)
    process.env['SLIPWAY_CACHE'] = TEST_CACHE
    control = await build('control')
    gateway = await build('gateway')
    await podman('volume', 'create', 'data')
  })
  after(async () => {
    await engine?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  it('are below 250 MB, the gateway well below the server', () => {
    assert.ok(control.bytes < 250_000_000, `${control.bytes} bytes`)
    assert.ok(gateway.bytes < control.bytes, `${gateway.bytes} bytes`)
  })

  it('plays the story of flights until a better model answers', async () => {
    const certificates = process.env['SSL_CERT_FILE'] ?? ''
    const trusted = existsSync(certificates)
      ? ['--volume', `${certificates}:/certificates.pem:ro`, '--env', 'SSL_CERT_FILE=/certificates.pem']
      : []
    const story = ['demo', '--acts', '3', '--no-keep', '--data', '/data/slipway', '--json']
    const more = ['--volume', `${cache}:/data/cache`, ...trusted]
    const id = await podman('run', '--detach', ...confined, ...more, control.image, ...story)
    const code = await podman('wait', id)
    const logs = await podman('logs', id)
    assert.equal(code, '0', logs)
    const said = logs.slice(logs.indexOf('\n{') + 1)
    const told = JSON.parse(said) as { ok: boolean; sent: number; failed: number; acts: { title: string }[] }
    assert.deepEqual([told.ok, told.failed, told.acts.length], [true, 0, 3], said)
    assert.ok(told.sent > 1000, said)
  })

  it('goes on in a server that is healthy, and a gateway beside it answers the same and is collected from', async () => {
    const [api, port, other] = [await freePort(), await freePort(), await freePort()]
    const ports = ['--port', String(api), '--gateway-port', String(port), '--grpc-port', '0']
    const serve = ['serve', '--host', '127.0.0.1', ...ports]
    const server = await podman('run', '--detach', ...confined, ...control.health, control.image, ...serve)
    await answering(port, () => podman('logs', server))
    await healthy(server)
    const token = await podman('exec', server, '/usr/local/bin/node', '-p', READ_TOKEN)
    const client = createClient({ url: `http://127.0.0.1:${api}`, token })
    const production = await client.call(registryApi.getModel, { params: { name: 'flight-delay' } })
    assert.ok(Number(production.aliases['production']) > 1, 'what the story promoted is in production after a restart')

    const env = ['--env', `SLIPWAY_PORT=${other}`, '--env', 'SLIPWAY_HOST=127.0.0.1']
    const follower = await podman('run', '--detach', ...confined, ...gateway.health, ...env, gateway.image)
    await answering(other, () => podman('logs', follower))
    await healthy(follower)
    assert.equal(await podman('exec', follower, '/usr/local/bin/node', '-p', 'process.getuid()'), `${IMAGE_USER}`)
    const inputs = await rows(client)
    const ask = (at: number, id: string): Promise<unknown> =>
      predict(at, token, { inputs, id: inputs.map((_, i) => `${id}-${i}`) })
    assert.deepEqual(await ask(other, 'by-follower'), await ask(port, 'by-server'))
    await collected(client, 'by-follower-0')
    await podman('stop', '--time', '120', server)
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', server), '0')

    // without a server it goes on, and what is open when it ends is answered
    const open = await halfAsked(other, token, JSON.stringify({ inputs }))
    const ended = podman('stop', '--time', '120', follower)
    await until('a follower that takes no more', () =>
      fetch(`http://127.0.0.1:${other}/health`).then(
        () => false,
        () => true,
      ),
    )
    assert.equal(await open(), 200)
    await ended
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', follower), '0')
  })
})

const READ_TOKEN = "fs.readFileSync('/data/slipway/token', 'utf8').trim()"

/** It answers a moment before it is well: a server writes its address last. */
async function healthy(id: string): Promise<void> {
  const isWell = (): Promise<boolean> =>
    podman('healthcheck', 'run', id).then(
      () => true,
      () => false,
    )
  await until(async () => `a container that is well: ${await podman('logs', id)}`, isWell)
  assert.equal(await podman('inspect', '--format', '{{.State.Health.Status}}', id), 'healthy')
}

/** Rows that were asked in the story. */
async function rows(client: Client): Promise<Record<string, unknown>[]> {
  const query = { limit: 20, failed: 'false' as const }
  const { items } = await client.call(servingApi.listPredictions, { params: { name: 'flight-delay' }, query })
  assert.equal(items.length, 20)
  return items.map(({ inputs }) => inputs)
}

async function predict(port: number, token: string, body: object): Promise<unknown> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/endpoints/flight-delay:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  const text = await reply.text()
  assert.equal(reply.status, 200, text)
  return (JSON.parse(text) as { predictions: unknown }).predictions
}

/** Waits until the server lists a prediction with that id. */
async function collected(client: Client, id: string): Promise<void> {
  const query = { limit: 100, failed: 'false' as const }
  await until(`${id} in the server's list`, async () => {
    const { items } = await client.call(servingApi.listPredictions, { params: { name: 'flight-delay' }, query })
    return items.some((one) => one.id === id)
  })
}

/** Sends half of a request, which has been read; the function that comes back sends the rest and tells the status. */
async function halfAsked(port: number, token: string, body: string): Promise<() => Promise<number>> {
  const call = request(`http://127.0.0.1:${port}/v1/endpoints/flight-delay:predict`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${token}`,
      expect: '100-continue',
    },
  })
  const reply = once(call, 'response') as Promise<[{ statusCode: number }]>
  call.flushHeaders()
  await once(call, 'continue')
  call.write(body.slice(0, 10))
  return async () => {
    call.end(body.slice(10))
    return (await reply)[0].statusCode
  }
}
