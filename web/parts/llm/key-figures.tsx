/** What the calls of a range come to, in one row of figures. */
import type { ReactNode } from 'react'
import { Link } from '@tanstack/react-router'
import { count, figure, percent, plural } from '../../../src/contract/text/format.ts'
import { microDuration, nanoMoney, shareOf, shortCount } from '../../data/llm/amounts.ts'
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
        ['Cost', nanoMoney(total.cost_nanodollars), costNote(total)],
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

function costNote({ cost_nanodollars: cost, requests }: LlmFigures): string {
  return requests === 0 ? '' : `${nanoMoney((cost / requests) * PER)} per 1k`
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
