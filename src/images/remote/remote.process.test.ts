/** Registries that ask for credentials, break off, lie and lack things; and what is never sent to whom. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { until } from '../../../test/until.ts'
import { egressStream } from '../../http/egress-stream.ts'
import { BlobFolder } from '../oci/blobs.ts'
import { documentBytes, TYPES } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'
import { readChallenge } from './challenge.ts'
import { dockerCredentials } from './credentials.ts'
import type { Credentials } from './credentials.ts'
import { RemoteImage } from './image.ts'
import { fakeRegistry } from './registry.fixture.ts'
import type { FakeRegistry } from './registry.fixture.ts'
import { RegistrySession } from './session.ts'
import { pull, push } from './transfer.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-remote-'))
after(() => rmSync(root, { recursive: true }))
let registry: FakeRegistry
beforeEach(async () => {
  registry = await fakeRegistry()
})
afterEach(() => registry.close())

const SECRET = 'hunter2-very-secret'
const none = async (): Promise<undefined> => undefined
const ada = async (): Promise<Credentials> => ({ username: 'ada', password: SECRET, refresh: false })
let folders = 0
const fresh = (): BlobFolder => new BlobFolder(join(root, `b${folders++}`))

function imageAt(
  repository: string,
  tag = 'v1',
  credentials: () => Promise<Credentials | undefined> = none,
  fetch = egressStream({ allow: ['127.0.0.1'], silenceMs: 60_000 }),
): RemoteImage {
  const session = new RegistrySession(registry.host, { fetch, credentials, pauses: [5, 5] })
  return new RemoteImage(session, { kind: 'registry', host: registry.host, repository, tag, digest: undefined })
}

/** An image of one small and one large layer, whose content nobody has yet. */
async function made(blobs: BlobFolder, large = 40 * 1024 * 1024): Promise<{ root: Descriptor; large: string }> {
  const layers: Descriptor[] = []
  for (const size of [100, large]) {
    const bytes = randomBytes(size)
    layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: await blobs.put(bytes), size })
  }
  const config = documentBytes({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } })
  const manifest = documentBytes({
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: { mediaType: TYPES.config, digest: await blobs.put(config), size: config.length },
    layers,
  })
  return {
    root: { mediaType: TYPES.manifest, digest: await blobs.put(manifest), size: manifest.length },
    large: layers[1]?.digest ?? '',
  }
}

const say = (): void => undefined
const lines = (): string[] => registry.asked.map(({ line }) => line)
const sha = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe('a push', () => {
  it('sends blobs before the manifest, large ones in parts, and a pull brings the same bytes back', async () => {
    const from = fresh()
    const { root, large } = await made(from)
    assert.partialDeepStrictEqual(await push({ from, root, to: imageAt('a'), say }), { sent: 3, there: 0 })
    assert.equal(lines().filter((line) => line.startsWith('PATCH')).length, 3)
    assert.match(lines().at(-1) ?? '', /^PUT \/v2\/a\/manifests\/v1$/)
    assert.equal(sha(registry.blobs.get(`a/${large}`) ?? Buffer.alloc(0)), large)
    const to = fresh()
    const image = imageAt('a')
    await pull(image, await image.resolve(), to, say)
    assert.equal(await to.has({ digest: large, size: 40 * 1024 * 1024 }), true)
  })

  it('goes on where it was cut off: no part that arrived is sent again', async () => {
    const from = fresh()
    const { root, large } = await made(from)
    let cuts = 0
    registry.misbehave = async (request, _reply, body) => {
      if (request.method !== 'PATCH' || request.headers['content-range']?.startsWith('16777216-') !== true || cuts > 0)
        return false
      cuts += 1
      await new Promise((done) => request.once('data', done))
      request.socket.destroy()
      await body()
      return true
    }
    await push({ from, root, to: imageAt('a'), say })
    assert.equal(cuts, 1)
    assert.equal(sha(registry.blobs.get(`a/${large}`) ?? Buffer.alloc(0)), large)
    const ranges = lines().filter((line) => /^(?:PATCH|GET) /.test(line)).length
    // three parts, one of them twice, and the question how far it came
    assert.equal(ranges, 5)
  })

  it('says so where the registry has forgotten what it had, and sends it from its start', async () => {
    const from = fresh()
    const { root, large } = await made(from)
    let cuts = 0
    registry.misbehave = async (request, reply, body) => {
      if (request.method === 'PATCH' && cuts === 0) {
        cuts += 1
        await body()
        reply.writeHead(503).end()
        return true
      }
      if (request.method !== 'GET' || cuts !== 1) return false
      cuts += 1
      reply.writeHead(404).end()
      return true
    }
    const said: string[] = []
    await push({ from, root, to: imageAt('a'), say: (line) => said.push(line) })
    assert.equal(sha(registry.blobs.get(`a/${large}`) ?? Buffer.alloc(0)), large)
    const short = large.slice(7, 19)
    assert.ok(
      said.includes(`the registry has forgotten what it had of ${short}, which is sent from its start`),
      said.join('\n'),
    )
  })

  it('is given up where the registry never takes a part, and says so', async () => {
    const from = fresh()
    const { root } = await made(from)
    registry.misbehave = (request, reply) => {
      if (request.method !== 'PATCH') return false
      request.resume()
      reply.writeHead(500).end()
      return true
    }
    await assert.rejects(push({ from, root, to: imageAt('a'), say }), {
      code: 'upstream_failed',
      message: /does not take sha256/,
    })
    assert.ok(!lines().some((line) => line.includes('/manifests/')), 'no manifest of half an image')
  })

  it('mounts what another repository has, and sends it where there are no mounts', async () => {
    const from = fresh()
    const { root, large } = await made(from, 1000)
    await push({ from, root, to: imageAt('base'), say })
    const bare = fresh()
    for (const digest of [root.digest]) await bare.put(await from.bytes(digest))
    const lender = imageAt('base')
    assert.partialDeepStrictEqual(await push({ from: bare, root, to: imageAt('app'), lenders: [lender], say }), {
      mounted: 3,
      sent: 0,
    })
    assert.equal(await bare.size(large), undefined, 'it was never fetched')
    registry.mounts = false
    assert.partialDeepStrictEqual(await push({ from: bare, root, to: imageAt('other'), lenders: [lender], say }), {
      mounted: 0,
      sent: 3,
    })
    assert.equal(sha(registry.blobs.get(`other/${large}`) ?? Buffer.alloc(0)), large)
  })

  it('to a registry that says that it kept something else is an error', async () => {
    const from = fresh()
    const { root } = await made(from, 1000)
    registry.misbehave = (request, reply) => {
      if (request.method !== 'PUT' || request.url?.includes('/manifests/') !== true) return false
      request.resume()
      reply.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end()
      return true
    }
    await assert.rejects(push({ from, root, to: imageAt('a'), say }), {
      code: 'upstream_failed',
      message: /kept sha256:0/,
    })
  })
})

describe('a pull', () => {
  let digest = ''
  beforeEach(async () => {
    const from = fresh()
    const { root } = await made(from, 1000)
    digest = root.digest
    await push({ from, root, to: imageAt('a'), say })
  })

  it('from a registry that lies about a manifest or a blob takes nothing', async () => {
    const [, second] = [...registry.blobs]
    registry.blobs.set(second?.[0] ?? '', randomBytes(second?.[1].length ?? 0))
    const image = imageAt('a')
    const to = fresh()
    await assert.rejects(pull(image, await image.resolve(), to, say), {
      code: 'upstream_failed',
      message: /it lies: it gave/,
    })
    const other = documentBytes({ schemaVersion: 2, manifests: [] })
    registry.manifests.set('a/v1', { type: TYPES.index, bytes: other })
    registry.misbehave = (request, reply) => {
      if (request.url !== '/v2/a/manifests/v1') return false
      reply.writeHead(200, { 'content-type': TYPES.index, 'docker-content-digest': digest }).end(other)
      return true
    }
    await assert.rejects(imageAt('a').resolve(), { code: 'upstream_failed', message: /it lies: it gave/ })
  })

  it('that is cut off in the middle of a layer keeps no half of it, and the next one brings only what is missing', async () => {
    const image = imageAt('a')
    const root = await image.resolve()
    const { layers } = JSON.parse(registry.manifests.get('a/v1')?.bytes.toString() ?? '') as { layers: Descriptor[] }
    const [small, large] = layers
    assert.ok(small !== undefined)
    const to = fresh()
    registry.misbehave = (request, reply) => {
      if (request.url !== `/v2/a/blobs/${large?.digest}`) return false
      reply.writeHead(200, { 'content-length': large?.size })
      // it is cut off once the other layer is here: what comes at the same time may be given up with it
      const cut = async (): Promise<void> => {
        await until('the other layer', () => to.has(small))
        reply.destroy()
      }
      reply.write(registry.blobs.get(`a/${large?.digest}`)?.subarray(0, (large?.size ?? 0) / 2), () => void cut())
      return true
    }
    await assert.rejects(pull(image, root, to, say), { code: 'upstream_failed' })
    assert.equal(await to.has({ digest: large?.digest ?? '', size: large?.size ?? 0 }), false)
    registry.misbehave = () => false
    const before = lines().length
    await pull(image, root, to, say)
    assert.equal(await to.has({ digest: large?.digest ?? '', size: large?.size ?? 0 }), true)
    assert.ok(!lines().slice(before).includes(`GET /v2/a/blobs/${small.digest}`))
  })

  it('of a document without end is stopped', async () => {
    registry.misbehave = (_request, reply) => {
      reply.writeHead(200, { 'content-type': TYPES.manifest })
      for (let i = 0; i < 80; i++) reply.write(Buffer.alloc(65_536, ' '))
      reply.end()
      return true
    }
    await assert.rejects(imageAt('a').resolve(), { code: 'upstream_failed', message: /more than 4194304 bytes/ })
  })

  it('follows a redirect to storage without its credentials, and not in circles', async () => {
    const storage = createServer((request, reply) => {
      seen.push(request)
      reply.end(registry.blobs.get(`a/${request.url?.slice(1)}`))
    })
    const seen: IncomingMessage[] = []
    await new Promise<void>((done) => storage.listen(0, '127.0.0.1', done))
    try {
      const other = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`
      registry.misbehave = (request, reply) => {
        if (request.headers.authorization === undefined)
          reply.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        else if (request.method === 'GET' && request.url?.includes('/blobs/') === true)
          reply.writeHead(307, { location: `${other}/${request.url.split('/').at(-1)}` }).end()
        else return false
        return true
      }
      const image = imageAt('a', 'v1', ada)
      await pull(image, await image.resolve(), fresh(), say)
      assert.ok(seen.length > 0)
      assert.deepEqual([...new Set(seen.map(({ headers }) => headers.authorization))], [undefined])
    } finally {
      storage.close()
      storage.closeAllConnections()
    }
    registry.misbehave = (request, reply) => {
      reply.writeHead(307, { location: request.url }).end()
      return true
    }
    await assert.rejects(imageAt('a').resolve(), { code: 'upstream_failed', message: /redirects without end/ })
  })
})

describe('credentials', () => {
  /** A registry that wants a token, and a token server in it that wants a password. */
  const wantsToken = (valid: { tokens: Set<string>; refuse?: boolean }, asked: string[]) => {
    registry.misbehave = async (request, reply, body) => {
      if (request.url?.startsWith('/token') === true) {
        asked.push(
          `${request.method} ${request.headers.authorization ?? ''} ${request.method === 'POST' ? (await body()).toString() : request.url}`,
        )
        if (valid.refuse === true) reply.writeHead(401).end(SECRET)
        else {
          const token = `t${valid.tokens.size}`
          valid.tokens.add(token)
          reply.end(JSON.stringify({ access_token: token }))
        }
        return true
      }
      if (valid.tokens.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) return false
      request.resume()
      const header = `Bearer realm="http://${registry.host}/token",service="reg",scope="repository:a:pull,push"`
      reply.writeHead(401, { 'www-authenticate': header }).end()
      return true
    }
  }

  /** Such a registry, whose tokens run out at the second request of a kind; gives what its token server is asked. */
  const tokenRunsOut = (isOfKind: (request: IncomingMessage) => boolean): string[] => {
    const valid = { tokens: new Set<string>() }
    const asked: string[] = []
    wantsToken(valid, asked)
    const inner = registry.misbehave
    let requests = 0
    registry.misbehave = (request, reply, body) => {
      if (isOfKind(request) && ++requests === 2) valid.tokens = new Set()
      return inner(request, reply, body)
    }
    return asked
  }

  it('become a token, and a new one when it runs out in the middle of an upload', async () => {
    const asked = tokenRunsOut(({ method }) => method === 'PATCH')
    const from = fresh()
    const { root, large } = await made(from)
    await push({ from, root, to: imageAt('a', 'v1', ada), say })
    assert.equal(sha(registry.blobs.get(`a/${large}`) ?? Buffer.alloc(0)), large)
    const basic = `Basic ${Buffer.from(`ada:${SECRET}`).toString('base64')}`
    assert.ok(
      asked.every((line) => line.startsWith(`GET ${basic} /token?service=reg&scope=repository%3Aa%3Apull%2Cpush`)),
      asked[0],
    )
  })

  it('become a new token when it runs out in the middle of a pull', async () => {
    const from = fresh()
    const { root, large } = await made(from)
    await push({ from, root, to: imageAt('a'), say })
    const asked = tokenRunsOut(({ url }) => url?.startsWith('/v2/a/blobs/') === true)
    const image = imageAt('a', 'v1', ada)
    const to = fresh()
    await pull(image, await image.resolve(), to, say)
    assert.equal(await to.has({ digest: large, size: 40 * 1024 * 1024 }), true)
    assert.ok(asked.length > 1, asked.join())
  })

  it('that are a refresh token are exchanged as Azure’s registry wants it', async () => {
    const asked: string[] = []
    wantsToken({ tokens: new Set() }, asked)
    const from = fresh()
    const { root } = await made(from, 1000)
    const azure = async (): Promise<Credentials> => ({
      username: '00000000-0000-0000-0000-000000000000',
      password: SECRET,
      refresh: true,
    })
    await push({ from, root, to: imageAt('a', 'v1', azure), say })
    const form = new URLSearchParams(asked[0]?.split(' ').at(-1))
    assert.deepEqual(Object.fromEntries(form), {
      grant_type: 'refresh_token',
      client_id: 'slipway',
      service: 'reg',
      scope: 'repository:a:pull,push',
      refresh_token: SECRET,
    })
  })

  it('that are refused, missing or asked for in a way that is not known end with what to do, and no secret', async () => {
    const from = fresh()
    const { root } = await made(from, 1000)
    const failing = async (credentials = ada as () => Promise<Credentials | undefined>): Promise<void> => {
      const error = await push({ from, root, to: imageAt('a', 'v1', credentials), say }).then(
        () => undefined,
        (fault: Error) => fault,
      )
      assert.match(error?.message ?? '', new RegExp(`wants credentials.*docker login ${registry.host}`))
      assert.doesNotMatch(`${error?.message} ${error?.stack}`, new RegExp(SECRET))
    }
    wantsToken({ tokens: new Set(), refuse: true }, [])
    await failing()
    registry.misbehave = (request, reply) => {
      request.resume()
      reply.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    await failing()
    await failing(none)
    registry.misbehave = (request, reply) => {
      request.resume()
      reply.writeHead(401).end()
      return true
    }
    await failing()
    assert.ok(registry.asked.length < 30, 'it does not try for ever')
  })

  it('go to no token server in a private network that the registry names', async () => {
    registry.misbehave = (request, reply) => {
      request.resume()
      reply.writeHead(401, { 'www-authenticate': 'Bearer realm="http://169.254.169.254/latest",service="x"' }).end()
      return true
    }
    await assert.rejects(imageAt('a', 'v1', ada).resolve(), { code: 'invalid_field', message: /private/ })
  })

  it('of Docker Hub are asked for where its registry is', () => {
    const session = new RegistrySession('docker.io', {
      fetch: egressStream({ allow: [] }),
      credentials: async () => undefined,
    })
    assert.equal(
      session.url('library/python/manifests/3'),
      'https://registry-1.docker.io/v2/library/python/manifests/3',
    )
  })

  it('are asked for by headers of many forms', () => {
    const realm = 'https://auth.example/token'
    for (const [header, expected] of [
      [`Bearer realm="${realm}",service="s",scope="a b"`, { scheme: 'bearer', realm, service: 's', scope: 'a b' }],
      [`bearer service=s , realm="${realm}"`, { scheme: 'bearer', realm, service: 's', scope: undefined }],
      [
        `Basic realm="x, y", Bearer realm="${realm}"`,
        { scheme: 'bearer', realm, service: undefined, scope: undefined },
      ],
      ['Basic', { scheme: 'basic', realm: '', service: undefined, scope: undefined }],
      ['Bearer service="s"', undefined],
      ['Negotiate', undefined],
      ['', undefined],
      [undefined, undefined],
      [`Bearer realm="${'x'.repeat(9000)}"`, undefined],
    ] as const)
      assert.deepEqual(readChallenge(header), expected, String(header))
  })
})

describe('what docker and podman keep', () => {
  const home = join(root, 'docker')
  const auth = Buffer.from(`ada:${SECRET}`).toString('base64')
  before(() => {
    mkdirSync(join(root, 'bin'))
    const helper = (name: string, body: string): void => {
      const file = join(root, 'bin', `docker-credential-${name}`)
      writeFileSync(file, `#!/bin/sh\nread host\n${body}\n`)
      chmodSync(file, 0o755)
    }
    helper('works', 'echo "{\\"Username\\":\\"u-$host\\",\\"Secret\\":\\"s\\"}"')
    helper('token', 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"r\\"}"')
    helper('none', 'echo "credentials not found in native keychain"; exit 1')
    helper('fails', `echo "${SECRET}"; exit 1`)
    process.env['PATH'] = `${join(root, 'bin')}:${process.env['PATH']}`
    mkdirSync(home)
  })
  const found = (config: unknown, host = 'r.example') => {
    writeFileSync(join(home, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
    return dockerCredentials({ DOCKER_CONFIG: home })(host)
  }

  it('is found by the host, in the file or by its helper', async () => {
    const plain = { username: 'ada', password: SECRET, refresh: false }
    assert.deepEqual(await found({ auths: { 'r.example': { auth } } }), plain)
    assert.deepEqual(await found({ auths: { 'https://r.example/v1/': { auth } } }), plain)
    assert.deepEqual(await found({ auths: { 'r.example': { auth: '', identitytoken: 'r' } } }), {
      username: '',
      password: 'r',
      refresh: true,
    })
    assert.deepEqual(await found({ auths: { 'r.example': {} }, credsStore: 'works' }), {
      username: 'u-r.example',
      password: 's',
      refresh: false,
    })
    assert.deepEqual(await found({ credHelpers: { 'r.example': 'token' }, credsStore: 'works' }), {
      username: '<token>',
      password: 'r',
      refresh: true,
    })
    assert.equal(await found({ credsStore: 'none' }), undefined)
    assert.equal(await found({ auths: { 'other.example': { auth } } }), undefined)
    assert.equal(await found({ auths: { 'r.example.evil': { auth } } }), undefined)
    assert.equal(await dockerCredentials({ DOCKER_CONFIG: join(root, 'nowhere') })('r.example'), undefined)
  })

  it('that is broken, or a helper that fails, is told without what it holds', async () => {
    for (const config of ['{', '[]', { auths: { 'r.example': { auth: 5 } } }])
      await assert.rejects(found(config), { code: 'unprocessable', message: /config\.json is not as docker writes it/ })
    for (const [name, said] of [
      ['fails', /ended with 1/],
      ['missing', /not on the PATH/],
      ['../../bin/sh', /no name of a helper/],
    ] as const) {
      const error = await found({ credsStore: name }).then(
        () => undefined,
        (fault: Error) => fault,
      )
      assert.match(error?.message ?? '', said)
      assert.doesNotMatch(error?.message ?? '', new RegExp(SECRET))
    }
  })
})
