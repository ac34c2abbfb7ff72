/** What a step read that its key does not hold. */
import { z } from 'zod'

export const READ_KINDS = ['project', 'file', 'folder', 'database', 'network'] as const
/** How each kind of read is called. */
export const READ_NAMES = {
  project: 'project file',
  file: 'file',
  folder: 'folder',
  database: 'database',
  network: 'network',
} as const

/** Something that a step read and its key does not hold. */
export const Read = z.object({
  kind: z.enum(READ_KINDS),
  /** A path, of the project or absolute, or `host:port`. */
  name: z.string(),
  /** Of what a file or database held when the step had ended; of a large one its size and time of change. */
  digest: z.string().nullable(),
})
export type Read = z.output<typeof Read>
