/** Whether a signature is believed: by which key it is, whether that key is one of those that are known, and whether it is revoked. */
import { bundleKey, differences, keyHint, SignatureFault, verifyBundle, verifyPayload } from './bundle.ts'
import type { Manifest, SignedFile } from './bundle.ts'

/** Keys that are believed. */
export interface Trust {
  /** Public keys as PEM. */
  readonly keys: readonly string[]
  /** SHA-256 of public keys as PEM that are believed no longer, also where they are among the keys. */
  readonly revoked: readonly string[]
}

/** The keys that are still believed. */
export function believed({ keys, revoked }: Trust): string[] {
  return keys.filter((pem) => !revoked.includes(keyHint(pem)))
}

/** What a bundle says where a key signed it that is believed. Throws SignatureFault that names the key which is not. */
export function verifyTrusted(bundle: string, trust: Trust): { manifest: Manifest; key: string } {
  return verifyBundle(bundle, keysFor(bundle, trust))
}

/** What a bundle holds, as `verifyTrusted`, whatever it is about. */
export function trustedPayload(bundle: string, trust: Trust): Buffer {
  return verifyPayload(bundle, keysFor(bundle, trust)).payload
}

/** The keys by one of which a bundle may be signed. Throws SignatureFault where the key that it names is none of them. */
function keysFor(bundle: string, trust: Trust): string[] {
  const named = bundleKey(bundle)
  if (named !== undefined && trust.revoked.includes(named))
    throw new SignatureFault(`signature names the key ${short(named)}, which is revoked`)
  const keys = believed(trust)
  if (named !== undefined && !keys.some((pem) => keyHint(pem) === named))
    throw new SignatureFault(`signature names the key ${short(named)}, not ${told(keys)}`)
  return keys
}

function told(keys: readonly string[]): string {
  return keys.length === 0 ? 'one that is believed' : keys.map((pem) => short(keyHint(pem))).join(' or ')
}

/** A key as messages name it. */
function short(hint: string): string {
  return `${hint.slice(0, 16)}…`
}

/** Why a bundle does not stand for these files; null where it does. */
export function trustFault(bundle: string, trust: Trust, files: readonly SignedFile[]): string | null {
  try {
    return differences(verifyTrusted(bundle, trust).manifest, files)[0] ?? null
  } catch (error) {
    if (error instanceof SignatureFault) return error.message
    throw error
  }
}
