/** Ends the connection of a caller that does not take its answer: what is kept for it, a file or memory, is given back. */
import type { ServerResponse } from 'node:http'
import type { Patience } from './request-body.ts'

/** Looks at the answer so many times while all patience is used up. */
const LOOKS = 12

/**
 * Watches an answer until it is sent. Time counts while bytes wait for the caller and it takes fewer of them than it should; where the
 * source of the answer is slow, nothing waits.
 */
export function watchReader(response: ServerResponse, { totalMs, bytesPerMs }: Patience): void {
  let left = totalMs
  let before = taken(response)
  const every = totalMs / LOOKS
  const look = setInterval(() => {
    const now = taken(response)
    const won = (now - before) / bytesPerMs
    before = now
    left = response.writableLength === 0 ? totalMs : Math.min(totalMs, left - every + won)
    if (left <= 0) response.destroy()
  }, every).unref()
  response.once('close', () => clearInterval(look))
}

/** Bytes that were handed to the system. */
function taken({ socket }: ServerResponse): number {
  return socket === null ? 0 : socket.bytesWritten - socket.writableLength
}
