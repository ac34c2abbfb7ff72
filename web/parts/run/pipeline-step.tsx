/** The pipeline step that made a run: its log, and what its pipeline run has cost. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { money } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Run } from '../../data/queries.ts'
import { LiveLog } from '../text/live-log.tsx'
import { Panel } from '../page/page.tsx'

const PIPELINE_RUN = 'slipway.pipeline_run'
const STEP = 'slipway.step'

export function PipelineStepPanel({ run }: { run: Run }) {
  const { [PIPELINE_RUN]: id, [STEP]: step } = run.tags
  if (id === undefined || step === undefined) return null
  return (
    <Panel title="Log" note={<Note id={id} step={step} />}>
      <LiveLog key={`${id} ${step}`} run={id} step={step} running={run.ended_at === null} />
    </Panel>
  )
}

function Note({ id, step }: { id: string; step: string }) {
  const spent = useQuery(read.cost('run')).data?.items.find((item) => item.key === id)?.micro_dollars
  return (
    <>
      of step {step} in{' '}
      <Link to="/pipelines/$id" params={{ id }} search={{ step }}>
        pipeline run {id.slice(-6)}
      </Link>
      {spent !== undefined && `, which cost ${money(spent)} so far`}
    </>
  )
}
