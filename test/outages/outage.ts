/** What an outage may and may not do to answers: a fault is told as one, and afterwards every route answers as before. */
import assert from 'node:assert/strict'
import type { Route } from '../../src/contract/route.ts'
import type { Answer, Asked } from './requests.ts'

/** True for a route that changes nothing. */
export function isRead({ method, access, path }: Route): boolean {
  return path !== '/login/:code' && (method === 'GET' || (access !== 'public' && access.verb === 'read'))
}

/** How an answer reads in a list. */
export function shown({ request, answer }: Asked): string {
  return `${request.name}: ${answer.status} ${answer.text.slice(0, 300)}`
}

/** True for a fault that is told as one: 503 or 507, in the words of the route's protocol. */
export function isFault({ answer }: Asked): boolean {
  if (answer.status !== 503 && answer.status !== 507) return false
  return /"code":"(?:unavailable|storage_unreadable|storage_full)"|"error_code":"(?:TEMPORARILY_UNAVAILABLE|INTERNAL_ERROR)"/.test(
    answer.text,
  )
}

/** How the requests of an outage were answered. */
export interface Outcome {
  /** Routes that told a fault. */
  readonly faults: readonly string[]
  /** Routes that answered with a success. */
  readonly answered: readonly string[]
  /** Routes that refused the request before they looked. */
  readonly refused: readonly string[]
  /** Everything else: other 5xx, "not there", "not logged in", hangs. */
  readonly wrong: readonly string[]
}

/** Sorts the answers of an outage. */
export function outcomeOf(asked: readonly Asked[]): Outcome {
  const kindOf = (one: Asked): keyof Outcome => {
    const { status } = one.answer
    if (isFault(one)) return 'faults'
    if (status >= 200 && status < 400) return 'answered'
    return [400, 415, 422].includes(status) ? 'refused' : 'wrong'
  }
  const by = Map.groupBy(asked, kindOf)
  const names = (kind: keyof Outcome): string[] => (by.get(kind) ?? []).map(({ request }) => request.name).sort()
  return {
    faults: names('faults'),
    answered: names('answered'),
    refused: (by.get('refused') ?? []).map(shown),
    wrong: (by.get('wrong') ?? []).map(shown),
  }
}

/** True for two answers that say the same; the ids of their requests differ. */
export function isSame(one: Answer, other: Answer): boolean {
  return one.status === other.status && withoutId(one.text) === withoutId(other.text)
}

function withoutId(text: string): string {
  return text.replace(/"request_id":"[^"]*"/, '')
}

/** What of two rounds of the same requests was answered otherwise, but for `volatile` routes, whose answers differ in any case. */
export function differences(
  before: readonly Asked[],
  after: readonly Asked[],
  volatile: ReadonlySet<string>,
): string[] {
  assert.equal(after.length, before.length)
  return before.flatMap((one, index) => {
    const then = one.answer
    const now = (after[index] as Asked).answer
    const same = isSame(then, now) || (then.status === now.status && volatile.has(one.request.name))
    return same ? [] : [`${one.request.name}: ${then.status} ${clip(then.text)} became ${now.status} ${clip(now.text)}`]
  })
}

/** These tell how the server is just now, what it has cost so far, and what its rounds have looked at. */
const OF_THE_MOMENT = [
  'GET /v1/health',
  'GET /v1/proof',
  'GET /metrics',
  'GET /v1/cost',
  'GET /v1/storage',
  'POST /v1/audit/verify',
]

/** Routes whose answers differ from one round to the next although nothing happened: only their status is compared. */
export function volatileOf(first: readonly Asked[], second: readonly Asked[]): ReadonlySet<string> {
  const differ = first.filter((one, index) => !isSame(one.answer, (second[index] as Asked).answer))
  return new Set([...OF_THE_MOMENT, ...differ.map(({ request }) => request.name)])
}

function clip(text: string): string {
  return text.slice(0, 200)
}
