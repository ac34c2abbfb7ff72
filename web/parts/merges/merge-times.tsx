/** How long merges to the main branch take until their version is promoted, and where the time goes. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { duration, plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { MergeTime } from '../../data/queries.ts'
import { Facts, Figures, Panel } from '../page/page.tsx'
import { Loaded } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'

const TITLE = 'Merge to promoted'

/** Of all models that the reader sees. */
export function MergeTimesPanel() {
  return (
    <Panel title={TITLE} note="the last 20 merges to main that were promoted">
      <Loaded query={useQuery(read.mergeTimes())} what="The times from merge to promoted" height={64}>
        {({ items: [newest, ...others], median_ms, slowest }) =>
          newest === undefined ? (
            <p className="muted">
              No merge has been promoted yet. A job of the main branch measures it with{' '}
              <code>slipway ship --merge</code>.
            </p>
          ) : (
            <Figures
              items={[
                ['Median', duration(median_ms), `of ${plural(others.length + 1, 'merge')}`],
                [
                  'Newest',
                  <Link
                    key="n"
                    to="/models/$name/versions/$version"
                    params={{ name: newest.model, version: newest.version }}
                  >
                    {duration(newest.ms)}
                  </Link>,
                  `${newest.model} ${newest.version}`,
                ],
                ...(slowest === null
                  ? []
                  : [['Slowest part', slowest.part, `${duration(slowest.median_ms)}, median`] as const]),
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  )
}

/** Of one version; nothing where no merge led to its promotion. */
export function MergeTimePanel({ model, version }: { model: string; version: string }) {
  const times = useQuery(read.mergeTimes({ model, version }))
  if (times.isPending || times.data?.items.length === 0) return null
  return (
    <Panel title={TITLE}>
      <Loaded query={times} what="The time from merge to promoted" height={96}>
        {({ items }) => items.map((one) => <Merged key={one.rollout} merged={one} />)}
      </Loaded>
    </Panel>
  )
}

function Merged({ merged }: { merged: MergeTime }) {
  return (
    <Facts
      items={[
        ['Whole', duration(merged.ms)],
        [
          'Commit',
          <code key="c" title={merged.commit}>
            {merged.commit.slice(0, 12)}
          </code>,
        ],
        ['Merged', <RelativeTime key="m" at={merged.merged_at} />],
        ...Object.entries(merged.parts).map(([part, ms]) => [`In ${part}`, duration(ms)] as const),
        [
          'Promoted on',
          <Link key="e" to="/endpoints/$name" params={{ name: merged.endpoint }}>
            {merged.endpoint}
          </Link>,
        ],
      ]}
    />
  )
}
