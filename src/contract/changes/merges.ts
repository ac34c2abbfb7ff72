/** Merges to the main branch: which can be measured, and how long they take until their version is promoted. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, name, time } from '../fields.ts'
import { DAY_MS } from '../ids.ts'
import { route } from '../route.ts'

const MOST_DAYS = 30
/** The clocks of a runner and of the server may differ by this, ms. */
const CLOCKS_MS = 60_000

/** Why a commit of that time, ms, cannot be a merge that is shipped now; undefined when it can. */
export function mergeTimeFault(mergedAt: number, now: number): string | undefined {
  if (mergedAt > now + CLOCKS_MS) return 'a time that is not in the future'
  return mergedAt < now - MOST_DAYS * DAY_MS ? `a time of the last ${MOST_DAYS} days` : undefined
}

/** What a merge waits for, in order. */
export const MERGE_PARTS = ['queue', 'environment', 'training', 'gates', 'image', 'rollout'] as const
export type MergePart = (typeof MERGE_PARTS)[number]

const ms = z.number().int().min(0)

/** A merge whose version was promoted. Its parts add up to its whole. */
export const MergeTime = z.object({
  commit: z.string(),
  merged_at: time,
  run: id,
  project: z.string(),
  model: z.string(),
  version: z.string(),
  rollout: id,
  endpoint: z.string(),
  promoted_at: time,
  ms: ms.describe('from the merge to the promotion'),
  parts: z.object({
    queue: ms.describe('until the server began with the run: CI, and the line of runs'),
    environment: ms.describe('until the first step could run'),
    training: ms.describe('all steps, with what they waited for'),
    gates: ms.describe('the verdict of the registry'),
    image: ms.describe(
      'until the version was asked for its endpoint, where that is done apart: `slipway ship --registered` waits for the image',
    ),
    rollout: ms.describe('from then on, with what it waited for: an earlier rollout, traffic, an approval'),
  }),
})
export type MergeTime = z.output<typeof MergeTime>

export const mergesApi = {
  times: route({
    method: 'GET',
    path: '/v1/merge-times',
    summary: 'Merges to the main branch that were promoted: the last 20, their median and their slowest part',
    access: may('read', 'rollouts'),
    query: z.object({ project: name.optional(), model: name.optional(), version: z.string().max(64).optional() }),
    reply: z.object({
      items: z.array(MergeTime).describe('the last promoted first'),
      median_ms: ms.nullable().describe('null while no merge was promoted'),
      slowest: z
        .object({ part: z.enum(MERGE_PARTS), median_ms: ms })
        .nullable()
        .describe('the part whose median is the longest'),
    }),
  }),
}
