/** Cost: where does the money go? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count, duration, figure, money, percent, plural, sentence } from '../../src/contract/text/format.ts'
import { Empty, Loaded } from '../parts/page/placeholders.tsx'
import { Figures, Page, Panel } from '../parts/page/page.tsx'
import { Status } from '../parts/page/status.tsx'
import { TimeCell } from '../parts/table/time-cell.tsx'
import * as read from '../data/queries.ts'
import type { CostBy } from '../data/queries.ts'
import { DataTable } from '../parts/table/data-table.tsx'

const SECONDS_AN_HOUR = 3600
const VIEWS: readonly (readonly [CostBy, string])[] = [
  ['day', 'Days'],
  ['endpoint', 'Endpoints'],
  ['project', 'Projects'],
  ['run', 'Runs'],
]

export function CostPage() {
  const { by = 'day' } = useSearch({ from: '/cost' })
  const navigate = useNavigate({ from: '/cost' })
  const report = useQuery(read.cost(by))
  const rates = useQuery(read.rates)
  return (
    <Page
      title="Cost"
      lead="CPU, memory and storage as metered by the operating system, at the prices of the rate card."
    >
      <Panel
        title={VIEWS.find(([view]) => view === by)?.[1] ?? 'Days'}
        note={by === 'day' ? 'UTC' : 'most expensive first'}
        flush
        tools={
          <label className="row">
            By
            <select
              data-filter
              value={by}
              onChange={(event) => void navigate({ search: { by: event.target.value as CostBy } })}
            >
              {VIEWS.map(([view, word]) => (
                <option key={view} value={view}>
                  {word.toLowerCase()}
                </option>
              ))}
            </select>
          </label>
        }
      >
        <Loaded query={report} what="The cost" height={300}>
          {(data) => <Report by={by} items={data.items} total={data.total_micro_dollars} />}
        </Loaded>
      </Panel>
      <Panel title="Rate card" note="newest price first" flush>
        <Loaded query={rates} what="The rate card" height={140}>
          {({ items }) => <RateTable rates={items} />}
        </Loaded>
      </Panel>
    </Page>
  )
}

interface Entry {
  readonly key: string
  readonly label: string
  readonly micro_dollars: number
  readonly cpu_seconds: number
  readonly memory_gib_seconds: number
  readonly predictions: number
  readonly micro_dollars_per_1k: number | null
  readonly micro_dollars_per_1m_tokens: number | null
  readonly unpriced_calls: number
  readonly unmeasured: number
}

function Report({ by, items, total }: { by: CostBy; items: readonly Entry[]; total: number }) {
  if (items.length === 0) {
    return (
      <Empty title="Nothing has been metered yet" commands={['slipway run']}>
        Every step attempt and every hour of serving is recorded in the ledger.
      </Empty>
    )
  }
  return (
    <>
      <div style={{ padding: '12px 16px' }}>
        <Figures items={[['Total', money(total), unmeasuredNote(items)]]} />
      </div>
      <DataTable
        headings={[
          sentence(by),
          ['Cost', 'num'],
          'Share',
          ['CPU time', 'num'],
          ['Memory, GiB h', 'num'],
          ['Predictions', 'num'],
          ['Per 1,000 predictions', 'num'],
          ['Per 1M tokens', 'num'],
        ]}
      >
        {items.map((item) => (
          <EntryRow key={item.key} by={by} item={item} share={total === 0 ? 0 : item.micro_dollars / total} />
        ))}
      </DataTable>
    </>
  )
}

function unmeasuredNote(items: readonly Entry[]): string {
  const unmeasured = items.reduce((sum, item) => sum + item.unmeasured, 0)
  const unpriced = items.reduce((sum, item) => sum + item.unpriced_calls, 0)
  const why = [
    ...(unmeasured === 0 ? [] : [`the end of ${plural(unmeasured, 'attempt')} was not measured`]),
    ...(unpriced === 0 ? [] : [`the price of ${plural(unpriced, 'call')} of language models is not known`]),
  ]
  return why.length === 0 ? 'all measured' : `at least: ${why.join(', ')}`
}

/** Calls whose price nobody knows cost something: they are told as such, and not as 0. */
function isUnpriced({ micro_dollars, unpriced_calls }: Entry): boolean {
  return micro_dollars === 0 && unpriced_calls > 0
}

function EntryRow({ by, item, share }: { by: CostBy; item: Entry; share: number }) {
  return (
    <tr data-row>
      <td className="break">
        <Name by={by} id={item.key} label={item.label} />
      </td>
      <td className="num">
        {isUnpriced(item) ? <Status word="unknown" tone="warn" label="unpriced" /> : money(item.micro_dollars)}
      </td>
      <td style={{ minWidth: 80, verticalAlign: 'middle' }}>
        <span className="sr">{percent(share)}</span>
        <div className="bar" aria-hidden="true">
          <i style={{ width: `${share * 100}%` }} />
        </div>
      </td>
      <td className="num">{duration(item.cpu_seconds * 1000)}</td>
      <td className="num">{figure(item.memory_gib_seconds / SECONDS_AN_HOUR, 3)}</td>
      <td className="num">{count(item.predictions)}</td>
      <td className="num">{money(item.micro_dollars_per_1k)}</td>
      <td className="num">{money(item.micro_dollars_per_1m_tokens)}</td>
    </tr>
  )
}

interface RateRow {
  readonly resource: string
  readonly unit: string
  readonly micro_dollars: number
  readonly from: string
  readonly note: string
}

function RateTable({ rates }: { rates: readonly RateRow[] }) {
  return (
    <DataTable headings={['Resource', ['Price', 'num'], 'Per', ['From', 'num'], 'Note']}>
      {rates.map((rate) => (
        <tr key={`${rate.resource} ${rate.from}`}>
          <td>{rate.resource}</td>
          <td className="num">{money(rate.micro_dollars)}</td>
          <td>{rate.unit}</td>
          <TimeCell at={rate.from} />
          <td className="break">{rate.note}</td>
        </tr>
      ))}
    </DataTable>
  )
}

function Name({ by, id, label }: { by: CostBy; id: string; label: string }) {
  const text = label || id || 'unassigned'
  if (id === '') return text
  if (by === 'endpoint') {
    const [, project, endpoint] = /^([^/]*)\/(.*)$/s.exec(id) ?? []
    if (endpoint !== undefined) {
      return (
        <Link to="/llm" search={{ endpoint, project }}>
          {text}
        </Link>
      )
    }
    return (
      <Link to="/endpoints/$name" params={{ name: id }}>
        {text}
      </Link>
    )
  }
  if (by === 'run') {
    return (
      <Link to="/pipelines/$id" params={{ id }}>
        {text}
      </Link>
    )
  }
  return text
}
