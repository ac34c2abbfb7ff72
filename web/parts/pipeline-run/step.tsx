/** One step: its log as it is written, its attempts, and why it ran or was taken from the cache. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { bytes, count, duration, NONE, sentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Step } from '../../data/queries.ts'
import { Loaded } from '../page/placeholders.tsx'
import { LiveLog } from '../text/live-log.tsx'
import { Facts, Panel, Scroll } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { CheckpointsPanel } from './checkpoints.tsx'
import { WaitPanel } from './limits.tsx'
import { ItemPanels } from './items.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export function StepPanels({ run, step }: { run: string; step: Step }) {
  return (
    <>
      {step.failure !== null && (
        <Panel title={`Why ${step.name} failed`} note={step.failure.class}>
          <p className="bad-text break">{step.failure.message}</p>
          {step.failure.traceback !== null && (
            <Scroll label="Traceback" className="log">
              <code>{step.failure.traceback}</code>
            </Scroll>
          )}
        </Panel>
      )}
      {step.items === undefined ? (
        <RunOnce run={run} step={step} />
      ) : (
        <>
          <Panel title={`Why ${step.name} stands so`} note={<Status word={step.state} />}>
            <Why run={run} step={step} />
          </Panel>
          <ItemPanels key={`${run} ${step.name}`} run={run} step={step} items={step.items} />
        </>
      )}
    </>
  )
}

/** A step without items: its log, why it ran, its attempts. */
function RunOnce({ run, step }: { run: string; step: Step }) {
  return (
    <div className="two">
      <Panel title={`Log of ${step.name}`} note={<Status word={step.state} />}>
        {step.attempts.length === 0 ? (
          <p className="muted">{NOT_RUN[step.state] ?? 'Not started yet.'}</p>
        ) : (
          <LiveLog key={`${run} ${step.name}`} run={run} step={step.name} running={step.finished_at === null} />
        )}
      </Panel>
      <div className="stack">
        <WaitPanel step={step} />
        <Panel title={step.cache?.hit || step.skipped !== undefined ? 'Why it did not run' : 'Why it ran'}>
          <Why run={run} step={step} />
        </Panel>
        <Panel title="Attempts" flush>
          <Attempts step={step} />
        </Panel>
        <CheckpointsPanel run={run} step={step} />
      </div>
    </div>
  )
}

const NOT_RUN: Readonly<Record<string, string>> = {
  cached: 'Not run: the result came from the cache.',
  skipped: 'Not run: the step was skipped.',
}

/** What the condition of a step came to, or that it is open. */
function ConditionOf({ when }: { when: NonNullable<Step['when']> }) {
  const came = when.holds === null ? 'is not decided yet' : when.holds ? 'holds' : 'does not hold'
  return (
    <p className="break">
      Its condition {came}: <code>{when.detail ?? when.condition}</code>
    </p>
  )
}

function Why({ run, step }: { run: string; step: Step }) {
  const { cache, when, skipped } = step
  if (cache === null)
    return (
      <>
        {when !== undefined && <ConditionOf when={when} />}
        {skipped === undefined ? (
          <p className="muted">The cache key is computed once the steps before it are done.</p>
        ) : (
          when?.holds !== false && <p className="break">{sentence(skipped)}</p>
        )}
      </>
    )
  return (
    <>
      {when !== undefined && <ConditionOf when={when} />}
      {step.waits_for !== null && (
        <p className="warn-text break">
          Waits for run{' '}
          <Link to="/pipelines/$id" params={{ id: step.waits_for.run }} search={{ step: step.waits_for.step }}>
            {step.waits_for.run.slice(-6)}
          </Link>
          , step {step.waits_for.step}, with the same key, and takes its result.
        </p>
      )}
      <p className="break">
        {sentence(cache.reason)}
        {cache.from_run !== null && (
          <>
            {' '}
            <Link to="/pipelines/$id" params={{ id: cache.from_run }} search={{ step: step.name }}>
              Show that run
            </Link>
          </>
        )}
      </p>
      {(step.reads ?? []).map(({ kind, name }) => (
        <p key={`${kind} ${name}`} className="warn-text break">
          It read {kind === 'project' ? 'project file' : kind} {name}, which its cache key does not hold.
        </p>
      ))}
      {cache.changes.length > 0 && (
        <Scroll label="What changed">
          <DataTable headings={['What changed', 'Before', 'Now']}>
            {cache.changes.map((change) => (
              <tr key={`${change.component} ${change.what}`}>
                <td className="break">{change.what}</td>
                <td className="break">{short(change.before)}</td>
                <td className="break">{short(change.after)}</td>
              </tr>
            ))}
          </DataTable>
        </Scroll>
      )}
      <details>
        <summary>All components of the cache key</summary>
        <Components run={run} step={step.name} />
      </details>
    </>
  )
}

const SHORT = 24

function short(text: string | null): string {
  if (text === null) return NONE
  return text.length > SHORT && /^(sha256:)?[0-9a-f]+$/.test(text) ? `${text.slice(0, SHORT - 8)}…` : text
}

function Components({ run, step }: { run: string; step: string }) {
  const explained = useQuery(read.explanation(run, step))
  return (
    <Loaded query={explained} what="The explanation" height={80}>
      {(data) => (
        <div style={{ display: 'grid', gap: 8, paddingTop: 8 }}>
          <Facts
            items={Object.entries(data.components).map(([name, value]) => [
              name,
              <code key={name}>{short(value)}</code>,
            ])}
          />
          {data.warnings.map((warning) => (
            <p key={warning} className="warn-text break">
              {warning}
            </p>
          ))}
          <p className="muted small break">
            {data.files.length === 0 ? 'No code files.' : `Code: ${data.files.join(', ')}`}
          </p>
        </div>
      )}
    </Loaded>
  )
}

function Attempts({ step }: { step: Step }) {
  if (step.attempts.length === 0) return <p className="empty">No attempts yet.</p>
  return (
    <DataTable
      headings={['Attempt', 'State', ['Duration', 'num'], ['CPU', 'num'], ['Memory', 'num'], ['Started', 'num']]}
    >
      {step.attempts.map((attempt) => (
        <tr key={attempt.id}>
          <td>{count(attempt.number)}</td>
          <td>
            <Status word={attempt.state} />
            {attempt.failure !== null && <div className="small muted break">{attempt.failure.message}</div>}
          </td>
          <td className="num">{duration(attempt.wall_ms)}</td>
          <td className="num">
            {duration(attempt.cpu_seconds === null ? null : attempt.cpu_seconds * 1000)}
            {attempt.measured !== 'whole' && (
              <div className="small muted">{attempt.measured === 'partly' ? 'at least' : 'not measured'}</div>
            )}
          </td>
          <td className="num">{bytes(attempt.max_rss_bytes)}</td>
          <TimeCell at={attempt.started_at ?? attempt.queued_at} />
        </tr>
      ))}
    </DataTable>
  )
}
