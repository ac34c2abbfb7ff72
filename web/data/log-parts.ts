/** Parts of the log of an attempt: what the server is asked, and where in the log a part stands. */
import { keepPreviousData } from '@tanstack/react-query'
import type { logsApi } from '../../src/contract/pipelines/logs.ts'
import type { Reply } from '../../src/contract/route.ts'
import { call } from './api.ts'
import { get } from './get.ts'

export type LogPart = Reply<typeof logsApi.readLogPart>

/** The part that is shown, as its bytes stand in the log. */
export type Shown = Omit<LogPart, 'text'>

/** Bytes that are shown at once. */
export const WINDOW = 128 * 1024

/** Whose log it is. */
export interface LogOf {
  readonly run: string
  readonly step: string
  /** Of a step with items, the number of one. */
  readonly item?: number | undefined
  /** Absent = the last one. */
  readonly attempt?: number | undefined
}

const PATH = '/v1/pipeline-runs/:id/steps/:step/logs/part'

function asked({ run, step, item, attempt }: LogOf, from: number) {
  return { params: { id: run, step }, query: { item, attempt, from, most: WINDOW } }
}

/** The end of the log as it is now. */
export function logEnd(of: LogOf, signal: AbortSignal): Promise<LogPart> {
  return call<typeof logsApi.readLogPart>('GET', PATH, { ...asked(of, -WINDOW), signal })
}

/** What stands in the log from a byte on. Of a log that grows, what is written stays as it is. */
export const logPart = (of: LogOf, from: number) => ({
  ...get<typeof logsApi.readLogPart>(['log part', of, from], PATH, asked(of, from)),
  placeholderData: keepPreviousData,
  staleTime: Infinity,
})

/** Where the log is followed from: the byte after what was read. */
export function followPath({ run, step, item, attempt }: LogOf, { attempt: number, to }: LogPart): string {
  const query = new URLSearchParams({
    ...(number > 0 && { from: `${number}:${to}` }),
    ...(item !== undefined && { item: String(item) }),
    ...(attempt !== undefined && { attempt: String(attempt) }),
  })
  return `/v1/pipeline-runs/${encodeURIComponent(run)}/steps/${encodeURIComponent(step)}/logs?${query}`
}

/** Places of a log that the slider tells apart. */
const PLACES = 1000

/** How far one place of the slider is from the next, bytes. */
export function sliderStep(size: number): number {
  return Math.max(1, Math.ceil(size / PLACES))
}
