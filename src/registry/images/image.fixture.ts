/** Images for tests: documents that say that they are made of a version, and keys that sign them. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { signFiles } from '../attestation/bundle.ts'
import { keyHint } from '../attestation/bundle.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import type { RecordedImage } from './images.ts'

export interface KeyPair {
  readonly secret: string
  readonly pem: string
  /** SHA-256 of the public key. */
  readonly hint: string
}

export function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  return { secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), pem, hint: keyHint(pem) }
}

export const digestOfText = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Documents of an image with these labels and one layer; another layer makes another digest. */
export function documentsOf(labels: object, layer: string): { digest: string; documents: string[] } {
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Labels: labels } })
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: { digest: digestOfText(config), size: config.length },
    layers: [{ digest: digestOfText(layer), size: layer.length }],
  })
  return { digest: digestOfText(manifest), documents: [manifest, config] }
}

/** An image of a version, as it would be recorded; `signers` sign its digest. */
export async function imageOf(
  room: Pick<Registry, 'db'>,
  of: { readonly model: string; readonly version: string },
  signers: readonly KeyPair[] = [],
  layer = 'weights',
): Promise<RecordedImage> {
  const { tree } = await requireVersion(room.db, of.model, of.version)
  const labels = { 'dev.slipway.model': of.model, 'dev.slipway.version': of.version, 'dev.slipway.files': tree }
  const { digest, documents } = documentsOf(labels, layer)
  const signatures = signers.map(({ secret }) => signatureOf(digest, secret))
  return { model: of.model, digest, documents, repository: 'registry.example.org/dev/model', signatures }
}

/** The signature of a digest, as `slipway image sign` makes it. */
export function signatureOf(digest: string, secret: string): string {
  return signFiles(digest, [{ path: 'manifest.json', digest }], secret)
}
