/** What happened in order: drift, deploys, pipeline runs, labels, actions. */
import { Link } from '@tanstack/react-router'
import { eventTime, words } from '../../../src/contract/text/format.ts'
import { pageOf } from '../../data/page-links.ts'
import { RelativeTime } from '../page/relative-time.tsx'

export interface TimelineItem {
  readonly at: string
  readonly event_time: string | null
  readonly kind: string
  readonly text: string
  readonly href: string | null
}

export function Timeline({ entries }: { entries: readonly TimelineItem[] }) {
  if (entries.length === 0) return <p className="muted">No events around that time.</p>
  return (
    <ol className="timeline">
      {entries.map((entry) => {
        const page = pageOf(entry.href)
        return (
          <li key={`${entry.at} ${entry.kind} ${entry.text}`}>
            <span className="muted small">
              {entry.event_time === null ? <RelativeTime at={entry.at} /> : eventTime(entry.event_time)}
              <div>{words(entry.kind)}</div>
            </span>
            <span className="break">{page === undefined ? entry.text : <Link to={page}>{entry.text}</Link>}</span>
          </li>
        )
      })}
    </ol>
  )
}
