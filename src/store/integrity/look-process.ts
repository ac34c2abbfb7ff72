/** The process that reads what is stored, away from the server: it is given one question as its argument and prints one answer. */
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { openDiskBlobs } from '../blobs/disk.ts'
import { openS3Blobs } from '../blobs/s3/blobs.ts'
import { s3Settings } from '../blobs/s3/settings.ts'
import { damagedTrees } from './laid-out.ts'
import { isSound, lookAtBlobs } from './blob-look.ts'
import type { Looked, Portion } from './blob-look.ts'
import { quickCheck } from './quick-check.ts'
import type { Checked } from './quick-check.ts'
import type { Digest } from '../blobs/blobs.ts'

/**
 * What the process is asked. `background`: the server and its steps go before it; at the lowest priority it would wait for as long as
 * anything else on the machine computes.
 */
export type LookQuestion = (DatabaseQuestion | BlobQuestion) & { readonly background: boolean }

interface DatabaseQuestion {
  readonly database: string
  readonly ms: number
}

/** `again`: blobs that were corrupt and may be sound now. */
interface BlobQuestion {
  readonly blobs: { readonly dataDir: string; readonly url: string | null }
  readonly again: readonly Digest[]
  /** Folder of laid-out trees. */
  readonly laidOut: string
  readonly portion: Portion
}

/** `sound`: of those that were asked for again; `laidOut`: folders of models that are not their trees any more. */
export type BlobAnswer = Looked & { readonly sound: readonly Digest[]; readonly laidOut: readonly string[] }
export type LookAnswer = Checked | BlobAnswer

async function answer(question: LookQuestion): Promise<LookAnswer> {
  if ('database' in question) return quickCheck(question.database, question.ms)
  const { dataDir, url } = question.blobs
  const blobs = url === null ? openDiskBlobs(join(dataDir, 'blobs')) : await openS3Blobs(s3Settings(url, process.env))
  const sound: Digest[] = []
  for (const digest of question.again) if (await isSound(blobs, digest)) sound.push(digest)
  const laidOut = await damagedTrees(blobs, question.laidOut, question.portion.ms)
  return { ...(await lookAtBlobs(blobs, question.portion)), sound, laidOut }
}

try {
  const question = JSON.parse(process.argv[2] ?? '{}') as LookQuestion
  if (question.background) setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  process.stdout.write(JSON.stringify(await answer(question)))
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
