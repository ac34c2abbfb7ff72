/** Whom a call was sent to, one after another. */
import { duration } from '../../../src/contract/text/format.ts'
import { microDuration } from '../../data/llm/amounts.ts'
import type { LlmCallDetail } from '../../data/llm/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface AttemptTableProps {
  readonly call: Pick<LlmCallDetail, 'attempts' | 'us' | 'own_us'>
  /** Models at their providers, by the ids of their definitions. */
  readonly models: ReadonlyMap<string, string>
}

export function AttemptTable({ call, models }: AttemptTableProps) {
  if (call.attempts.length === 0)
    return <Empty title="No provider was asked">The call ended before one was chosen.</Empty>
  return (
    <DataTable className="lanes" headings={['Model', 'Answer', ['Length', 'num'], 'When']}>
      {call.attempts.map((attempt, at) => (
        <Row
          // oxlint-disable-next-line react/no-array-index-key -- attempts have no id, and their order is their meaning
          key={at}
          attempt={attempt}
          name={models.get(attempt.model)}
          before={call.own_us + call.attempts.slice(0, at).reduce((sum, one) => sum + one.us, 0)}
          whole={call.us}
        />
      ))}
    </DataTable>
  )
}

interface RowProps {
  readonly attempt: LlmCallDetail['attempts'][number]
  readonly name: string | undefined
  /** µs of the call before it. */
  readonly before: number
  /** Length of the call, µs. */
  readonly whole: number
}

const OK = 400

function Row({ attempt, name, before, whole }: RowProps) {
  const { model, status, us, error } = attempt
  const isOk = status !== null && status < OK && error === undefined
  const part = (of: number): string => `${Math.min(100, whole === 0 ? 0 : (of / whole) * 100)}%`
  return (
    <tr data-row>
      <td className="break">{name ?? <code>{model}</code>}</td>
      <td className="break">
        <Status word={isOk ? 'succeeded' : 'failed'} label={status === null ? 'no answer' : String(status)} />
        {error !== undefined && <div className="muted small">{error}</div>}
      </td>
      <td className="num">{microDuration(us)}</td>
      <td>
        <span className="sr">after {duration(before / 1000)}</span>
        <div className="lane" aria-hidden="true">
          <i
            className={isOk ? 'running' : 'failing'}
            style={{ left: part(before), width: `max(2px, ${part(us)})`, maxWidth: `calc(100% - ${part(before)})` }}
          />
        </div>
      </td>
    </tr>
  )
}
