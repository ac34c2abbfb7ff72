/** Ids and the clock as values that are passed in, so that tests decide them; and lengths of time. */

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** Now, in milliseconds since 1970 UTC. */
export type Clock = () => number

/** Makes a new id: `prefix_` and 20 characters that sort by time. */
export type Ids = (prefix: string) => string

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Ids of 10 characters of time and 10 random ones (Crockford's base 32), after the prefix. */
export function makeIds(clock: Clock, random: (bytes: number) => Uint8Array): Ids {
  return (prefix) => `${prefix}_${encodeTime(clock())}${encodeRandom(random(10))}`
}

function encodeTime(ms: number): string {
  let text = ''
  for (let rest = ms, i = 0; i < 10; i++) {
    text = ALPHABET.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

function encodeRandom(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => ALPHABET.charAt(byte & 31)).join('')
}
