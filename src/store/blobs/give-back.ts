/** Gives back the memory of large chunks of bytes as soon as they have been used. */

/** Smaller ones are left to the collector. */
const LEAST = 16 * 1024

/**
 * Frees a chunk's memory now; the chunk is empty afterwards. Left to the collector, each 64 MB of chunks would make it walk the
 * whole heap: a third of what a large upload costs, and as much memory again. A chunk that is a part of something larger stays.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= LEAST && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
