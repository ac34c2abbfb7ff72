/** Signatures of model folders in the format of OpenSSF model signing v1.0: an in-toto statement in a DSSE envelope in a Sigstore bundle. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** A file and its `sha256:` digest. */
export interface SignedFile {
  readonly path: string
  readonly digest: string
}

/** What a signature says of a model. */
export interface Manifest {
  readonly name: string
  readonly files: readonly SignedFile[]
  /** Paths that the signer left out, with what lies below them. */
  readonly ignored: readonly string[]
}

/** Why a bundle or key is refused, in words for people. */
export class SignatureFault extends Error {}

const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
/** The type of in-toto statements. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0'
/** What the format's own tool leaves out of a folder. */
const IGNORED = ['model.sig', '.git', '.gitattributes', '.github', '.gitignore'] as const
const HASHES: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }

/** Signs files with an elliptic-curve private key (PEM; P-256, P-384 or P-521) and returns the bundle's JSON. Throws SignatureFault. */
export function signFiles(name: string, files: readonly SignedFile[], privateKey: string, passphrase?: string): string {
  return signStatement(statementOf(name, files), privateKey, passphrase)
}

/** Signs an in-toto statement of any kind. Throws SignatureFault. */
export function signStatement(statement: object, privateKey: string, passphrase?: string): string {
  const key = readPrivate(privateKey, passphrase)
  const hash = hashOf(key)
  const payload = Buffer.from(JSON.stringify(statement))
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
  return JSON.stringify({
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyHint(pem) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: sign(hash, authenticated(payload), key).toString('base64'), keyid: '' }],
    },
  })
}

/** What a bundle says of a model when one of the public keys (PEM) has signed it, and which. Throws SignatureFault when none has or it is malformed. */
export function verifyBundle(bundle: string, keys: readonly string[]): { manifest: Manifest; key: string } {
  const { payload, key } = verifyPayload(bundle, keys)
  return { manifest: readStatement(payload), key }
}

/** What a bundle holds, whatever it is about, when one of the public keys (PEM) has signed it, and which. Throws SignatureFault as `verifyBundle`. */
export function verifyPayload(bundle: string, keys: readonly string[]): { payload: Buffer; key: string } {
  const { payload, signature, hint } = readBundle(bundle)
  for (const pem of keys) {
    const key = readPublic(pem)
    const own = keyHint(key.export({ type: 'spki', format: 'pem' }).toString())
    if (hint !== undefined && hint !== own) continue
    if (verify(hashOf(key), authenticated(payload), key, signature)) return { payload, key: own }
    throw new SignatureFault('its content was changed after it was signed')
  }
  throw new SignatureFault('none of the known keys has signed it')
}

/** The key that a bundle names (SHA-256 of it as PEM); undefined where it names none. Throws SignatureFault for what is no bundle. */
export function bundleKey(bundle: string): string | undefined {
  return readBundle(bundle).hint
}

/** What a bundle holds, whoever signed it. Throws SignatureFault for what is no bundle. */
export function bundlePayload(bundle: string): Buffer {
  return readBundle(bundle).payload
}

/** Names of files that differ from what was signed, each with what is wrong; empty when all is as it was signed. */
export function differences(manifest: Manifest, files: readonly SignedFile[]): string[] {
  const signed = new Map(manifest.files.map((file) => [file.path, file.digest]))
  const found = files.filter((file) => !isIgnored(manifest, file.path))
  const there = new Set(found.map((file) => file.path))
  const changed = found.flatMap(({ path, digest }) => {
    const expected = signed.get(path)
    if (expected === undefined) return [`${path} was not there when it was signed`]
    return expected === digest ? [] : [`${path} differs from what was signed`]
  })
  const missing = [...signed.keys()].filter((path) => !there.has(path))
  return [...changed, ...missing.map((path) => `${path} is missing`)]
}

/** The files that a signature of a folder covers. */
export function signable<T extends { readonly path: string }>(files: readonly T[]): T[] {
  return files.filter((file) => !isIgnored({ ignored: IGNORED }, file.path))
}

/** SHA-256 of a public key as PEM, in hex: how bundles name keys. */
export function keyHint(pem: string): string {
  return createHash('sha256')
    .update(readPublic(pem).export({ type: 'spki', format: 'pem' }))
    .digest('hex')
}

function isIgnored({ ignored }: Pick<Manifest, 'ignored'>, path: string): boolean {
  return ignored.some((one) => path === one || path.startsWith(`${one}/`))
}

function statementOf(name: string, given: readonly SignedFile[]): object {
  const files = signable(given).toSorted((a, b) => byParts(a.path, b.path))
  const all = createHash('sha256')
  const resources = files.map(({ path, digest }) => {
    const hex = digest.replace('sha256:', '')
    all.update(Buffer.from(hex, 'hex'))
    return { name: path, algorithm: 'sha256', digest: hex }
  })
  const serialization = { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: IGNORED }
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256: all.digest('hex') } }],
    predicateType: PREDICATE_TYPE,
    predicate: { serialization, resources },
  }
}

/** Paths in the order of their parts, as the format's own tool sorts them. */
function byParts(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return (left[i] ?? '') < (right[i] ?? '') ? -1 : 1
  }
  return left.length - right.length
}

/** DSSE's pre-authentication encoding: what the signature is of. */
function authenticated(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload])
}

function hashOf(key: KeyObject): string {
  const hash = HASHES[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (hash === undefined) throw new SignatureFault('the key is not of the curve P-256, P-384 or P-521')
  return hash
}

function readPrivate(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) })
  } catch (error) {
    throw new SignatureFault(`the private key cannot be read: ${(error as Error).message}`)
  }
}

function readPublic(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new SignatureFault(`the public key cannot be read: ${(error as Error).message}`)
  }
}

interface Envelope {
  readonly payload: Buffer
  readonly signature: Buffer
  readonly hint: string | undefined
}

function readBundle(text: string): Envelope {
  const bundle = readJson(text, 'the bundle')
  if (bundle['mediaType'] !== MEDIA_TYPE) throw new SignatureFault(`the bundle is not of the type ${MEDIA_TYPE}`)
  const envelope = asObject(bundle['dsseEnvelope'])
  if (envelope['payloadType'] !== PAYLOAD_TYPE) throw new SignatureFault(`the envelope does not hold ${PAYLOAD_TYPE}`)
  const signatures = envelope['signatures']
  const signature = Array.isArray(signatures) && signatures.length === 1 ? asObject(signatures[0])['sig'] : undefined
  const { payload } = envelope
  if (typeof payload !== 'string' || typeof signature !== 'string')
    throw new SignatureFault('the envelope does not hold one payload and one signature')
  const hint = asObject(asObject(bundle['verificationMaterial'])['publicKey'])['hint']
  return {
    payload: Buffer.from(payload, 'base64'),
    signature: Buffer.from(signature, 'base64'),
    hint: typeof hint === 'string' && hint !== '' ? hint : undefined,
  }
}

function readStatement(payload: Buffer): Manifest {
  const statement = readJson(payload.toString('utf8'), 'the statement')
  if (statement['_type'] !== STATEMENT_TYPE || statement['predicateType'] !== PREDICATE_TYPE)
    throw new SignatureFault('the statement is not about a model')
  const predicate = asObject(statement['predicate'])
  const { method, hash_type, ignore_paths } = asObject(predicate['serialization'])
  if (method !== 'files' || hash_type !== 'sha256')
    throw new SignatureFault(
      `files hashed by ${String(method)} with ${String(hash_type)} are not supported; sign by files with sha256`,
    )
  const files = (Array.isArray(predicate['resources']) ? predicate['resources'] : []).map(resource)
  const subjects = Array.isArray(statement['subject']) ? statement['subject'] : []
  const subject = asObject(subjects[0])
  const all = createHash('sha256')
  for (const { digest } of files) all.update(Buffer.from(digest.slice(7), 'hex'))
  if (subjects.length !== 1 || asObject(subject['digest'])['sha256'] !== all.digest('hex'))
    throw new SignatureFault('the statement contradicts itself')
  const ignored = Array.isArray(ignore_paths) ? ignore_paths.filter((one) => typeof one === 'string') : []
  return { name: String(subject['name']), files, ignored }
}

function resource(given: unknown): SignedFile {
  const { name, algorithm, digest } = asObject(given)
  if (
    typeof name !== 'string' ||
    algorithm !== 'sha256' ||
    typeof digest !== 'string' ||
    !/^[0-9a-f]{64}$/.test(digest)
  )
    throw new SignatureFault('the statement names a file without its sha256')
  return { path: name, digest: `sha256:${digest}` }
}

function readJson(text: string, what: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text))
  } catch {
    throw new SignatureFault(`${what} is no JSON`)
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
