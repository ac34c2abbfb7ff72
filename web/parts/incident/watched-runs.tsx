/** What a watched search found: the runs, each with its page, and how many it may find. */
import { Link } from '@tanstack/react-router'
import { plural } from '../../../src/contract/text/format.ts'
import type { Incident } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'

interface Found {
  readonly id: string
  readonly name: string
  readonly started_at: number | null
}

export function WatchedRuns({ incident }: { incident: Incident }) {
  const evidence = incident.causes[0]?.evidence ?? {}
  const runs = foundIn(evidence['runs'])
  const most = typeof evidence['more_than'] === 'number' ? evidence['more_than'] : 0
  return (
    <Panel title="Matching runs" note={`at most ${plural(most, 'run')} allowed`}>
      <p>
        The search is watched by the{' '}
        <Link to="/monitoring/$name" params={{ name: incident.endpoint }}>
          monitor of {incident.endpoint}
        </Link>
        , where the limit can be changed.
      </p>
      {runs.length === 0 ? (
        <p className="muted">These runs no longer exist.</p>
      ) : (
        <ul className="stack" style={{ gap: 6 }}>
          {runs.map((run) => (
            <li key={run.id} className="row">
              <Link to="/runs/$id" params={{ id: run.id }} className="break">
                {run.name}
              </Link>
              {run.started_at !== null && (
                <span className="muted small">
                  started <RelativeTime at={new Date(run.started_at).toISOString()} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

/** Evidence is free-form: what is no run is left out. */
function foundIn(value: unknown): Found[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((one: unknown): Found[] => {
    if (typeof one !== 'object' || one === null) return []
    const { id, name, started_at } = one as Record<string, unknown>
    if (typeof id !== 'string') return []
    return [
      {
        id,
        name: typeof name === 'string' && name !== '' ? name : id.slice(0, 8),
        started_at: typeof started_at === 'number' ? started_at : null,
      },
    ]
  })
}
