/** An image in a registry: documents and blobs that are checked against their digests as they come. */
import { createHash } from 'node:crypto'
import { problem } from '../../contract/errors.ts'
import type { Problem } from '../../contract/errors.ts'
import { ifJson } from '../../contract/absence/absent.ts'
import { wholeBody } from '../../http/egress-stream.ts'
import type { StreamReply } from '../../http/egress-stream.ts'
import { DIGEST, digestOf, MOST_DOCUMENT, TYPES } from '../oci/documents.ts'
import type { Descriptor } from '../oci/documents.ts'
import { referenceText } from '../oci/reference.ts'
import type { RegistryReference } from '../oci/reference.ts'
import type { RegistrySession } from './session.ts'

const ACCEPT = [TYPES.index, TYPES.manifest, TYPES.dockerList, TYPES.dockerManifest].join(', ')

export class RemoteImage {
  readonly session: RegistrySession
  readonly reference: RegistryReference
  /** What is known to be a manifest, and so lies elsewhere than blobs. */
  readonly #manifests = new Set<string>()

  constructor(session: RegistrySession, reference: RegistryReference) {
    this.session = session
    this.reference = reference
  }

  get name(): string {
    return referenceText(this.reference)
  }

  /** What the tag or digest of the reference names now; undefined where the registry has none. Throws `upstream_failed` where it says another digest than that of its bytes. */
  async find(): Promise<Descriptor | undefined> {
    const { tag, digest } = this.reference
    const reply = await this.#get(`manifests/${digest ?? tag ?? 'latest'}`, { accept: ACCEPT })
    if (reply.status === 404) {
      reply.body.destroy()
      return undefined
    }
    const bytes = await this.#document(reply)
    const [own, said] = [digestOf(bytes), reply.headers['docker-content-digest'] ?? digest]
    if (own !== (digest ?? own) || own !== (said ?? own)) throw this.#lies(String(digest ?? said), own)
    this.#learn(own, bytes)
    return { mediaType: mediaTypeOf(bytes, reply), digest: own, size: bytes.length }
  }

  /** As `find`, of what has to be there. Throws `not_found`. */
  async resolve(): Promise<Descriptor> {
    const found = await this.find()
    if (found === undefined) throw problem('not_found', { what: 'image', id: this.name })
    return found
  }

  /** A manifest or configuration. */
  async bytes(digest: string): Promise<Buffer> {
    if (!DIGEST.test(digest))
      throw problem('invalid_field', { field: 'digest', value: digest, expected: 'sha256: and 64 digits' })
    const isManifest = this.#manifests.has(digest)
    const headers: Record<string, string> = isManifest ? { accept: ACCEPT } : {}
    const reply = await this.#get(`${isManifest ? 'manifests' : 'blobs'}/${digest}`, headers)
    if (reply.status === 404) {
      reply.body.destroy()
      throw problem('not_found', { what: `blob in ${this.name}`, id: digest })
    }
    const bytes = await this.#document(reply)
    if (digestOf(bytes) !== digest) throw this.#lies(digest, digestOf(bytes))
    this.#learn(digest, bytes)
    return bytes
  }

  /** The bytes of a blob; whoever reads to the end is told when they are not what the digest says. */
  async *stream(digest: string): AsyncGenerator<Buffer> {
    const reply = await this.#get(`blobs/${digest}`)
    if (reply.status !== 200) throw await this.failure(reply, `the blob ${digest}`)
    const hash = createHash('sha256')
    for await (const part of reply.body as AsyncIterable<Buffer>) {
      hash.update(part)
      yield part
    }
    const found = `sha256:${hash.digest('hex')}`
    if (found !== digest) throw this.#lies(digest, found)
  }

  /** Why an answer is none, with the words of the registry. */
  async failure(reply: StreamReply, what: string): Promise<Problem> {
    const text = (await wholeBody(reply, 64 * 1024, what)).toString('utf8')
    const said = ifJson(text) as { errors?: { code?: unknown; message?: unknown }[] } | undefined
    const [first] = Array.isArray(said?.errors) ? said.errors : []
    const words = first === undefined ? '' : ` (${String(first.code)}: ${String(first.message)})`.slice(0, 100)
    const detail = `${what}: it answers ${reply.status}${words}`
    return problem('upstream_failed', { what: `the registry ${this.reference.host}`, detail })
  }

  #get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<StreamReply> {
    const { repository } = this.reference
    return this.session.call({
      method: 'GET',
      path: `${repository}/${path}`,
      headers,
      scope: `repository:${repository}:pull`,
    })
  }

  async #document(reply: StreamReply): Promise<Buffer> {
    if (reply.status !== 200) throw await this.failure(reply, this.name)
    return wholeBody(reply, MOST_DOCUMENT, this.name)
  }

  /** What an index names are manifests. */
  #learn(digest: string, bytes: Buffer): void {
    const value = ifJson(bytes.toString('utf8')) as { manifests?: { digest?: unknown }[] } | undefined
    const below = Array.isArray(value?.manifests) ? value.manifests.map((one) => String(one?.digest)) : []
    if (this.#manifests.size === 0) this.#manifests.add(digest)
    for (const one of below) this.#manifests.add(one)
  }

  #lies(wanted: string, found: string): Error {
    const detail = `it lies: it gave ${found} for ${wanted}`
    return problem('upstream_failed', { what: `the registry ${this.reference.host}`, detail })
  }
}

function mediaTypeOf(bytes: Buffer, reply: StreamReply): string {
  const said = (ifJson(bytes.toString('utf8')) as { mediaType?: unknown } | undefined)?.mediaType
  return typeof said === 'string'
    ? said
    : (reply.headers['content-type'] ?? TYPES.manifest).split(';')[0]?.trim() || TYPES.manifest
}
