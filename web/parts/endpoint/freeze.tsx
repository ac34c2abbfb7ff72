/** The freeze of an endpoint: whether anything may go forward, and the freeze by hand. */
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { rolloutApi } from '../../../src/contract/rollout.ts'
import { call } from '../../data/api.ts'
import { exact } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Frozen } from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { usePermission } from '../form/permissions.ts'
import { Status } from '../page/status.tsx'
import { RelativeTime } from '../page/relative-time.tsx'

const DEPLOY = { verb: 'deploy', resource: 'rollouts' } as const

/** What freezes an endpoint now, by hand or by the calendar of its plan. */
export function useFrozen(endpoint: string): Frozen | undefined {
  return useQuery(read.freezes).data?.items.find((one) => one.endpoint === endpoint)
}

/** A freeze as a sentence; null where there is none. */
export function frozenSentence(frozen: Frozen | undefined): string | null {
  if (frozen === undefined) return null
  const { endpoint, reason, until, by } = frozen
  const end = until === null ? 'until it is lifted' : `until ${exact(until)}`
  return `${endpoint} is frozen ${by === null ? 'by the calendar of its plan' : `by ${by}`} ${end}${reason === '' ? '' : `: ${reason}`}.`
}

/** Why nothing goes forward; nothing where all may. */
export function FreezeState({ endpoint }: { endpoint: string }) {
  const frozen = useFrozen(endpoint)
  if (frozen === undefined) return null
  return (
    <p className="row break" style={{ paddingBottom: 8 }}>
      <Status word="frozen" />
      <span>
        {frozen.reason !== '' && `${frozen.reason}, `}
        <ByWhom frozen={frozen} />, <Until frozen={frozen} />. No step starts and nothing is promoted or deployed;
        rolling back is always possible.
      </span>
    </p>
  )
}

export function ByWhom({ frozen: { by } }: { frozen: Frozen }) {
  return <>{by === null ? 'by the calendar of its plan' : `by ${by}`}</>
}

export function Until({ frozen: { until } }: { frozen: Frozen }) {
  if (until === null) return <>until it is lifted</>
  return (
    <>
      until {exact(until)} (<RelativeTime at={until} />)
    </>
  )
}

/** Freezes an endpoint, or lifts its freeze by hand; a calendar is a part of the plan. */
export function FreezeControl({ endpoint }: { endpoint: string }) {
  const { data } = useQuery(read.freezes)
  const allowed = usePermission(DEPLOY)
  if (data === undefined || !allowed) return null
  const frozen = data.items.find((one) => one.endpoint === endpoint)
  return frozen === undefined || frozen.by === null ? (
    <FreezeButton endpoints={[endpoint]} label="Freeze" />
  ) : (
    <LiftFreezeButton endpoint={endpoint} label="Lift the freeze" />
  )
}

export function LiftFreezeButton({ endpoint, label }: { endpoint: string; label: string }) {
  return (
    <Confirm
      label={label}
      preview={<p>Rollouts of {endpoint} continue at once if their gates pass.</p>}
      act={() => call<typeof rolloutApi.thaw>('DELETE', '/v1/endpoints/:name/freeze', { params: { name: endpoint } })}
    />
  )
}

/** Freezes one of these endpoints, with a reason and an end. */
export function FreezeButton({ endpoints, label }: { endpoints: readonly string[]; label: string }) {
  const [chosen, setChosen] = useState('')
  const [until, setUntil] = useState('')
  const fields = { endpoint: useId(), until: useId() }
  const name = endpoints.includes(chosen) ? chosen : (endpoints[0] ?? '')
  return (
    <Confirm
      label={label}
      reason="required"
      preview={
        <div className="stack">
          <p>While an endpoint is frozen, no rollout step starts and no version is promoted or deployed.</p>
          {endpoints.length > 1 && (
            <div className="field">
              <label htmlFor={fields.endpoint}>Endpoint</label>
              <select id={fields.endpoint} value={name} onChange={(event) => setChosen(event.target.value)}>
                {endpoints.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </div>
          )}
          <div className="field">
            <label htmlFor={fields.until}>Until, in your time zone (empty: until it is lifted)</label>
            <input
              id={fields.until}
              type="datetime-local"
              value={until}
              onChange={(event) => setUntil(event.target.value)}
            />
          </div>
        </div>
      }
      act={(reason) =>
        call<typeof rolloutApi.freeze>('PUT', '/v1/endpoints/:name/freeze', {
          params: { name },
          body: { reason, ...(until !== '' && { until: new Date(until).toISOString() }) },
        }).then(() => setUntil(''))
      }
    />
  )
}
