/** The decisions of a rollout in words, each of which can be judged again from its stored inputs. */
import { useMutation } from '@tanstack/react-query'
import type { rolloutApi } from '../../../src/contract/rollout.ts'
import { call } from '../../data/api.ts'
import { eventTime, plural } from '../../../src/contract/text/format.ts'
import type { Rollout } from '../../data/queries.ts'
import { GateStates } from './gate-states.tsx'
import { Status } from '../page/status.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { ErrorText } from '../form/error-text.tsx'

const SHOWN = 8

export function Verdicts({ rollout, verdicts }: { rollout: string; verdicts: Rollout['verdicts'] }) {
  if (verdicts.length === 0) return null
  const newest = verdicts.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
  return (
    <div>
      <h3>Decisions</h3>
      <ol className="timeline">
        {newest.slice(0, SHOWN).map((verdict) => (
          <li key={verdict.id}>
            <span className="muted small">
              <RelativeTime at={verdict.at} />
              {verdict.event_time !== null && <div>{eventTime(verdict.event_time)}</div>}
            </span>
            <div style={{ minWidth: 0 }}>
              <span className="row">
                <Status word={verdict.decision} />
                <span className="break">
                  {verdict.step}: {verdict.reason}
                </span>
                <Replay rollout={rollout} verdict={verdict.id} />
              </span>
              <Judged verdict={verdict} />
            </div>
          </li>
        ))}
      </ol>
      {newest.length > SHOWN && <p className="muted small">and {newest.length - SHOWN} earlier</p>}
    </div>
  )
}

/** The gates as they stood when it was decided. */
function Judged({ verdict }: { verdict: Rollout['verdicts'][number] }) {
  const { gates, step, decision } = verdict
  if (gates.length === 0) return null
  const failing = gates.filter((gate) => gate.status === 'failing').length
  return (
    <details>
      <summary className="small">
        {plural(gates.length, 'gate')}
        {failing > 0 && `, ${failing} failing`}
        <span className="sr">
          {' '}
          at {step}: {decision}
        </span>
      </summary>
      <GateStates gates={gates} label={`Gates at ${step}: ${decision}, ${verdict.id}`} />
    </details>
  )
}

function Replay({ rollout, verdict }: { rollout: string; verdict: string }) {
  const replay = useMutation({
    mutationFn: () =>
      call<typeof rolloutApi.replay>('POST', '/v1/rollouts/:id/verdicts/:verdict/replay', {
        params: { id: rollout, verdict },
      }),
  })
  if (replay.data !== undefined) {
    const { same, comparable, says, replayed } = replay.data
    if (same) return <Status word="same" tone="good" label="re-evaluated: same decision" />
    const label = `re-evaluated: ${replayed.decision}; ${says}`
    return <Status word="differs" tone={comparable ? 'bad' : 'idle'} label={label} />
  }
  return (
    <>
      <button type="button" className="button quiet" disabled={replay.isPending} onClick={() => replay.mutate()}>
        Re-evaluate
      </button>
      <ErrorText error={replay.error} />
    </>
  )
}
