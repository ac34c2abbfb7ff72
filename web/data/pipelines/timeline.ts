/** When each step of a run waited for its place, was being started, and ran: as spans of time, with what they add up to. */
import type { PipelineRun, Step } from '../queries.ts'

/** `preparing` stands before the first step: the run waits for its turn and its environment is built. */
export type Phase = 'preparing' | 'waiting' | 'starting' | 'running'

/** Times in ms since 1970. */
export interface Span {
  readonly phase: Phase
  readonly from: number
  readonly to: number
}

export interface Lane {
  readonly name: string
  readonly isCritical: boolean
  /** Of a step with items, which are one lane: how many. */
  readonly items: number | undefined
  readonly spans: readonly Span[]
}

export interface Timeline {
  readonly from: number
  readonly to: number
  readonly lanes: readonly Lane[]
  /** Steps that neither waited nor ran: of the cache, skipped, or behind others. */
  readonly others: number
}

type Timed = Pick<PipelineRun, 'created_at' | 'finished_at' | 'critical_path'> & {
  readonly steps: readonly TimedStep[]
}
type TimedStep = Pick<Step, 'name' | 'state' | 'due_at' | 'items' | 'started_at' | 'finished_at'> & {
  readonly attempts: readonly TimedAttempt[]
}
type TimedAttempt = Pick<
  Step['attempts'][number],
  'queued_at' | 'waited_ms' | 'begun_at' | 'started_at' | 'finished_at'
>

/** The lanes of a run, the earliest first; `now` in ms is where those end that go on. */
export function timelineOf(run: Timed, now: number): Timeline {
  const end = Math.max(ms(run.finished_at) ?? now, ms(run.created_at) ?? now)
  const lanes = run.steps
    .map((step) => ({
      name: step.name,
      isCritical: run.critical_path.includes(step.name),
      items: step.items?.count,
      spans: spansOf(step, end),
    }))
    .filter(({ spans }) => spans.length > 0)
    .toSorted((a, b) => startOf(a) - startOf(b))
  const from = ms(run.created_at) ?? end
  const first = Math.min(end, ...lanes.map(startOf))
  const before = { name: 'Before the first step', isCritical: false, items: undefined }
  const preparing = spanOf('preparing', from, first)
  return {
    from: Math.min(from, first),
    to: end,
    lanes: preparing.length === 0 || lanes.length === 0 ? lanes : [{ ...before, spans: preparing }, ...lanes],
    others: run.steps.length - lanes.length,
  }
}

/** How long a lane was in a phase, ms. */
export function spent({ spans }: Lane, phase: Phase): number {
  return spans.filter((span) => span.phase === phase).reduce((sum, { from, to }) => sum + to - from, 0)
}

function startOf({ spans }: Pick<Lane, 'spans'>): number {
  return spans[0]?.from ?? Infinity
}

function spansOf(step: TimedStep, end: number): Span[] {
  // the attempts of its items are theirs
  if (step.items !== undefined) return spanOf('running', ms(step.started_at), ms(step.finished_at) ?? end)
  const tried = step.attempts.flatMap((attempt) => spansOfAttempt(attempt, end))
  return [...tried, ...spanOf('waiting', ms(step.due_at), end)]
}

function spansOfAttempt({ queued_at, waited_ms = 0, ...times }: TimedAttempt, end: number): Span[] {
  const queued = ms(queued_at) ?? end
  const over = ms(times.finished_at) ?? end
  // of attempts of before only the start is known
  const began = ms(times.begun_at) ?? (times.finished_at === null ? undefined : ms(times.started_at))
  return [
    ...spanOf('waiting', queued - waited_ms, queued),
    ...spanOf('starting', queued, began ?? over),
    ...spanOf('running', began, over),
  ]
}

/** Nothing where it has no length: as of a retry that is not due yet. */
function spanOf(phase: Phase, from: number | undefined, to: number): Span[] {
  return from === undefined || from >= to ? [] : [{ phase, from, to }]
}

function ms(at: string | null | undefined): number | undefined {
  return at === null || at === undefined ? undefined : Date.parse(at)
}
