/** The newest rollout of an endpoint: where it stands, each gate's evidence, its verdicts in words, what a person may do. */
import { useQuery } from '@tanstack/react-query'
import type { rolloutApi } from '../../src/contract/rollout.ts'
import { call } from '../api.ts'
import { Evidence } from '../charts/evidence.tsx'
import { count, plural, sentence, weight, words } from '../format.ts'
import * as read from '../queries.ts'
import type { Rollout } from '../queries.ts'
import { Confirm } from './confirm.tsx'
import { Empty, Loaded } from './failure.tsx'
import { GateStates } from './gate-states.tsx'
import { Panel } from './page.tsx'
import { Status, VersionChip } from './status.tsx'
import { Verdicts } from './verdicts.tsx'
import { When } from './when.tsx'

const RUNNING = ['starting', 'shadow', 'canary', 'paused']

export function ReleasePanel({ endpoint, model }: { endpoint: string; model: string }) {
  const rollouts = useQuery(read.rollouts(endpoint))
  const newest = rollouts.data?.items[0]
  return (
    <Panel title="Release" {...(newest && { tools: <Acts rollout={newest} />, note: <Status word={newest.state} /> })}>
      <Loaded query={rollouts} what="The rollouts" height={200}>
        {({ items }) =>
          items[0] === undefined ? (
            <Empty title="No rollout yet" commands={['slipway ship']}>
              A new version is first scored in shadow, then answers a growing share, and is promoted when its gates
              hold.
            </Empty>
          ) : (
            <Newest rollout={items[0]} model={model} earlier={items.slice(1)} />
          )
        }
      </Loaded>
    </Panel>
  )
}

function Newest({ rollout, model, earlier }: { rollout: Rollout; model: string; earlier: readonly Rollout[] }) {
  return (
    <>
      <p className="break">
        <VersionChip model={model} version={rollout.version} />{' '}
        {rollout.stable_version === null
          ? 'is the first version of this endpoint'
          : `against version ${rollout.stable_version}`}
        {`, ${sentenceOf(rollout)} `}
        Started <When at={rollout.created_at} /> by {rollout.created_by}.
        {rollout.reason !== '' && ` ${sentence(rollout.reason)}`}
      </p>
      <p className="muted small">
        Plan: shadow for {plural(rollout.plan.shadow.requests, 'row')}, then{' '}
        {rollout.plan.canary.map(weight).join(', ')}, at least {plural(rollout.plan.each.min_requests, 'request')} each;
        on failure: {rollout.plan.on_failure}. Chance of rejecting an equal version: {rollout.plan.alpha * 100} %. The
        candidate failed {plural(rollout.failed_requests, 'request')}; stable answered those.
      </p>
      <GateStates gates={rollout.gates} />
      <Curves rollout={rollout} />
      <Verdicts rollout={rollout.id} verdicts={rollout.verdicts} />
      {earlier.length > 0 && <Earlier rollouts={earlier} model={model} />}
    </>
  )
}

function sentenceOf(rollout: Rollout): string {
  if (rollout.state === 'canary') return `answers ${weight(rollout.weight)} of the keys.`
  if (rollout.state === 'shadow') return 'scores copies of the requests and answers nobody.'
  return `${words(rollout.state)}.`
}

function Curves({ rollout }: { rollout: Rollout }) {
  const curve = useQuery(read.curve(rollout.id))
  if (curve.data === undefined || curve.data.series.length === 0) return null
  const failing = (gate: string, slice: string | null): boolean =>
    rollout.gates.some((one) => one.gate === gate && one.slice === slice && one.status === 'failing')
  return (
    <div className="charts">
      {curve.data.series.map((series) => (
        <Evidence
          key={`${series.gate} ${series.slice}`}
          title={series.slice === null ? words(series.gate) : `${words(series.gate)}, ${series.slice}`}
          boundary={series.boundary}
          points={series.points}
          failing={failing(series.gate, series.slice)}
        />
      ))}
    </div>
  )
}

const ACTS = [
  {
    action: 'abort',
    label: 'Abort',
    tone: 'danger',
    preview: 'The candidate gets no more traffic within 1 s; the stable version answers everything.',
  },
  {
    action: 'resume',
    label: 'Resume',
    tone: 'plain',
    preview: 'The rollout goes on at the step where it paused; its gates keep their evidence.',
  },
  {
    action: 'promote',
    label: 'Promote',
    tone: 'primary',
    preview:
      'The candidate gets 100 % within 1 s, if the gates of the registry hold; the present version stays loaded for a rollback.',
  },
] as const

function Acts({ rollout }: { rollout: Rollout }) {
  if (!RUNNING.includes(rollout.state)) return null
  const act = (action: 'abort' | 'resume' | 'promote') => (reason: string) =>
    call<typeof rolloutApi.act>('POST', '/v1/rollouts/:id/actions', {
      params: { id: rollout.id },
      body: { action, reason },
    })
  return (
    <>
      {ACTS.filter(({ action }) => action !== 'resume' || rollout.state === 'paused').map(
        ({ action, label, tone, preview }) => (
          <Confirm
            key={action}
            label={label}
            tone={tone}
            reason="required"
            preview={<p>{preview}</p>}
            act={act(action)}
          />
        ),
      )}
    </>
  )
}

function Earlier({ rollouts, model }: { rollouts: readonly Rollout[]; model: string }) {
  return (
    <details>
      <summary>{count(rollouts.length)} earlier</summary>
      <ul style={{ display: 'grid', gap: 6, paddingTop: 8 }}>
        {rollouts.map((rollout) => (
          <li key={rollout.id} className="row">
            <Status word={rollout.state} />
            <VersionChip model={model} version={rollout.version} />
            <span className="muted break">{rollout.reason}</span>
            <When at={rollout.finished_at ?? rollout.created_at} />
          </li>
        ))}
      </ul>
    </details>
  )
}
