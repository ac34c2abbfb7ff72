/** Whether endpoints are watched: a word for tables, and a notice with the reason and the remedy for the pages of one endpoint. */
import { useQuery } from '@tanstack/react-query'
import { fullSentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Watched } from '../../data/queries.ts'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'

const WORDS = { watched: 'watched', waiting: 'not yet watched', unwatched: 'not watched' } as const
const TONES = { watched: 'good', waiting: 'idle', unwatched: 'warn' } as const

/** The state of an endpoint's watch; undefined until it is known. */
export function useWatched(endpoint: string): Watched | undefined {
  const { data } = useQuery(read.watched)
  return data?.items.find((one) => one.endpoint === endpoint)?.watched
}

/** The state in a word; where it is not watched, with the reason. */
export function WatchedWord({ endpoint }: { endpoint: string }) {
  const watched = useWatched(endpoint)
  if (watched === undefined) return '–'
  const { state, detail } = watched
  return (
    <>
      <Status word={state} label={WORDS[state]} tone={TONES[state]} />
      {state !== 'watched' && <span className="break small"> {detail}</span>}
    </>
  )
}

/** Says why nobody watches an endpoint, since when, and what to do; nothing while it is watched or soon will be. */
export function WatchedNotice({ endpoint }: { endpoint: string }) {
  const watched = useWatched(endpoint)
  if (watched?.state !== 'unwatched') return null
  const { detail, since, remedy } = watched
  return (
    <div className="notice break">
      <p>
        <Status word="unwatched" label="not watched" tone="warn" />{' '}
        {since !== null && (
          <>
            since <RelativeTime at={since} />
          </>
        )}
      </p>
      <p>{fullSentence(detail)} Changes of its data and its quality are not noticed.</p>
      {remedy !== null && <p>What to do: {fullSentence(remedy)}</p>}
    </div>
  )
}
