/** Images with one model of each kind, run by podman: what they answer is what the gateway and batch-predict of the server answer. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
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
import { freePort } from '../programs/free-port.ts'
import { answering, NO_ENGINE, startEngine } from './engine.ts'
import { findCrane, NO_CRANE, NO_REGISTRY, startRegistry } from './registry.ts'

const engine = startEngine()
const skip = engine === undefined && NO_ENGINE
const root = join(tmpdir(), `slipway-image-models-${process.pid}`)
const TOKEN = 'slw_app.0123456789abcdef'
/** Packages that were never compressed here take their time: three minutes of CPU, on a machine that does other things too. */
const FIRST_MS = 1_200_000
const CONFINED = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges']
const podman = (...args: string[]): Promise<string> => engine?.podman(...args) ?? Promise.reject(new Error(NO_ENGINE))

/** Of an ELF header: EM_X86_64 and EM_AARCH64. */
const MACHINES: Readonly<Record<string, number>> = { amd64: 62, arm64: 183 }
const LIBRARIES = { python: /sklearn\/.*\.so$/, onnx: /libonnxruntime\.so[.\d]*$/ } as const

/** The programs and libraries in layers of a layout, each with the processor it says it is for. */
async function elves(dir: string, layers: readonly string[]): Promise<{ path: string; machine: number }[]> {
  const to = mkdtempSync(join(root, 'layers-'))
  for (const digest of layers)
    await run('tar', ['-xzf', join(dir, 'blobs', digest.replace(':', '/')), '-C', to, '--no-same-owner'])
  const files = readdirSync(to, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const found = files.flatMap(({ parentPath, name }) => {
    const head = headOf(join(parentPath, name))
    const isElf = head.subarray(0, 4).toString('latin1') === '\x7fELF'
    return isElf ? [{ path: join(parentPath, name).slice(to.length), machine: head.readUInt16LE(18) }] : []
  })
  rmSync(to, { recursive: true, force: true })
  return found
}

function headOf(file: string): Buffer {
  const head = Buffer.alloc(20)
  const opened = openSync(file, 'r')
  try {
    readSync(opened, head)
  } finally {
    closeSync(opened)
  }
  return head
}

const run = promisify(execFile)
const skopeo = async (...args: string[]): Promise<string> => (await run('skopeo', args)).stdout

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
      await answering(port, () => podman('logs', id))
      const rows = rowsOf(kind)
      const outside = await asked(control.ready.gatewayUrl, `e${KINDS[kind]}`, control.ready.tokens.service, rows)
      assert.deepEqual(await asked(`http://127.0.0.1:${port}`, 'm', TOKEN, rows), outside)
      await podman('stop', '--time', '120', id)
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

  for (const kind of ['python', 'onnx'] as const)
    it(`that answers by ${kind} is made for arm64 on this machine, with nothing of another processor in it`, async (t) => {
      const dir = join(root, `both-${kind}`)
      const args = ['image', 'build', `m/${KINDS[kind]}`, '--out', `layout:${dir}:v1`]
      const platforms = ['amd64', 'arm64'].flatMap((one) => ['--platform', `linux/${one}`])
      const { code, errors } = await control.slipway([...args, ...platforms], { SLIPWAY_CACHE: TEST_CACHE }, FIRST_MS)
      assert.equal(code, 0, errors)
      for (const [architecture, machine] of Object.entries(MACHINES)) {
        const told = await skopeo('--override-os=linux', `--override-arch=${architecture}`, 'inspect', `oci:${dir}:v1`)
        const { Architecture, Layers } = JSON.parse(told) as { Architecture: string; Layers: string[] }
        assert.equal(Architecture, architecture)
        const found = await elves(dir, Layers)
        const names = found.map(({ path }) => path)
        assert.ok(names.some((path) => path.endsWith('/node')) && names.some((path) => LIBRARIES[kind].test(path)))
        assert.deepEqual(
          found.filter((one) => one.machine !== machine),
          [],
        )
      }
      await judged(dir, t)
    })

  /** What crane says of the index and its images, in a registry. */
  async function judged(dir: string, t: TestContext): Promise<void> {
    const [registry, crane] = [await startRegistry(), await findCrane()]
    if (registry === undefined || crane === undefined) {
      t.diagnostic(registry === undefined ? NO_REGISTRY : NO_CRANE)
      return registry?.stop()
    }
    try {
      const name = `${registry.host}/both/m:v1`
      const { code, errors } = await control.slipway(['image', 'push', `layout:${dir}:v1`, name], {}, FIRST_MS)
      assert.equal(code, 0, errors)
      assert.match(await crane('validate', '--remote', name), /PASS/)
      const { manifests } = JSON.parse(await crane('manifest', name)) as { manifests: { platform: object }[] }
      assert.deepEqual(
        manifests.map(({ platform }) => platform),
        Object.keys(MACHINES).map((architecture) => ({ architecture, os: 'linux' })),
      )
    } finally {
      registry.stop()
    }
  }

  it('is the same when it is built again', async () => {
    assert.equal((await built('python', 'serve')).digest, (await built('python', 'serve')).digest)
  })
})
