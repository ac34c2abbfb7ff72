/** A registry in memory that misbehaves as a test wants: what it has, whom it asks for credentials, where it breaks. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeRegistry {
  readonly host: string
  /** Blobs and manifests by `REPOSITORY/DIGEST` and `REPOSITORY/TAG`. */
  readonly blobs: Map<string, Buffer>
  readonly manifests: Map<string, { type: string; bytes: Buffer }>
  /** Requests in their order, as `METHOD PATH`. */
  readonly asked: { line: string; authorization: string | undefined }[]
  /** Asked before each request; true = it has answered or broken off. */
  misbehave: (
    request: IncomingMessage,
    reply: ServerResponse,
    body: () => Promise<Buffer>,
  ) => boolean | Promise<boolean>
  /** False = no mounts. */
  mounts: boolean
  close(): void
}

const sha = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** All of a body, also of one that breaks off. */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  try {
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECONNRESET') throw error
  }
  return Buffer.concat(parts)
}

export async function fakeRegistry(): Promise<FakeRegistry> {
  const registry: FakeRegistry = {
    host: '',
    blobs: new Map(),
    manifests: new Map(),
    asked: [],
    misbehave: () => false,
    mounts: true,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  const uploads = new Uploads(registry)
  const server = createServer((request, reply) => {
    const line = `${request.method} ${request.url}`
    registry.asked.push({ line, authorization: request.headers.authorization })
    let read: Promise<Buffer> | undefined
    const body = (): Promise<Buffer> => (read ??= bodyOf(request))
    void (async () => {
      if (await registry.misbehave(request, reply, body)) return
      await answer(request, reply, body)
    })()
  })

  async function answer(request: IncomingMessage, reply: ServerResponse, body: () => Promise<Buffer>): Promise<void> {
    const url = new URL(request.url ?? '', 'http://registry')
    const [, repository = '', kind = '', name = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? []
    const end = (status: number, headers: Record<string, string> = {}, content?: Buffer): void =>
      void reply.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : content)
    if (kind === 'manifests') {
      if (request.method === 'PUT') {
        const bytes = await body()
        const entry = { type: String(request.headers['content-type']), bytes }
        registry.manifests.set(`${repository}/${name}`, entry).set(`${repository}/${sha(bytes)}`, entry)
        return end(201, { 'docker-content-digest': sha(bytes) })
      }
      const found = registry.manifests.get(`${repository}/${name}`)
      if (found === undefined) return end(404)
      return end(200, { 'content-type': found.type, 'docker-content-digest': sha(found.bytes) }, found.bytes)
    }
    if (!name.startsWith('uploads/')) {
      const found = registry.blobs.get(`${repository}/${name}`)
      return found === undefined ? end(404) : end(200, { 'content-length': String(found.length) }, found)
    }
    return uploads.answer({ request, url, repository, id: name.slice('uploads/'.length), body, end })
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return Object.assign(registry, { host: `127.0.0.1:${(server.address() as AddressInfo).port}` })
}

interface Upload {
  readonly request: IncomingMessage
  readonly url: URL
  readonly repository: string
  readonly id: string
  readonly body: () => Promise<Buffer>
  readonly end: (status: number, headers?: Record<string, string>) => void
}

/** Uploads that are under way, as the specification of registries has them. */
class Uploads {
  readonly #registry: FakeRegistry
  readonly #open = new Map<string, Buffer>()
  #next = 0

  constructor(registry: FakeRegistry) {
    this.#registry = registry
  }

  async answer(upload: Upload): Promise<void> {
    const { request, repository, body, end } = upload
    if (this.#mounted(upload)) return end(201)
    const begins = request.method === 'POST'
    const id = begins ? `u${this.#next++}` : upload.id
    if (begins) this.#open.set(id, Buffer.alloc(0))
    const before = this.#open.get(id)
    if (before === undefined) return end(404)
    const bytes = await body()
    const start = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1] ?? before.length)
    if (request.method === 'PATCH' && start !== before.length) return end(416)
    const all = Buffer.concat([before, bytes])
    this.#open.set(id, all)
    if (request.method === 'PUT') return this.#finish(upload, all)
    const location = `/v2/${repository}/blobs/uploads/${id}`
    return end(request.method === 'GET' ? 204 : 202, { location, range: `0-${Math.max(0, all.length - 1)}` })
  }

  #mounted({ request, url, repository }: Upload): boolean {
    const [mount, from] = [url.searchParams.get('mount'), url.searchParams.get('from')]
    const lent = this.#registry.blobs.get(`${from}/${mount}`)
    if (request.method !== 'POST' || !this.#registry.mounts || lent === undefined) return false
    this.#registry.blobs.set(`${repository}/${mount}`, lent)
    return true
  }

  #finish({ url, repository, id, end }: Upload, all: Buffer): void {
    const digest = url.searchParams.get('digest') ?? ''
    if (sha(all) !== digest) return end(400)
    this.#registry.blobs.set(`${repository}/${digest}`, all)
    this.#open.delete(id)
    return end(201, { 'docker-content-digest': digest })
  }
}
