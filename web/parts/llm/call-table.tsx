/** Calls of language models, the newest first. */
import { Link } from '@tanstack/react-router'
import { microDuration, nanoMoney, shortCount } from '../../data/llm/amounts.ts'
import { COST_WORDS, OUTCOMES } from '../../data/llm/outcomes.ts'
import type { LlmCall } from '../../data/llm/queries.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface CallTableProps {
  readonly calls: readonly LlmCall[]
  /** Names of keys by their ids. */
  readonly names: ReadonlyMap<string, string>
}

export function CallTable({ calls, names }: CallTableProps) {
  return (
    <DataTable
      headings={[
        'Began',
        'Endpoint',
        'Outcome',
        'Model',
        'Key',
        ['First byte', 'num'],
        ['Length', 'num'],
        ['Tokens in / out', 'num'],
        ['Cost', 'num'],
        'Trace',
      ]}
    >
      {calls.map((call) => (
        <Row key={call.id} call={call} names={names} />
      ))}
    </DataTable>
  )
}

function Row({ call, names }: { call: LlmCall; names: ReadonlyMap<string, string> }) {
  return (
    <tr data-row>
      <td className="nowrap">
        <Link to="/llm/calls/$id" params={{ id: call.id }}>
          <RelativeTime at={call.started} />
          <span className="sr">, the call {call.id}</span>
        </Link>
      </td>
      <td className="break">{call.endpoint}</td>
      <td>
        <OutcomeStatus call={call} />
        {call.error !== null && (
          <div className="muted small clip" title={call.error}>
            {call.error}
          </div>
        )}
      </td>
      <td className="break">
        {call.model ?? <span className="muted">none asked</span>}
        {call.provider !== null && <div className="muted small">{call.provider}</div>}
      </td>
      <td className="break">
        {call.key === null ? <span className="muted">none</span> : (names.get(call.key) ?? call.key)}
      </td>
      <td className="num">{microDuration(call.first_us)}</td>
      <td className="num">{microDuration(call.us)}</td>
      <td className="num">
        {shortCount(call.tokens.input)} / {shortCount(call.tokens.output)}
      </td>
      <td className="num">
        <Cost call={call} />
      </td>
      <td>
        {call.trace === null ? (
          <span className="muted">none</span>
        ) : (
          <Link to="/traces/$id" params={{ id: call.trace }}>
            trace<span className="sr"> of the call {call.id}</span>
          </Link>
        )}
      </td>
    </tr>
  )
}

/** How a call ended, and what that means on hover. */
export function OutcomeStatus({ call }: { call: Pick<LlmCall, 'outcome' | 'status'> }) {
  const [word, tone, means] = OUTCOMES[call.outcome]
  return (
    <span title={means}>
      <Status word={call.outcome} label={call.outcome === 'ok' ? word : `${word}, ${call.status}`} tone={tone} />
    </span>
  )
}

/** A cost with how sure it is. */
function Cost({ call }: { call: LlmCall }) {
  const means = COST_WORDS[call.cost_status]
  if (call.cost_status === 'unknown_price') return <Status word="unknown" tone="warn" label="no price" />
  if (call.cost_status === 'priced') return <span title={means}>{nanoMoney(call.cost_nanodollars)}</span>
  return (
    <span title={means}>
      {call.cost_status === 'none' ? '–' : nanoMoney(call.cost_nanodollars)}
      {call.cost_status !== 'none' && <div className="muted small">{call.cost_status}</div>}
    </span>
  )
}
