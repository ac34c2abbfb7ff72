/** Suspected causes, best first, each with what speaks for it. */
import { Link } from '@tanstack/react-router'
import { evidenceLines } from '../../data/endpoints/evidence.ts'
import { eventTime, percent, words } from '../../../src/contract/text/format.ts'
import { pageOf } from '../../data/page-links.ts'
import { Empty } from '../page/placeholders.tsx'
import { Facts } from '../page/page.tsx'
import { Status } from '../page/status.tsx'

export interface Suspect {
  readonly rank: number
  readonly kind: string
  readonly title: string
  readonly score: number
  readonly features: readonly string[]
  readonly evidence: Readonly<Record<string, unknown>>
  /** Null of what has no course: it happened then. */
  readonly severity: string | null
  readonly began_event_time: string | null
  readonly seen_event_time: string | null
  readonly ended_event_time: string | null
}

export function Suspects({ causes }: { causes: readonly Suspect[] }) {
  if (causes.length === 0) return <Empty title="No likely cause found yet">The checks below show what differs.</Empty>
  return (
    <ol>
      {causes.map((cause) => (
        <li key={`${cause.rank} ${cause.title}`} className="suspect">
          <div className="row">
            <span className="muted">{cause.rank}</span>
            <strong className="break">{cause.title}</strong>
            {cause.severity !== null && <Status word={cause.severity} />}
            {cause.severity !== null && cause.ended_event_time !== null && <Status word="over" />}
          </div>
          <div className="row small muted">
            <span>{words(cause.kind)}</span>
            <span>score {percent(cause.score, 0)}</span>
            {cause.features.length > 0 && <span className="break">{cause.features.join(', ')}</span>}
          </div>
          <Course cause={cause} />
          <div className="bar" aria-hidden="true">
            <i style={{ width: `${cause.score * 100}%` }} />
          </div>
          <Evidence evidence={cause.evidence} />
        </li>
      ))}
    </ol>
  )
}

/** Since when, and until when, a cause was there. */
function Course({ cause }: { cause: Suspect }) {
  if (cause.began_event_time === null) return null
  return (
    <p className="small muted">
      began {eventTime(cause.began_event_time)}, last seen {eventTime(cause.seen_event_time)}
      {cause.ended_event_time !== null && <>, over at {eventTime(cause.ended_event_time)}</>}
    </p>
  )
}

/** What speaks for a cause; the address of a thing becomes a link to its page. */
function Evidence({ evidence: { href, ...rest } }: { evidence: Suspect['evidence'] }) {
  const page = typeof href === 'string' ? pageOf(href) : undefined
  return (
    <>
      <Facts items={evidenceLines(rest)} />
      {page !== undefined && <Link to={page}>Open</Link>}
    </>
  )
}
