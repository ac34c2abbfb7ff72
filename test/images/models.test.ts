/** Images with one model of each kind, run by podman: what they answer is what the gateway and batch-predict of the server answer. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findPython } from '../../src/envs/python.ts'
import { lockRequest } from '../../src/envs/lock.ts'
import { requestOf } from '../../src/envs/request.ts'
import { onnxRuntime } from '../../src/scoring/onnx/install.ts'
import { TEST_CACHE } from '../../src/cli/image/image.fixture.ts'
import { csvOf, startBatch } from '../fixtures/batch-control.ts'
import type { BatchControl } from '../fixtures/batch-control.ts'
import { onnxModels } from '../onnx-models.ts'
import { testEnvFolder } from '../python-env.ts'
import { PACKAGES } from '../serving-models.ts'
import { answering, freePort, NO_ENGINE, startEngine } from './engine.ts'

const engine = startEngine()
const skip = engine === undefined && NO_ENGINE
const root = join(tmpdir(), `slipway-image-models-${process.pid}`)
const TOKEN = 'slw_app.0123456789abcdef'
/** Packages that were never compressed here take their time. */
const FIRST_MS = 600_000
const CONFINED = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges']
const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))

/** Versions of the control process that answer by each kind of backend. */
const KINDS = { native: '1', python: '2', onnx: '5' } as const
type Kind = keyof typeof KINDS

describe('an image with a model', { skip }, () => {
  let control: BatchControl
  before(async () => {
    mkdirSync(root, { recursive: true })
    const [models, python] = [await onnxModels(), await findPython('==3.11.*')]
    await onnxRuntime(testEnvFolder())
    const request = await requestOf({ requires: '==3.11.*', packages: PACKAGES }, async () => undefined)
    const uv = { cacheFolder: join(testEnvFolder(), 'images'), offline: false, plan: null, say: () => undefined }
    const lock = await lockRequest(request, python, uv)
    const graph = join(models, 'value')
    const onnx = { dir: graph, python: null, native: null, onnx: { file: join(graph, 'model.onnx') }, reason: null }
    control = await startBatch({ '5': onnx }, lock)
  })
  after(async () => {
    await control?.stop()
    await engine?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  async function built(kind: Kind, purpose: 'serve' | 'batch'): Promise<{ image: string; digest: string }> {
    const dir = join(root, `${purpose}-${kind}`)
    const args = ['image', 'build', `m/${KINDS[kind]}`, '--for', purpose, '--out', `layout:${dir}:v1`, '--json']
    const { code, out, errors } = await control.slipway(args, { SLIPWAY_CACHE: TEST_CACHE }, FIRST_MS)
    assert.equal(code, 0, errors)
    const { digest } = JSON.parse(out) as { digest: string }
    return { image: await podman('pull', '--quiet', `oci:${dir}:v1`), digest }
  }

  /** The same rows for every kind; those of ONNX are of its own table. */
  function rowsOf(kind: Kind): readonly Record<string, unknown>[] {
    if (kind !== 'onnx') return control.table.slice(0, 40)
    const told = JSON.parse(readFileSync(join(root, 'onnx-rows.json'), 'utf8')) as Record<string, unknown>[]
    return told
  }

  async function asked(url: string, endpoint: string, token: string, rows: readonly object[]): Promise<unknown> {
    const reply = await fetch(`${url}/v1/endpoints/${endpoint}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ inputs: rows }),
    })
    const body = await reply.text()
    assert.equal(reply.status, 200, body)
    return (JSON.parse(body) as { predictions: unknown }).predictions
  }

  for (const kind of ['native', 'python', 'onnx'] as const) {
    it(`that answers by ${kind} answers as the server does, with a read-only root and no rights`, async () => {
      if (kind === 'onnx') {
        const { rows } = JSON.parse(readFileSync(join(await onnxModels(), 'expected.json'), 'utf8')) as {
          rows: readonly (readonly number[])[]
        }
        const named = rows.map((row) => Object.fromEntries(row.map((value, i) => ['abcd'[i], value])))
        writeFileSync(join(root, 'onnx-rows.json'), JSON.stringify(named))
        await control.deploy('e5', '5')
      }
      const { image } = await built(kind, 'serve')
      const port = await freePort()
      const settings = [`SLIPWAY_TOKEN=${TOKEN}`, `SLIPWAY_PORT=${port}`, 'SLIPWAY_HOST=127.0.0.1']
      const env = settings.flatMap((one) => ['--env', one])
      const id = await podman('run', '--detach', '--network=host', ...CONFINED, ...env, image)
      await answering(port, 60_000, () => podman('logs', id))
      const rows = rowsOf(kind)
      const outside = await asked(control.ready.gatewayUrl, `e${KINDS[kind]}`, control.ready.tokens.service, rows)
      assert.deepEqual(await asked(`http://127.0.0.1:${port}`, 'm', TOKEN, rows), outside)
      await podman('stop', '--time', '20', id)
      assert.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '0')
    })

    it(`that scores tables by ${kind} writes what batch-predict writes`, async () => {
      const { image } = await built(kind, 'batch')
      const data = join(root, `data-${kind}`)
      mkdirSync(data)
      chmodSync(data, 0o777)
      const rows = rowsOf(kind)
      writeFileSync(join(data, 'in.csv'), csvOf(rows))
      const run = (...args: string[]): Promise<string> =>
        podman('run', '--rm', '--network=none', ...CONFINED, '--volume', `${data}:/data`, image, ...args)
      const told = JSON.parse(await run('in.csv', 'out.csv', '--chunk', '7')) as object
      assert.deepEqual(told, {
        output: 'out.csv',
        rows: rows.length,
        failed: 0,
        chunks: Math.floor(rows.length / 7) + 1,
        resumed: 0,
        version: `m/${KINDS[kind]}`,
      })
      await control.done([`m/${KINDS[kind]}`, join(data, 'in.csv'), join(root, `outside-${kind}.csv`)])
      const outside = readFileSync(join(root, `outside-${kind}.csv`), 'utf8')
      assert.equal(readFileSync(join(data, 'out.csv'), 'utf8'), outside)
      assert.equal(outside.trimEnd().split('\n').length, rows.length + 1)
      await assert.rejects(run('in.csv', 'out.csv'), /out\.csv is there already/)
      await assert.rejects(run('in.csv'), /expected INPUT OUTPUT/)
      await assert.rejects(run('in.csv', 'out.txt'), /out\.txt.*\.csv or \.parquet/)
    })
  }

  it('is the same when it is built again', async () => {
    assert.equal((await built('python', 'serve')).digest, (await built('python', 'serve')).digest)
  })
})
