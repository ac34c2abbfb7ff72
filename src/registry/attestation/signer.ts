/** The key by which a server signs what it attests. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { keyHint, SignatureFault, signStatement } from './bundle.ts'

export interface Signer {
  /** SHA-256 of the public key as PEM, by which bundles name it. */
  readonly key: string
  /** The public key as PEM. */
  readonly publicKey: string
  /** Signs an in-toto statement and returns the bundle's JSON. */
  sign(statement: object): string
}

/** A signer with an elliptic-curve private key (PEM; P-256, P-384 or P-521) that has no passphrase. Throws SignatureFault for what is none. */
export function openSigner(privateKey: string): Signer {
  const publicKey = publicOf(privateKey)
  const sign = (statement: object): string => signStatement(statement, privateKey)
  // a key of another kind is refused now, not when there is something to sign
  sign({})
  return { key: keyHint(publicKey), publicKey, sign }
}

function publicOf(privateKey: string): string {
  try {
    return createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'pem' }).toString()
  } catch (error) {
    throw new SignatureFault(`the private key cannot be read: ${(error as Error).message}`)
  }
}
