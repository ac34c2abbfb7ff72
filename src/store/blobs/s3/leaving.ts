/** Lets a collector delete an object while others store it again: a mark says that it may go, and who stores it heeds the mark. */
import { setTimeout as delay } from 'node:timers/promises'
import { blobsUnavailable, type S3Client } from './client.ts'

/** A collector deletes within this time of its mark or not at all, ms. */
const DELETE_MS = 20_000
/** A mark this old was left by a process that died, ms. */
const DEAD_MS = 60_000
const LOOK_MS = 200
const MOST_LOOKS = 600

/**
 * Deletes `key` if `mayGo` says so while the mark is up; returns whether it did. Whoever stores the object writes first and looks
 * for the mark then, and this one marks first and looks at the object's age then: at least one of the two sees the other.
 */
export async function deleteMarked(client: S3Client, key: string, mayGo: () => Promise<boolean>): Promise<boolean> {
  const begun = performance.now()
  const mark = `leaving/${key}`
  await client.call({ method: 'PUT', key: mark, body: Buffer.alloc(0) })
  try {
    if (!(await mayGo()) || performance.now() - begun > DELETE_MS) return false
    await client.call({ method: 'DELETE', key, accept: [404] })
    return true
  } finally {
    await client.call({ method: 'DELETE', key: mark, accept: [404] })
  }
}

/**
 * Stores `key` by `store`, again if it was deleted meanwhile. A collector that had looked before may delete the object and take
 * its mark down before the mark is looked for here, so the object itself is looked for last: a mark that is not there then
 * will not be followed by a deletion, for whoever marks later sees a young object.
 */
export async function settled(client: S3Client, key: string, store: () => Promise<void>): Promise<void> {
  await store()
  for (let looks = 0; await isMarked(client, key); looks++) {
    if (looks > MOST_LOOKS) throw blobsUnavailable('a collection of blobs does not end')
    await delay(LOOK_MS)
  }
  const { status } = await client.call({ method: 'HEAD', key, accept: [404] })
  if (status === 404) await settled(client, key, store)
}

async function isMarked(client: S3Client, key: string): Promise<boolean> {
  const { status, headers } = await client.call({ method: 'HEAD', key: `leaving/${key}`, accept: [404] })
  if (status === 404) return false
  const age = Date.parse(headers.date ?? '') - Date.parse(headers['last-modified'] ?? '')
  return !(age > DEAD_MS)
}
