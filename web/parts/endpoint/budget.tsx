/** The error budget of an endpoint: how many failures its traffic allows, how many there were, how fast they come. */
import { useQuery } from '@tanstack/react-query'
import { budgetOf } from '../../data/endpoints/budget.ts'
import type { Budget } from '../../data/endpoints/budget.ts'
import { count, percent } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'
import { Status } from '../page/status.tsx'

const DAY_S = 86_400
/** What a plan allows that names no limit. */
const ALLOWED = 0.02

export function BudgetPanel({ name }: { name: string }) {
  const latency = useQuery(read.latency(name, DAY_S))
  const rollouts = useQuery(read.rollouts(name))
  const allowed = rollouts.data?.items[0]?.plan.gates.error_rate?.at_most ?? ALLOWED
  return (
    <Panel title="Error budget" note={`the last 24 hours; ${percent(allowed, 2)} of the requests may fail`}>
      <Loaded query={latency} what="The error budget" height={60}>
        {(data) => <Spent budget={budgetOf(data, allowed)} />}
      </Loaded>
    </Panel>
  )
}

function Spent({ budget }: { budget: Budget }) {
  if (budget.requests === 0) return <Empty title="No requests in the last 24 hours" />
  const { spent } = budget
  const tone = spent >= 1 ? 'bad' : spent >= 0.5 ? 'warn' : 'good'
  return (
    <>
      <p className="row break">
        <Status word="budget" tone={tone} label={`${percent(Math.max(0, 1 - spent))} left`} />
        <span>
          {count(budget.failed)} of {count(budget.requests)} requests failed; the budget is{' '}
          {count(Math.floor(budget.allowed))}. {paceOf(budget)}
        </span>
      </p>
      <meter
        aria-label={`${percent(spent, 0)} of the error budget is used`}
        min={0}
        max={1}
        high={0.5}
        low={0.5}
        optimum={0}
        value={Math.min(1, spent)}
        style={{ width: '100%', height: 14 }}
      />
    </>
  )
}

function paceOf({ pace }: Budget): string {
  if (pace === null) return ''
  if (pace === 0) return 'No recent failures.'
  return `Recent failures are at ${Number(pace.toPrecision(2))} times the rate that the budget allows.`
}
