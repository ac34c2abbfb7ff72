/** One fault at each call of a push and of a pull: what a network or a registry does once costs nobody the image. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { egressStream } from '../../http/egress-stream.ts'
import { BlobFolder } from '../oci/blobs.ts'
import { digestOf, documentBytes, TYPES } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'
import { partsOf } from '../oci/graph.ts'
import { RemoteImage } from './image.ts'
import { fakeRegistry } from './registry.fixture.ts'
import type { FakeRegistry } from './registry.fixture.ts'
import { RegistrySession } from './session.ts'
import { pull, push } from './transfer.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-faults-'))
after(() => rmSync(folder, { recursive: true }))

/** True = it has answered, or broken off. */
type Fault = (
  request: IncomingMessage,
  reply: ServerResponse,
  body: () => Promise<Buffer>,
) => boolean | Promise<boolean>

const answers =
  (status: number, headers: Record<string, string> = {}): Fault =>
  async (_, reply, body) => {
    await body()
    reply.writeHead(status, headers).end('{"errors":[{"code":"X","message":"once"}]}')
    return true
  }

const FAULTS: Readonly<Record<string, Fault>> = {
  'a connection that is cut before anything was read': (request) => {
    request.socket.destroy()
    return true
  },
  'a connection that is cut when all was done': (request, reply) => {
    reply.writeHead = () => reply
    reply.end = () => {
      request.socket.destroy()
      return reply
    }
    return false
  },
  'a body that is cut in the middle': (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return false
    request.once('data', () => request.socket.destroy()).once('end', () => request.socket.destroy())
    return true
  },
  'an answer that is cut in the middle': (request, reply) => {
    if (request.method !== 'GET') return false
    const end = reply.end.bind(reply)
    reply.end = ((content?: Buffer) => {
      if (!Buffer.isBuffer(content)) return end()
      reply.write(content.subarray(0, content.length / 2))
      setImmediate(() => request.socket.destroy())
      return reply
    }) as typeof reply.end
    return false
  },
  'a limit': answers(429),
  'a server that restarts': answers(503),
  'a token that has ended': answers(401, { 'www-authenticate': 'Basic realm="x"' }),
}

function imageAt({ host }: FakeRegistry): RemoteImage {
  const fetch = egressStream({ allow: ['127.0.0.1'], silenceMs: 60_000 })
  const credentials = async () => ({ username: 'ada', password: 'x', refresh: false })
  const session = new RegistrySession(host, { fetch, credentials, pauses: [5, 5, 5] })
  return new RemoteImage(session, { kind: 'registry', host, repository: 'team/model', tag: 'v1', digest: undefined })
}

/** An index of one image, with one layer that is sent at once and one that is sent in parts. */
async function made(blobs: BlobFolder, large: number): Promise<Descriptor> {
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => ({
    mediaType,
    digest: await blobs.put(bytes),
    size: bytes.length,
  })
  const layer = 'application/vnd.oci.image.layer.v1.tar'
  const layers = [await put(layer, randomBytes(1000)), await put(layer, randomBytes(large))]
  const rootfs = { type: 'layers', diff_ids: [] }
  const config = await put(TYPES.config, documentBytes({ architecture: 'amd64', os: 'linux', rootfs }))
  const manifest = documentBytes({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers })
  const manifests = [await put(TYPES.manifest, manifest)]
  return put(TYPES.index, documentBytes({ schemaVersion: 2, mediaType: TYPES.index, manifests }))
}

const blobs = new BlobFolder(join(folder, 'made'))
/** Of a layer that is sent in two parts, and of one that is quickly fetched. */
const [root, quick] = [await made(blobs, 17 * 1024 * 1024), await made(blobs, 1024 * 1024)]
const say = (): void => undefined
let folders = 0

/** All that the image is made of, and its tag, lie in the registry; it takes no blob that is not what its digest says. */
async function isWhole({ blobs: kept, manifests }: FakeRegistry): Promise<void> {
  const parts = await partsOf(blobs, root)
  for (const { digest, size } of parts.blobs) assert.equal(kept.get(`team/model/${digest}`)?.length, size, digest)
  for (const { digest } of parts.manifests) assert.ok(manifests.has(`team/model/${digest}`), digest)
  assert.deepEqual(manifests.get('team/model/v1')?.bytes, await blobs.bytes(root.digest))
}

const pushTo = (registry: FakeRegistry, one = root): Promise<unknown> =>
  push({ from: blobs, root: one, to: imageAt(registry), say })

async function pullInto(registry: FakeRegistry, into: BlobFolder): Promise<void> {
  const image = imageAt(registry)
  await pull(image, await image.resolve(), into, say)
}

/** How many calls an act makes of a registry without a fault. */
async function callsOf(registry: FakeRegistry, act: () => Promise<unknown>): Promise<number> {
  const before = registry.asked.length
  await act()
  return registry.asked.length - before
}

/** Does something of a registry whose call of this number, from now on, meets the fault. */
async function meeting<T>(registry: FakeRegistry, at: number, fault: Fault, act: () => Promise<T>): Promise<T> {
  let number = 0
  registry.misbehave = (request, reply, body) => number++ === at && fault(request, reply, body)
  try {
    return await act()
  } finally {
    registry.misbehave = () => false
  }
}

for (const [what, fault] of Object.entries(FAULTS))
  describe(`${what}, at any call`, () => {
    it('of a push leaves the whole image there', async () => {
      const counted = await fakeRegistry()
      const calls = await callsOf(counted, () => pushTo(counted))
      counted.close()
      for (let at = 0; at < calls; at++) {
        const registry = await fakeRegistry()
        try {
          await meeting(registry, at, fault, () => pushTo(registry))
          await isWhole(registry)
        } catch (error) {
          throw new Error(`at call ${at}: ${registry.asked[at]?.line}`, { cause: error })
        } finally {
          registry.close()
        }
      }
    })

    it('of a pull brings the image, or says so and the next pull brings what is left', async (t) => {
      const registry = await fakeRegistry()
      t.after(() => registry.close())
      await pushTo(registry, quick)
      const calls = await callsOf(registry, () => pullInto(registry, new BlobFolder(join(folder, `p${folders++}`))))
      for (let at = 0; at < calls; at++) {
        const place = join(folder, `p${folders++}`)
        const into = new BlobFolder(place)
        const failed = await meeting(registry, at, fault, () => pullInto(registry, into)).then(
          () => undefined,
          (error: { code?: unknown }) => error.code,
        )
        assert.ok(failed === undefined || failed === 'upstream_failed', `at call ${at}: ${String(failed)}`)
        await pullInto(registry, into)
        for (const { digest } of (await partsOf(blobs, quick)).blobs)
          assert.equal(digestOf(readFileSync(into.path(digest))), digest, `at call ${at}`)
        rmSync(place, { recursive: true })
      }
    })
  })
