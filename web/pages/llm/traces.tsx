/** Traces: what did the application do, for whom, and where did it fail? */
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count, duration, figure } from '../../../src/contract/text/format.ts'
import { Empty } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { PagedList, rowsOf } from '../../parts/table/paged-list.tsx'
import { Status } from '../../parts/page/status.tsx'
import { SearchField } from '../../parts/form/search-field.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import { traces } from '../../data/traces/queries.ts'
import type { TraceInfo } from '../../data/traces/queries.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function TracesPage() {
  const { filter = '' } = useSearch({ from: '/traces' })
  const navigate = useNavigate({ from: '/traces' })
  const list = useInfiniteQuery(traces({ filter, experiment: '' }))
  const rows = rowsOf(list)
  return (
    <Page title="Traces" lead="Requests handled by instrumented applications, with the calls inside each.">
      <SearchField
        key={filter}
        label="Filter traces"
        placeholder="status = 'ERROR' AND execution_time > 1000"
        value={filter}
        onApply={(next) => void navigate({ search: next === '' ? {} : { filter: next }, replace: true })}
      />
      <Panel title="Traces" note={`${count(rows.length)}${list.hasNextPage ? ' loaded so far' : ''}`} flush>
        <PagedList list={list} what="The traces" height={400}>
          {(read) => (read.length === 0 ? <NoTraces filtered={filter !== ''} /> : <Table rows={read} />)}
        </PagedList>
      </Panel>
    </Page>
  )
}

function NoTraces({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No traces match">Clear the filter.</Empty>
  return (
    <Empty title="No traces yet" commands={['eval "$(slipway env)"', 'mlflow.openai.autolog()']}>
      Functions decorated with @mlflow.trace, autologged libraries and OpenTelemetry exporters send traces here.
    </Empty>
  )
}

const STATES = { OK: 'succeeded', ERROR: 'failed', IN_PROGRESS: 'running', STATE_UNSPECIFIED: 'waiting' } as const

function Table({ rows }: { rows: readonly TraceInfo[] }) {
  return (
    <DataTable
      headings={[
        'Trace',
        'State',
        'Request',
        'Response',
        ['Duration', 'num'],
        ['Spans', 'num'],
        ['Tokens', 'num'],
        'Assessments',
        ['Started', 'num'],
      ]}
    >
      {rows.map((trace) => (
        <tr key={trace.id} data-row>
          <td className="break">
            <Link to="/traces/$id" params={{ id: trace.id }}>
              {trace.name ?? trace.id.slice(0, 16)}
            </Link>
          </td>
          <td>
            <Status word={STATES[trace.state]} label={trace.state.toLowerCase().replace('_', ' ')} />
          </td>
          <td className="clip" title={trace.request_preview ?? ''}>
            {trace.request_preview ?? '–'}
          </td>
          <td className="clip" title={trace.response_preview ?? ''}>
            {trace.response_preview ?? '–'}
          </td>
          <td className="num">{duration(trace.duration_ms)}</td>
          <td className="num">{count(trace.spans)}</td>
          <td className="num">{figure(trace.tokens?.['total_tokens'])}</td>
          <td>{judged(trace)}</td>
          <TimeCell at={trace.started_at} />
        </tr>
      ))}
    </DataTable>
  )
}

function judged({ assessments }: TraceInfo): string {
  const valid = assessments.filter((one) => one.valid)
  if (valid.length === 0) return '–'
  return valid
    .slice(0, 3)
    .map((one) => `${one.name} ${one.error === null ? JSON.stringify(one.value) : 'failed'}`)
    .join(', ')
}
