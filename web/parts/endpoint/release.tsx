/** The newest rollout of an endpoint: where it stands, each gate's evidence, its verdicts in words, what a person may do. */
import { useQuery } from '@tanstack/react-query'
import { stepsOf } from '../../../src/contract/rollout/steps.ts'
import { Evidence } from '../../charts/evidence.tsx'
import {
  count,
  fullSentence,
  percent,
  plural,
  sentence,
  stepWord,
  weight,
  words,
} from '../../../src/contract/text/format.ts'
import { foldSlices, SHIFT_GATE } from '../../data/endpoints/gates.ts'
import * as read from '../../data/queries.ts'
import type { Curve, Rollout } from '../../data/queries.ts'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { GateStates } from './gate-states.tsx'
import { Panel } from '../page/page.tsx'
import { ReleaseActions } from './release-actions.tsx'
import { FreezeControl, FreezeState } from './freeze.tsx'
import { BusinessMetrics } from './business-metrics.tsx'
import { SplitNotice } from './split-notice.tsx'
import { Status, VersionChip } from '../page/status.tsx'
import { Verdicts } from './verdicts.tsx'
import { RelativeTime } from '../page/relative-time.tsx'

export function ReleasePanel({
  endpoint,
  model,
  stable,
}: {
  endpoint: string
  model: string
  stable: string | undefined
}) {
  const rollouts = useQuery(read.rollouts(endpoint))
  const newest = rollouts.data?.items[0]
  return (
    <Panel
      title="Release"
      tools={
        <>
          {newest && <ReleaseActions rollout={newest} />}
          <FreezeControl endpoint={endpoint} />
        </>
      }
      {...(newest && { note: <Status word={newest.state} /> })}
    >
      <FreezeState endpoint={endpoint} />
      <Loaded query={rollouts} what="The rollouts" height={200}>
        {({ items }) =>
          items[0] === undefined ? (
            <Empty title="No rollout yet" commands={['slipway ship']}>
              A new version first scores copies of requests in shadow, then serves a growing share, and is promoted when
              its gates pass.
            </Empty>
          ) : (
            <Newest rollout={items[0]} model={model} stable={stable} earlier={items.slice(1)} />
          )
        }
      </Loaded>
    </Panel>
  )
}

interface NewestProps {
  readonly rollout: Rollout
  readonly model: string
  /** The version that answers now. */
  readonly stable: string | undefined
  readonly earlier: readonly Rollout[]
}

function Newest({ rollout, model, stable, earlier }: NewestProps) {
  return (
    <>
      <p className="break">
        <VersionChip model={model} version={rollout.version} />{' '}
        {rollout.stable_version === null
          ? 'is the first version of this endpoint'
          : `against version ${rollout.stable_version}`}
        {`, ${sentenceOf(rollout)} `}
        Started <RelativeTime at={rollout.created_at} /> by {rollout.created_by}.
        {rollout.reason !== '' && ` ${fullSentence(rollout.reason)}`}
        {rollout.state === 'promoted' && stable !== rollout.version && (
          <>
            {' '}
            <Status
              word="replaced"
              tone="warn"
              label={stable === undefined ? 'no version answers now' : `version ${stable} answers now`}
            />
          </>
        )}
      </p>
      <p className="muted small">
        Plan{modeOf(rollout)}: shadow for {plural(rollout.plan.shadow.requests, 'row')}, then{' '}
        {stepsOf(rollout.plan).map(weight).join(', ')}, at least {plural(rollout.plan.each.min_requests, 'request')}{' '}
        each; on failure: {rollout.plan.on_failure}. Risk of rejecting an equally good version:{' '}
        {percent(rollout.plan.alpha, 2)}. The candidate failed {plural(rollout.failed_requests, 'request')}, which the
        stable version served instead.
        {rollout.challengers.length > 0 && ` Compared in parallel with version ${rollout.challengers.join(', ')}.`}
        {rollout.approvals.map((one) => ` ${sentence(`${stepWord(one.before)} approved by ${one.by}`)}.`)}
      </p>
      <SplitNotice rollout={rollout} />
      <BusinessMetrics rollout={rollout} />
      <GateStates gates={rollout.gates} />
      {rollout.gates.length > 0 && (
        <p className="muted small">
          An e-value measures the evidence that the candidate breaks its limit: 1 means none, and the gate fails when it
          reaches the limit shown beside it. The charts show how it grew.
        </p>
      )}
      <Curves rollout={rollout} />
      <Verdicts rollout={rollout.id} verdicts={rollout.verdicts} />
      {earlier.length > 0 && <Earlier rollouts={earlier} model={model} />}
    </>
  )
}

function modeOf({ plan }: Rollout): string {
  if (plan.mode === 'blue_green') return ' (blue/green)'
  return plan.mode === 'ab' ? ' (A/B)' : ''
}

function sentenceOf(rollout: Rollout): string {
  if (rollout.state === 'watching') return 'is promoted; late labels are still being compared.'
  if (rollout.state === 'kept') return 'was compared; the stable version stays.'
  if (rollout.state === 'canary') return `serves ${weight(rollout.weight)} of the keys.`
  if (rollout.state === 'shadow') return 'scores copies of requests without answering them.'
  return `${words(rollout.state)}.`
}

function Curves({ rollout }: { rollout: Rollout }) {
  const curve = useQuery(read.curve(rollout.id))
  if (curve.data === undefined || curve.data.series.length === 0) return null
  const fails = ({ gate, slice }: Series): boolean =>
    rollout.gates.some((one) => one.gate === gate && one.slice === slice && one.status === 'failing')
  const [shown, folded] = foldSlices(curve.data.series, fails)
  return (
    <>
      <Charts series={shown} fails={fails} />
      {folded.length > 0 && (
        <details>
          <summary className="small">
            Curves of {folded.length} more {folded.length === 1 ? 'slice' : 'slices'}
          </summary>
          <Charts series={folded} fails={fails} />
        </details>
      )}
    </>
  )
}

type Series = Curve['series'][number]

function Charts({ series, fails }: { series: readonly Series[]; fails: (one: Series) => boolean }) {
  return (
    <div className="charts">
      {series.map((one) => (
        <Evidence
          key={`${one.gate} ${one.slice}`}
          title={one.slice === null ? words(one.gate) : `${words(one.gate)}, ${one.slice}`}
          boundary={one.boundary}
          points={one.points}
          failing={fails(one)}
          {...(one.gate === SHIFT_GATE && { beyond: 'waits' })}
        />
      ))}
    </div>
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
            <RelativeTime at={rollout.finished_at ?? rollout.created_at} />
          </li>
        ))}
      </ul>
    </details>
  )
}
