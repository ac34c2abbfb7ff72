/** Ids of predictions that no caller named: unique over processes and restarts, cheap to make. */
import { randomBytes } from 'node:crypto'

/** Makes ids `p_<time and random bytes of this process><counter>`. */
export function predictionIds(now: number, random: (bytes: number) => Uint8Array = randomBytes): () => string {
  const unique = Buffer.from(random(6)).toString('hex')
  const prefix = `p_${now.toString(36)}${unique}`
  let count = 0
  return () => prefix + (count++).toString(36)
}
