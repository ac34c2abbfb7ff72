/** What the calls of a range come to, in one row of figures. */
import type { ReactNode } from 'react'
import { Link } from '@tanstack/react-router'
import { count, figure, percent, plural } from '../../../src/contract/text/format.ts'
import { dollarMoney, microDuration, nanoMoney, shareOf, shortCount } from '../../data/llm/amounts.ts'
import { errorsOf } from '../../data/llm/outcomes.ts'
import type { LlmFigures, LlmOverview } from '../../data/llm/queries.ts'
import { Figures } from '../page/page.tsx'
import { Status } from '../page/status.tsx'

const PER = 1000

export function KeyFigures({ overview }: { overview: LlmOverview }) {
  const { total, since, until } = overview
  const seconds = (Date.parse(until) - Date.parse(since)) / 1000
  return (
    <Figures
      items={[
        ['Requests', count(total.requests), seconds > 0 ? `${figure(total.requests / seconds, 2)} /s` : ''],
        ['Errors', percent(shareOf(errorsOf(total), total.requests), 2), errorNote(total)],
        ['First byte, p50 / p95', <FirstByte key="f" total={total} />],
        ['Tokens in / out', `${shortCount(total.input_tokens)} / ${shortCount(total.output_tokens)}`, cacheNote(total)],
        ...cacheFigure(overview.cache),
        ...guardFigure(overview.guards),
        ['Cost', <Cost key="c" total={total} />, costNote(total)],
        ['Without a price', <Unpriced key="u" total={total} />],
      ]}
    />
  )
}

function errorNote(total: LlmFigures): string {
  const { refused } = total.outcomes
  return refused === 0 ? count(errorsOf(total)) : `${count(errorsOf(total))} · ${count(refused)} refused`
}

function FirstByte({ total }: { total: LlmFigures }): ReactNode {
  return `${microDuration(total.first_us.p50)} / ${microDuration(total.first_us.p95)}`
}

function cacheNote({ cache_read_tokens: read, input_tokens: input }: LlmFigures): string {
  const share = shareOf(read, input)
  return share === null ? '' : `${percent(share, 0)} cached`
}

type Figure = readonly [term: string, value: ReactNode, note?: string]

/** How much of what may be answered from a cache was; nothing where no endpoint has one. */
function cacheFigure(cache: LlmOverview['cache']): readonly Figure[] {
  if (cache === undefined || cache.hits + cache.misses === 0) return []
  const share = shareOf(cache.hits, cache.hits + cache.misses)
  return [['Answered from a cache', percent(share, 0), `${count(cache.hits)} · ${dollarMoney(cache.saved_usd)} saved`]]
}

/** What guardrails did; nothing where they did nothing. */
function guardFigure(guards: LlmOverview['guards']): readonly Figure[] {
  if (guards === undefined) return []
  const { block, redact, flag, failed } = guards
  const told = [
    [redact, 'redacted'],
    [flag, 'flagged'],
    [failed, 'not looked at'],
  ] as const
  const note = told.filter(([n]) => n > 0).map(([n, word]) => `${count(n)} ${word}`)
  if (block === 0 && note.length === 0) return []
  return [['Blocked by guardrails', count(block), note.join(' · ')]]
}

function isUnpriced({ cost_nanodollars: cost, unpriced }: LlmFigures): boolean {
  return cost === 0 && unpriced > 0
}

/** Of calls none of which has a price there is no cost. */
function Cost({ total }: { total: LlmFigures }): ReactNode {
  if (isUnpriced(total)) return <Status word="unknown" tone="warn" label="unpriced" />
  return nanoMoney(total.cost_nanodollars)
}

/** By the calls that the cost is of. */
function costNote(total: LlmFigures): string {
  const priced = total.requests - total.unpriced
  if (priced <= 0 || isUnpriced(total)) return ''
  return `${nanoMoney((total.cost_nanodollars / priced) * PER)} per 1k`
}

/** Calls whose price nobody knows cost something: they are told as a state, and not as 0. */
function Unpriced({ total }: { total: LlmFigures }) {
  if (total.unpriced === 0) return <Status word="none" tone="good" />
  return (
    <Link to="/llm/providers" title={`${percent(shareOf(total.unpriced, total.requests))} of all calls`}>
      <Status word="unpriced" tone="warn" label={plural(total.unpriced, 'call')} />
    </Link>
  )
}
