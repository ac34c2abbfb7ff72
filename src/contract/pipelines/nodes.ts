/** Routes of the program that runs an attempt on another machine: it takes the attempt up, gets its files, and says how it goes and ends. */
import { z } from 'zod'
import { may } from '../access.ts'
import { done, id } from '../fields.ts'
import { digest } from '../values/digest.ts'
import { CheckpointState } from '../runs/checkpoints.ts'
import { FAILURES } from '../pipelines.ts'
import { READ_KINDS } from '../runs/reads.ts'
import { route } from '../route.ts'

/** Bytes of one piece of a log at most. */
export const PIECE_BYTES = 1024 * 1024
/** Bytes of one file of an output at most. */
export const FILE_BYTES = 50 * 1024 ** 3
/** Files of all outputs of an attempt at most. */
export const MOST_FILES = 100_000

const access = may('write', 'attempts')
const one = z.object({ attempt: id })
const fence = z.string().min(1).max(128).describe('the one that the claim was answered with')
const amount = z.number().min(0).max(1e15)
const text = (most: number) => z.string().max(most)

/** What an attempt has used so far, and for how long it has put out nothing. Seconds since 1970 by the node's clock. */
export const Beat = z.object({
  cpu_seconds: amount,
  max_rss_bytes: amount,
  memory_kib_s: amount,
  started_at: amount,
  at: amount,
  quiet_s: amount,
})

/** How the attempt ended, as the supervisor wrote it. Times as in a beat. */
export const NodeExit = z.object({
  class: z.enum(['ok', 'cancelled', ...FAILURES]),
  message: text(20_000),
  traceback: text(400_000).nullable(),
  code: z.number().int().nullable(),
  signal: z.number().int().nullable(),
  /** Numbers as Python writes them, so that NaN and infinities survive. */
  metrics: z.record(text(1024), text(64)),
  cpu_seconds: amount,
  max_rss_bytes: amount,
  memory_kib_s: amount,
  started_at: amount,
  finished_at: amount,
  log_bytes: z.number().int().min(0),
  log_truncated: z.boolean(),
  reads: z
    .array(z.object({ kind: z.enum(READ_KINDS), name: text(8192), digest: text(200).nullable() }))
    .max(10_000)
    .nullable(),
})
export type NodeExit = z.output<typeof NodeExit>

/** A file of an output: path ('' where the output is that one file), bytes, digest, whether it may be run. */
const OutputFile = z.tuple([text(4096), z.number().int().min(0), digest, z.boolean()])

const errors = ['not_found', 'conflict', 'forbidden'] as const

/** What names files that were sent before has this in common. */
const ofFiles = {
  method: 'POST',
  access,
  params: one,
  limit: 32 * 1024 * 1024,
  reply: done,
  errors: [...errors, 'unprocessable'],
} as const
/** And what is of one file. */
const ofFile = {
  path: '/v1/attempts/:attempt/files/:digest',
  access,
  params: one.extend({ digest }),
  query: z.object({ fence }),
} as const
const at = amount.describe('now by the clock of the node, seconds since 1970')

export const nodesApi = {
  nodeProgram: route({
    method: 'GET',
    path: '/v1/attempts/:attempt/program',
    summary: 'For nodes: the program that runs an attempt, as JSON of file names and texts',
    access,
    params: one,
    reply: 'text',
    errors,
  }),
  claimAttempt: route({
    method: 'POST',
    path: '/v1/attempts/:attempt/claim',
    summary:
      'For nodes: take an attempt up; one process may, which then gets its fence, a token, and what is to be run',
    access,
    params: one,
    body: z.object({
      claimant: z
        .string()
        .regex(/^[0-9a-f]{32,64}$/, '32 to 64 hexadecimal digits')
        .describe('drawn by the process; the same one may ask again'),
      host: text(200).describe('the name of the machine'),
    }),
    reply: z.object({
      attempt: z.object({ id }),
      fence: z.string(),
      token: z.string(),
      beat_ms: z.number().int(),
      /** JSON of what is to be run, secrets included. */
      work: z.string(),
    }),
    secret: { made: 'claim', field: 'attempt' },
    errors,
  }),
  beatAttempt: route({
    method: 'POST',
    path: '/v1/attempts/:attempt/beats',
    summary: 'For nodes: say that the attempt goes on, and learn whether it is to end',
    access,
    params: one,
    body: z.object({ fence, beat: Beat.nullable() }),
    reply: z.object({ cancel: z.boolean() }),
    errors,
  }),
  sendLog: route({
    method: 'POST',
    path: '/v1/attempts/:attempt/log',
    summary: 'For nodes: add a piece to the log; one that does not begin where the log ends is not kept',
    access,
    params: one,
    query: z.object({ fence, from: z.coerce.number().int().min(0) }),
    body: 'stream',
    limit: PIECE_BYTES,
    reply: z.object({ size: z.number().int(), cancel: z.boolean() }),
    errors: [...errors, 'payload_too_large'],
  }),
  readNodeFile: route({
    ...ofFile,
    method: 'GET',
    summary: 'For nodes: a file of the code or of the inputs of the attempt, or the list of the files of one of these',
    reply: 'stream',
    errors,
  }),
  sendNodeFile: route({
    ...ofFile,
    method: 'PUT',
    summary: 'For nodes: send a file of an output',
    body: 'stream',
    limit: FILE_BYTES,
    reply: done,
    errors: [...errors, 'payload_too_large', 'unprocessable', 'storage_full'],
  }),
  keepCheckpoint: route({
    ...ofFiles,
    path: '/v1/attempts/:attempt/checkpoint',
    summary:
      'For nodes: say what the step says of its checkpoints, and keep the newest one by the list of its files, which were sent',
    body: z.object({
      fence,
      at,
      state: CheckpointState,
      files: z
        .array(OutputFile)
        .min(1)
        .max(MOST_FILES)
        .nullable()
        .describe('null where it was kept before, or is gone'),
    }),
  }),
  endAttempt: route({
    ...ofFiles,
    path: '/v1/attempts/:attempt/end',
    summary: 'For nodes: say how the attempt ended and what its outputs are; the first word counts',
    body: z.object({
      fence,
      at,
      exit: NodeExit,
      outputs: z.record(text(128), z.array(OutputFile).max(MOST_FILES)),
    }),
  }),
}
