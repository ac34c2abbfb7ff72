/** The private keys of a server, read and tried before anything starts. */
import { resolve } from 'node:path'
import { readUserText } from '../../contract/absence/user-file.ts'
import { readPair, type TlsFiles } from '../../gateway/http/tls.ts'
import type { AppOptions } from '../../options.ts'
import { SignatureFault } from '../../registry/attestation/bundle.ts'
import { openSigner } from '../../registry/attestation/signer.ts'
import { text, UsageError, type Invocation } from './command.ts'
import { config } from './config.ts'

/** What is served and signed with, and the files that are kept from steps for it. Throws UsageError for what cannot be used. */
export async function readKeys(
  invocation: Invocation,
): Promise<Pick<AppOptions, 'gatewayTls' | 'signingKey' | 'secretFiles'>> {
  const gatewayTls = tlsFiles(invocation)
  const signing = await signingKey(invocation)
  return {
    secretFiles: [gatewayTls?.key, signing?.file].filter((file) => file !== undefined),
    ...(gatewayTls !== undefined && { gatewayTls }),
    ...(signing !== undefined && { signingKey: signing.pem }),
  }
}

/** Certificate and key, checked before anything starts. Throws UsageError for one without the other, and when they are no pair. */
function tlsFiles(invocation: Invocation): TlsFiles | undefined {
  const cert = text(invocation, 'gateway-tls-cert') ?? config('SLIPWAY_GATEWAY_TLS_CERT')
  const key = text(invocation, 'gateway-tls-key') ?? config('SLIPWAY_GATEWAY_TLS_KEY')
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined)
    throw new UsageError('--gateway-tls-cert and --gateway-tls-key belong together; one of them is missing')
  const files = { cert: resolve(cert), key: resolve(key) }
  try {
    readPair(files)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  return files
}

/** The key by which reproductions are attested; undefined where there is none. Throws UsageError for what is no such key. */
async function signingKey(invocation: Invocation): Promise<{ file: string; pem: string } | undefined> {
  const given = text(invocation, 'signing-key') ?? config('SLIPWAY_SIGNING_KEY')
  if (given === undefined) return undefined
  const file = resolve(given)
  const pem = await readUserText(file)
  try {
    openSigner(pem)
  } catch (error) {
    if (!(error instanceof SignatureFault)) throw error
    const wanted = 'a private key in PEM (elliptic curve P-256, P-384 or P-521) without a passphrase'
    throw new UsageError(`the signing key is "${given}"; expected the file of ${wanted}: ${error.message}`)
  }
  return { file, pem }
}
