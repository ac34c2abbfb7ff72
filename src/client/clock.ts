/** What a certificate that does not hold at this time may mean: of the two, the certificate and this machine's clock, one is wrong. */

const BY_TIME = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** Whether an error of TLS says that a certificate does not hold yet, or not any more. */
export function isByTime(error: unknown): boolean {
  return error instanceof Error && 'code' in error && BY_TIME.has(String(error.code))
}

/** The message of an error; of one about a certificate's time with the time of this machine, and what is known of the certificate. */
export function clockWords(error: Error, now: number, dates = ''): string {
  if (!isByTime(error)) return error.message
  return `${error.message}: ${dates}${clockSays(now)}`
}

/** What this machine takes for the time, and what to do about it. */
export function clockSays(now: number): string {
  return `this machine's clock says ${minute(now)}; if that is wrong, set the clock`
}

/** The last moment that a date can name, ms. */
const LAST_TIME = 8.64e15

/** To a minute, of UTC. */
export function minute(ms: number): string {
  return !(Math.abs(ms) <= LAST_TIME) ? 'no date' : `${new Date(ms).toISOString().slice(0, -8).replace('T', ' ')} UTC`
}
