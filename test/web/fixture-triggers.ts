/** Recorded triggers for the browser tests, shaped by the contract. */
import type { triggersApi } from '../../src/contract/pipelines/triggers.ts'
import type { Reply } from '../../src/contract/route.ts'

type Trigger = Reply<typeof triggersApi.getTrigger>

const at = (ms: number): string => new Date(ms).toISOString()

/** One that others call, and one that cannot look. */
export function recordedTriggers(now: number): Trigger[] {
  const of = { project: 'flights', at_most: 12, last_run: 'run_01k2b9d', last_event_at: at(now - 900_000) }
  return [
    {
      ...of,
      name: 'called',
      on: 'webhook',
      watches: 'signed calls of its address',
      state: 'held',
      trouble: null,
      trouble_since: null,
      looked_at: null,
      debounce_ms: 0,
      pending: 3,
      path: '/v1/hooks/flights/called',
      has_secret: true,
    },
    {
      ...of,
      name: 'arrived',
      on: 'source',
      watches: 'what source "raw" gives, every 60 s',
      state: 'blind',
      trouble: 'source "raw": s3://flights/raw/: the server does not answer',
      trouble_since: at(now - 3_600_000),
      looked_at: at(now - 3_660_000),
      debounce_ms: 300_000,
      pending: 0,
      path: null,
      has_secret: false,
    },
  ]
}

export function recordedEvents(now: number): Reply<typeof triggersApi.listTriggerEvents>['items'] {
  return [
    { id: 'event_2', what: 'call b of its address', state: 'waiting', run: null, message: '', at: at(now - 60_000) },
    {
      id: 'event_1',
      what: 'call a of its address',
      state: 'started',
      run: 'run_01k2b9d',
      message: '',
      at: at(now - 900_000),
    },
  ]
}

export function recordedDeliveries(now: number): Reply<typeof triggersApi.listTriggerDeliveries>['items'] {
  const reason = 'its signature is not one with the secret of the trigger'
  return [
    { id: 'delivery_2', delivery: 'c', outcome: 'refused', reason, at: at(now - 30_000) },
    { id: 'delivery_1', delivery: 'a', outcome: 'accepted', reason: '', at: at(now - 900_000) },
  ]
}
