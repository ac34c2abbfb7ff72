/** Makes sure, before a token is sent, that who answers at an address is the server of a data folder and no other program that took its port. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { unreachable } from '../../client/client.ts'
import { ifJson } from '../../contract/absence/absent.ts'
import { folderKey, KEY_FILE, proofOf } from '../../store/folder-proof.ts'

/** Longest wait for the proof, ms. */
const PATIENCE_MS = 10_000
/** Longest answer that is read, bytes: a proof is a line. */
const MOST = 4096

/** Throws where what answers at `url` does not know the key of the data folder, or nothing answers. */
export async function proveServer(url: string, data: string): Promise<void> {
  const nonce = randomBytes(32).toString('hex')
  const said = await ask(`${url}/v1/proof?nonce=${nonce}`, url)
  const key = folderKey(data)
  if (key === undefined)
    throw new Error(
      `the token was not sent to ${url}: ${join(data, KEY_FILE)} is missing, by which the server would show that it is that of the folder\nStart the server again: slipway serve --data ${data}`,
    )
  const proof = ((said === undefined ? undefined : ifJson(said)) as { proof?: unknown } | null | undefined)?.proof
  if (typeof proof === 'string' && isSame(proof, proofOf(key, url, nonce))) return
  throw new Error(
    `what answers at ${url} is not the server of ${data}: the token was not sent\nThat server has ended, is of an older version (start it again: slipway serve --data ${data}), or is named otherwise than it names itself`,
  )
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The text of an answer; undefined for a refusal, and for more than a proof. Throws `unreachable` without one. */
async function ask(address: string, url: string): Promise<string | undefined> {
  try {
    const response = await fetch(address, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body ?? []) {
      parts.push(part)
      // leaving the loop ends the connection
      if ((size += part.length) > MOST) return undefined
    }
    return response.ok ? Buffer.concat(parts).toString() : undefined
  } catch (error) {
    throw unreachable(url, error)
  }
}
