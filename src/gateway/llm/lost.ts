/** The record of a call whose gateway was killed before it could write one: it is charged with what was reserved for it. */
import type { Reservation } from './money/batch.ts'
import type { LlmCallRecord } from './records/record.ts'
import type { LlmRoute } from '../table/llm.ts'

/** What is not known of the call is empty; its project and its key are those of the budgets that it was reserved in. */
export function lostRecord({ id, at, amount, budgets }: Reservation, route: LlmRoute): LlmCallRecord {
  const charged = route.budgets.filter((budget) => budgets.includes(budget.id))
  const of = (scope: string): string | null => charged.find((budget) => budget.scope === scope)?.of ?? null
  return {
    t: 'l',
    id,
    started: at,
    us: 0,
    first_us: null,
    own_us: 0,
    project: charged[0]?.project ?? 'default',
    endpoint: '',
    dialect: 'chat',
    stream: false,
    key: of('key'),
    user: of('user'),
    team: of('team'),
    tags: charged.filter(({ scope }) => scope === 'tag').map((budget) => budget.of),
    provider: null,
    kind: null,
    model: null,
    status: 0,
    outcome: 'lost',
    error: 'its gateway was killed while it was answered',
    attempts: [],
    cache: null,
    saved: 0,
    guards: [],
    usage: null,
    raw_usage: null,
    cost_status: 'reserved',
    cost: amount,
    price: null,
    reserved: amount,
    budgets,
    lost: [],
    experiment: null,
    traceparent: null,
    finish: null,
    digest: { request: '', answer: null },
  }
}
