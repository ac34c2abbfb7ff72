/** The steps of a run over time: what each waited for its place, how long it was being started, and how long it ran. */
import { Link } from '@tanstack/react-router'
import { duration, NONE, plural } from '../../../src/contract/text/format.ts'
import { spent, timelineOf } from '../../data/pipelines/timeline.ts'
import type { Lane, Phase, Timeline } from '../../data/pipelines/timeline.ts'
import type { PipelineRun } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { useNow } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'

const PHASES: readonly (readonly [phase: Phase, words: string])[] = [
  ['waiting', 'waits for a place'],
  ['starting', 'is being started'],
  ['running', 'runs'],
]

/** Lanes beyond this many scroll inside the panel. */
const MANY = 20

/** Nothing before the first step waits or runs. */
export function TimelinePanel({ run }: { run: PipelineRun }) {
  const timeline = timelineOf(run, useNow())
  if (timeline.lanes.length === 0) return null
  return (
    <Panel title="Timeline" note={<Legend />} flush long={timeline.lanes.length > MANY}>
      <Lanes run={run.id} timeline={timeline} />
      {timeline.others > 0 && (
        <p className="muted small" style={{ padding: '8px 16px' }}>
          {plural(timeline.others, 'step')} without a lane: from the cache, skipped, or not begun.
        </p>
      )}
    </Panel>
  )
}

function Legend() {
  return (
    <span className="legend">
      {PHASES.map(([phase, words]) => (
        <span key={phase} className="chip lanes">
          <i className={phase} />
          {words}
        </span>
      ))}
    </span>
  )
}

function Lanes({ run, timeline }: { run: string; timeline: Timeline }) {
  const whole = Math.max(1, timeline.to - timeline.from)
  return (
    <DataTable
      className="lanes"
      headings={['Step', ['Waited', 'num'], ['Starting', 'num'], ['Ran', 'num'], `0 to ${duration(whole)}`]}
    >
      {timeline.lanes.map((lane) => (
        <tr key={lane.name}>
          <td>
            <LaneName run={run} lane={lane} />
          </td>
          {PHASES.map(([phase]) => (
            <td key={phase} className="num">
              {lengthOf(lane, phase)}
            </td>
          ))}
          <td>
            <div className="lane" aria-hidden="true">
              {lane.spans.map(({ phase, from, to }) => (
                <i
                  key={`${phase} ${from}`}
                  className={phase}
                  style={{
                    left: `${(100 * (from - timeline.from)) / whole}%`,
                    width: `max(2px, ${(100 * (to - from)) / whole}%)`,
                  }}
                />
              ))}
            </div>
          </td>
        </tr>
      ))}
    </DataTable>
  )
}

function LaneName({ run, lane: { name, isCritical, items, spans } }: { run: string; lane: Lane }) {
  if (spans[0]?.phase === 'preparing') return <span className="muted">{name}</span>
  return (
    <>
      <Link
        to="/pipelines/$id"
        params={{ id: run }}
        search={{ step: name }}
        resetScroll={false}
        {...(isCritical && { className: 'strong' })}
      >
        {name}
      </Link>
      {items !== undefined && <div className="muted small nowrap">{plural(items, 'item')}</div>}
      {isCritical && <div className="muted small nowrap">critical path</div>}
    </>
  )
}

/** Of what stands before the first step the last column alone; items have their own waits and starts. */
function lengthOf(lane: Lane, phase: Phase): string {
  if (lane.spans[0]?.phase === 'preparing') return phase === 'running' ? duration(spent(lane, 'preparing')) : ''
  if (lane.items !== undefined && phase !== 'running') return ''
  const ms = spent(lane, phase)
  return ms === 0 ? NONE : duration(ms)
}
