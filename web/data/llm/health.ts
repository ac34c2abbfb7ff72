/** Health of providers as it is drawn: a cell for each part of the time, and words for who does not see them. */
import { count, eventTime, percent, plural } from '../../../src/contract/text/format.ts'
import type { Tone } from '../tones.ts'
import { microDuration, shareOf } from './amounts.ts'
import type { LlmHealth } from './queries.ts'

type ProviderHealth = LlmHealth['providers'][number]
type Figures = ProviderHealth['total']
export type FailureKind = keyof Figures['failures']

/** What each kind of failure is called. */
export const FAILURE_WORDS: Readonly<Record<FailureKind, string>> = {
  rate_limited: 'rate limited',
  server_error: 'server error',
  no_answer: 'no answer',
  cut: 'cut off',
  denied: 'key refused',
}

/** States in words and tones, and what they mean. */
export const STATES: Readonly<Record<ProviderHealth['state'], readonly [word: string, tone: Tone, means: string]>> = {
  ok: ['answers', 'good', 'More than half of the last tries, within a quarter of an hour, went well.'],
  failing: ['failing', 'bad', 'Half or more of the last tries, within a quarter of an hour, failed.'],
  idle: ['idle', 'idle', 'Nothing was sent to it within a quarter of an hour.'],
}

/** Tries that failed. */
export function failedOf({ failures }: Figures): number {
  return Object.values(failures).reduce((sum, n) => sum + n, 0)
}

/** 4 failed: 3 rate limited, 1 no answer; '' where none did. */
export function failureText(figures: Figures): string {
  const kinds = Object.entries(figures.failures).filter(([, n]) => n > 0)
  if (kinds.length === 0) return ''
  return `${count(failedOf(figures))} failed: ${kinds.map(([kind, n]) => `${count(n)} ${FAILURE_WORDS[kind as FailureKind]}`).join(', ')}`
}

/** A part of the time. */
export interface Cell {
  readonly kind: 'good' | 'some' | 'most' | 'none'
  /** When, and what happened. */
  readonly words: string
  /** ISO. */
  readonly at: string
}

/** From this share of failed tries on a part is told as failing. */
const MOST = 0.5

/** The parts of the whole time, in order. */
export function cellsOf(
  { since, until, step_ms, cut_parts }: Pick<LlmHealth, 'since' | 'until' | 'step_ms' | 'cut_parts'>,
  buckets: ProviderHealth['buckets'],
): Cell[] {
  const byTime = new Map(buckets.map((one) => [Date.parse(one.at), one]))
  const cut = new Set(cut_parts.map((at) => Date.parse(at)))
  const cells: Cell[] = []
  for (let at = Date.parse(since); at <= Date.parse(until); at += step_ms)
    cells.push(cellOf(new Date(at).toISOString(), byTime.get(at), cut.has(at)))
  return cells
}

/** `isCut`: more was sent in it than was read. */
function cellOf(at: string, figures: Figures | undefined, isCut: boolean): Cell {
  const when = `from ${eventTime(at)}`
  if (figures === undefined)
    return { kind: 'none', words: `${when}: nothing was sent${isCut ? ' by the newest calls' : ''}`, at }
  const failed = failedOf(figures)
  const share = failed / figures.calls
  const calls = `${isCut ? 'of the newest ' : ''}${plural(figures.calls, 'call')}`
  const told = [calls, failureText(figures), firstText(figures)].filter((text) => text !== '')
  return { kind: failed === 0 ? 'good' : share < MOST ? 'some' : 'most', words: `${when}: ${told.join('; ')}`, at }
}

function firstText({ first_us: { p50 } }: Figures): string {
  return p50 === null ? '' : `first byte p50 ${microDuration(p50)}`
}

/** Parts that are named in the text alternative. */
const NAMED = 3

/** What the cells show, in a sentence: `48 parts: 44 without a failure, 2 with failures, 1 mostly failed, 1 without calls`, and some of those that failed. */
export function stripText(cells: readonly Cell[]): string {
  const n = (kind: Cell['kind']): number => cells.filter((cell) => cell.kind === kind).length
  const counted = (
    [
      [n('good'), 'without a failure'],
      [n('some'), 'with failures'],
      [n('most'), 'mostly failed'],
      [n('none'), 'without calls'],
    ] as const
  ).filter(([many]) => many > 0)
  const bad = [...cells.filter(({ kind }) => kind === 'most'), ...cells.filter(({ kind }) => kind === 'some')]
  const named = bad.slice(0, NAMED).map(({ words }) => words)
  const told = `${plural(cells.length, 'part')}: ${counted.map(([many, word]) => `${many} ${word}`).join(', ')}`
  return named.length === 0 ? told : `${told}. ${bad.length > NAMED ? 'Among them' : 'These'}: ${named.join(' | ')}`
}

/** The part of all tries that failed, as text. */
export function failedShare(figures: Figures): string {
  return percent(shareOf(failedOf(figures), figures.calls), 1)
}
