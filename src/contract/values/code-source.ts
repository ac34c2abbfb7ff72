/** What git says of the code of a pipeline version. */
import { z } from 'zod'
import { digest } from './digest.ts'

/** Bytes of a patch that are kept; a longer one is cut, and its digest is of the whole. */
export const PATCH_BYTES = 1024 * 1024

/** A whole commit of git. */
export const commit = z.string().regex(/^[0-9a-f]{40,64}$/, 'a commit of git, whole')

/** What git says of the folder that a version is made from. */
export const CodeSource = z.strictObject({
  commit,
  branch: z.string().max(512).optional(),
  /** What differs from the commit, as `git diff --binary` says it, in base64; absent where nothing does. */
  patch: z
    .base64()
    .max(Math.ceil(PATCH_BYTES / 3) * 4)
    .optional(),
  patch_digest: digest.optional(),
  /** Files that git does not know. */
  untracked: z.array(z.string().max(1024)).max(1000).default([]),
})
export type CodeSource = z.output<typeof CodeSource>
export type GivenSource = z.input<typeof CodeSource>
