/** The image of Slipway itself in a real container: it starts on a volume, takes a project, ends by itself and goes on where it was. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { UV_LOCK } from '../../src/images/build/control.ts'
import { UV_VERSION } from '../../src/envs/uv.ts'
import { runCommand } from '../../src/cli/run-command.fixture.ts'
import { TEST_CACHE } from '../../src/cli/image/image.fixture.ts'
import { freePort } from '../programs/free-port.ts'
import { until } from '../until.ts'
import { NO_ENGINE, startEngine } from './engine.ts'

const engine = startEngine()
const built = existsSync(join(import.meta.dirname, '../../dist/web/index.html'))
const skip = engine === undefined ? NO_ENGINE : !built && 'the web UI is not built (./slipway builds it)'
const root = join(tmpdir(), `slipway-control-${process.pid}`)
mkdirSync(root)
const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))
before(() => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
})
after(async () => {
  await engine?.stop()
  rmSync(root, { recursive: true, force: true })
})

it('the uv of the image is the one that Slipway brings', () => {
  assert.ok(UV_LOCK.startsWith(`uv==${UV_VERSION} `))
})

describe('the image of Slipway', { skip }, () => {
  let port = 0
  let gatewayPort = 0
  let url = ''
  let image = ''
  let digest = ''
  before(async () => {
    port = await freePort()
    do gatewayPort = await freePort()
    while (gatewayPort === port)
    url = `http://127.0.0.1:${port}`
    const { data } = await runCommand(root, 'image', 'build', '--for', 'control', '--out', `layout:${root}/image:v1`)
    digest = (data[0] as { digest: string }).digest
    image = await podman('pull', '--quiet', `oci:${root}/image:v1`)
    await podman('volume', 'create', 'data')
  })

  async function start(): Promise<string> {
    const ports = ['--port', String(port), '--gateway-port', String(gatewayPort), '--grpc-port', '0']
    const limits = ['--init', '--read-only', '--cap-drop=all', '--network=host', '--volume', 'data:/data']
    const id = await podman('run', '--detach', ...limits, image, 'serve', '--host', '127.0.0.1', ...ports)
    await until(
      async () => `a server that is well: ${await podman('logs', id)}`,
      () =>
        fetch(`${url}/v1/health`).then(
          (reply) => reply.ok,
          () => false,
        ),
    )
    return id
  }

  async function stop(id: string): Promise<void> {
    await podman('stop', '--time', '120', id)
    assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '0')
  }

  it('is below 250 MB', () => {
    const { layers } = JSON.parse(readFileSync(join(root, 'image/blobs/sha256', digest.slice(7)), 'utf8')) as {
      layers: { size: number }[]
    }
    const bytes = layers.reduce((total, { size }) => total + size, 0)
    assert.ok(bytes < 250_000_000, `${bytes} bytes`)
  })

  it('runs a project’s steps, ends by itself, and has all of it when it is started again', async () => {
    const first = await start()
    const token = await podman(
      'exec',
      first,
      '/usr/local/bin/node',
      '-p',
      "fs.readFileSync('/data/slipway/token', 'utf8').trim()",
    )
    const project = join(root, 'project')
    mkdirSync(project)
    writeFileSync(
      join(project, 'slipway.yaml'),
      'project: tiny\npython: {packages: []}\npipeline:\n  steps:\n    one: {run: [python, -c, "print(6 * 7)"]}\n',
    )
    process.env['SLIPWAY_URL'] = url
    process.env['SLIPWAY_TOKEN'] = token
    const { code } = await runCommand(root, 'run', project)
    assert.equal(code, 0)
    await stop(first)
    const second = await start()
    const client = createClient({ url, token })
    const { items } = await client.call(pipelinesApi.listPipelineRuns, { query: {} })
    assert.deepEqual(
      items.map(({ outcome }) => outcome),
      ['succeeded'],
    )
    await stop(second)
  })
})
