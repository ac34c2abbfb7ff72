/** The certificate and key of HTTPS and gRPC: read and checked as a pair, replaced in a running server when their files change. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { Server, TLSSocket } from 'node:tls'

/** Paths of two PEM files: the certificate, followed by those between it and the authority, and its key without a passphrase. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

export interface TlsPair {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Reads the pair. Throws with the name of the file that is missing, is no PEM, or does not belong to the other. */
export function readPair(files: TlsFiles): TlsPair {
  const cert = attempt(`the TLS certificate ${files.cert}`, () => readFileSync(files.cert))
  const key = attempt(`the TLS key ${files.key}`, () => readFileSync(files.key))
  const first = attempt(`the TLS certificate ${files.cert}`, () => new X509Certificate(cert))
  const secret = attempt(`the TLS key ${files.key}`, () => createPrivateKey(key))
  if (!first.checkPrivateKey(secret))
    throw new Error(`the TLS key ${files.key} does not belong to the certificate ${files.cert}`)
  return { cert, key }
}

function attempt<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${what} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

const LOOK_MS = 1000

/**
 * Gives new connections the renewed pair within seconds of its files' change, until the server closes. A pair that does not fit (one
 * file is written before the other) is told to `fault`, and the one before stays.
 */
export function followPair(server: Server, files: TlsFiles, fault: (error: unknown) => void): void {
  const renew = (): void => {
    try {
      server.setSecureContext(readPair(files))
    } catch (error) {
      fault(error)
    }
  }
  const paths = [files.cert, files.key]
  for (const path of paths) watchFile(path, { interval: LOOK_MS, persistent: false }, renew)
  server.once('close', () => {
    for (const path of paths) unwatchFile(path, renew)
  })
}

/**
 * Options by which a call of this machine to its own gateway trusts exactly the gateway's certificate: whatever name it bears and
 * whoever has signed it. Throws when it cannot be read.
 */
export function ownTrust(files: TlsFiles): {
  ca: Buffer
  allowPartialTrustChain: true
  checkServerIdentity: () => undefined
} {
  return { ca: readFileSync(files.cert), allowPartialTrustChain: true, checkServerIdentity: () => undefined }
}

/** Every connection of a server, so that those that do not end can be cut. */
export function trackSockets(server: Server): ReadonlySet<TLSSocket> {
  const sockets = new Set<TLSSocket>()
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}
