/** What a step has kept of its work: which checkpoints lie ready, what each attempt made and went on from, and what that did not save. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { bytes, count, duration, NONE } from '../../../src/contract/text/format.ts'
import { keptCheckpoints } from '../../data/pipelines/checkpoints.ts'
import type { Kept } from '../../data/pipelines/checkpoints.ts'
import type { Step } from '../../data/queries.ts'
import { Facts, Panel, Scroll } from '../page/page.tsx'
import { Loaded } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'

type Attempt = Step['attempts'][number]
type Told = NonNullable<Attempt['checkpoints']>

export function CheckpointsPanel({ run, step }: { run: string; step: Step }) {
  const { checkpoints, attempts } = step
  if (checkpoints === undefined) return null
  const told = attempts.flatMap((attempt) => (attempt.checkpoints === undefined ? [] : [attempt.checkpoints]))
  return (
    <Panel title="Checkpoints">
      <Facts
        items={[
          ['Made', count(told.reduce((sum, one) => sum + one.made, 0))],
          ['Resumed', checkpoints.resumed === 1 ? 'once' : `${count(checkpoints.resumed)} times`],
          ['Work lost', duration(checkpoints.lost_ms)],
        ]}
      />
      <Warnings told={told} />
      <ByAttempt attempts={attempts} />
      <KeptList run={run} step={step} />
    </Panel>
  )
}

function Warnings({ told }: { told: readonly Told[] }) {
  const failed = told.at(-1)?.failed ?? null
  const damaged = told.reduce((sum, one) => sum + one.damaged, 0)
  return (
    <>
      {damaged > 0 && (
        <p className="warn-text break">{count(damaged)} found damaged and not used: the one before was, or none.</p>
      )}
      {failed !== null && <p className="warn-text break">The last checkpoint could not be kept: {failed}</p>}
    </>
  )
}

/** What each attempt went on from, and how far it came. */
function ByAttempt({ attempts }: { attempts: readonly Attempt[] }) {
  return (
    <Scroll label="Checkpoints by attempt">
      <DataTable
        headings={[['Attempt', 'num'], 'Went on from', ['Made', 'num'], 'Last', ['Size', 'num'], ['Takes', 'num']]}
      >
        {attempts.map(({ id, number, checkpoints: one }) => (
          <tr key={id}>
            <td className="num">{count(number)}</td>
            <td>{one?.resumed == null ? 'the beginning' : <Named {...one.resumed} />}</td>
            <td className="num">{count(one?.made ?? 0)}</td>
            <td>{one?.last == null ? NONE : <Named {...one.last} />}</td>
            <td className="num">{bytes(one?.last?.size)}</td>
            <td className="num">{duration(one?.last?.took_ms)}</td>
          </tr>
        ))}
      </DataTable>
    </Scroll>
  )
}

/** A checkpoint by its number, what the code calls its step, and its age. */
function Named({ number, step, made_at }: Pick<NonNullable<Told['resumed']>, 'number' | 'step' | 'made_at'>) {
  return (
    <>
      <span className="nowrap">
        {count(number)}
        {step !== null && <span className="muted"> at step {count(step)}</span>}
      </span>
      <div className="small muted">
        <RelativeTime at={made_at} />
      </div>
    </>
  )
}

function KeptList({ run, step }: { run: string; step: Step }) {
  const kept = useQuery(keptCheckpoints(run, step.name))
  return (
    <Loaded query={kept} what="The kept checkpoints" height={60}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="muted small">{NONE_KEPT[step.state] ?? 'None is kept.'}</p>
        ) : (
          <Scroll label="Kept checkpoints">
            <DataTable
              label="Kept checkpoints"
              headings={[['Kept', 'num'], 'Step', 'Made by', ['Size', 'num'], ['Age', 'num']]}
            >
              {items.map((one) => (
                <KeptRow key={one.number} one={one} run={run} />
              ))}
            </DataTable>
          </Scroll>
        )
      }
    </Loaded>
  )
}

/** Why none lies ready. */
const NONE_KEPT: Readonly<Record<string, string>> = {
  succeeded: 'None is kept: the step has succeeded.',
  running: 'Those of the running attempt lie with it; they are kept when it ends without success.',
}

function KeptRow({ one, run }: { one: Kept; run: string }) {
  return (
    <tr>
      <td className="num">{count(one.number)}</td>
      <td>{one.step === null ? NONE : count(one.step)}</td>
      <td>
        {one.attempt === null ? NONE : `attempt ${one.attempt}`}
        {one.run !== null && one.run !== run && (
          <div>
            <Link to="/pipelines/$id" params={{ id: one.run }}>
              run {one.run.slice(-6)}
            </Link>
          </div>
        )}
      </td>
      <td className="num">{bytes(one.size)}</td>
      <TimeCell at={one.made_at} />
    </tr>
  )
}
