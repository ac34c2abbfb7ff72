/** Budgets of language models with how far each is spent, and how long it lasts. */
import type { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import { duration, eventTime, percent } from '../../../src/contract/text/format.ts'
import { call } from '../../data/api.ts'
import { dollarMoney } from '../../data/llm/amounts.ts'
import { budgetName, burnOf } from '../../data/llm/budgets.ts'
import type { Burn } from '../../data/llm/budgets.ts'
import type { LlmBudget } from '../../data/llm/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { usePermission } from '../form/permissions.ts'
import { Status } from '../page/status.tsx'
import { useNow } from '../page/relative-time.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { ChangeBudget } from './budget-form.tsx'
import { MANAGE_KEYS } from './new-key.tsx'

export interface BudgetTableProps {
  readonly budgets: readonly LlmBudget[]
  /** Names of keys by their ids. */
  readonly names: ReadonlyMap<string, string>
}

export function BudgetTable({ budgets, names }: BudgetTableProps) {
  const manages = usePermission(MANAGE_KEYS)
  return (
    <DataTable
      className="budgets"
      headings={[
        'Of',
        'Spent of the limit',
        ['Spent', 'num'],
        ['Limit', 'num'],
        'Window',
        'At the limit',
        'Lasts',
        ...(manages ? [['Actions', 'sr'] as const] : []),
      ]}
    >
      {budgets.map((budget) => (
        <Row key={budget.id} budget={budget} name={budgetName(budget, names)} manages={manages} />
      ))}
    </DataTable>
  )
}

function Row({ budget, name, manages }: { budget: LlmBudget; name: string; manages: boolean }) {
  const now = useNow()
  const burn = burnOf(budget, now)
  return (
    <tr data-row>
      <td className="break">
        {name}
        {budget.scope !== 'project' && <div className="muted small">of project {budget.project}</div>}
      </td>
      <td>
        <BurnBar burn={burn} alerts={budget.alert_at} />
      </td>
      <td className="num">
        {budget.spent === null ? <span className="muted">not known</span> : dollarMoney(budget.spent)}
      </td>
      <td className="num">{dollarMoney(budget.limit)}</td>
      <td className="nowrap">
        {budget.window === 'total' ? 'all time' : budget.window}
        {burn.ends !== null && <div className="muted small">{leftText(burn.ends - now)}</div>}
      </td>
      <td className="nowrap">{budget.hard ? 'refused' : 'told only'}</td>
      <td>
        <Lasts burn={burn} hard={budget.hard} />
      </td>
      {manages && (
        <ActionsCell>
          <ChangeBudget budget={budget} name={name} />
          <Remove budget={budget} name={name} />
        </ActionsCell>
      )}
    </tr>
  )
}

/** A page that stood open may show a window that is over. */
function leftText(ms: number): string {
  return ms > 0 ? `${duration(ms)} left` : 'is over'
}

const FILLS: Readonly<Record<Burn['state'], string>> = {
  unknown: '',
  passed: 'var(--bad)',
  runs_out: 'var(--warn)',
  alert: 'var(--warn)',
  in_time: 'var(--accent)',
}

/** What is spent, with a mark at each alert and a line at the part of the window that has gone by. */
function BurnBar({ burn, alerts }: { burn: Burn; alerts: readonly number[] }) {
  if (burn.spent === null) return <div className="burn unknown" role="img" aria-label="what is spent is not known" />
  const gone = burn.elapsed === null ? '' : `, ${percent(burn.elapsed, 0)} of its time gone`
  return (
    <div
      className="burn"
      role="img"
      aria-label={`${percent(burn.spent)} spent${gone}`}
      title={`${percent(burn.spent)} spent${gone}`}
    >
      <i style={{ width: `${Math.min(1, burn.spent) * 100}%`, background: FILLS[burn.state] }} />
      {alerts.map((at) => (
        <b key={at} style={{ left: `${at * 100}%` }} />
      ))}
      {burn.elapsed !== null && <u style={{ left: `${burn.elapsed * 100}%` }} />}
    </div>
  )
}

function Lasts({ burn, hard }: { burn: Burn; hard: boolean }) {
  if (burn.spent === null) return <Status word="unknown" tone="idle" label="not known" />
  if (burn.state === 'passed')
    return (
      <Status
        word="passed"
        tone="bad"
        label={hard ? 'spent: calls are refused' : `passed, ${percent(burn.spent, 0)} of it`}
      />
    )
  if (burn.runsOut !== null)
    return (
      <>
        <Status word="runs_out" tone="warn" label="runs out at this pace" />
        <div className="muted small nowrap">about {eventTime(new Date(burn.runsOut).toISOString())}</div>
      </>
    )
  const left = `${percent(1 - burn.spent, 0)} left`
  if (burn.state === 'alert') return <Status word="alert" tone="warn" label={`${left}, past an alert`} />
  return <Status word="in_time" tone="good" label={left} />
}

function Remove({ budget, name }: { budget: LlmBudget; name: string }) {
  return (
    <Confirm
      label="Remove"
      needs={MANAGE_KEYS}
      tone="danger"
      preview={
        <p>
          Nothing holds {name} to {dollarMoney(budget.limit)} any longer, at once. What was spent stays in the ledger.
        </p>
      }
      act={() =>
        call<typeof llmBudgetsApi.removeLlmBudget>('DELETE', '/v1/llm/budgets/:id', { params: { id: budget.id } })
      }
    />
  )
}
