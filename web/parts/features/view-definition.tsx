/** What a version of a view declares: whose rows, from where, how long they count. */
import { NONE } from '../../../src/contract/text/format.ts'
import { lifeOf, sourcesOf } from '../../data/features/feature-words.ts'
import type { ViewDetail } from '../../data/features/queries.ts'
import { Facts, Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { TagList } from './about.tsx'
import { SqlBlock } from './sql-block.tsx'

export function ViewDefinition({ view }: { view: ViewDetail }) {
  const { entities, keys, query, event_time, created_time, ttl_ms, push, owner, tags } = view
  return (
    <Panel title="Definition" note={`version ${view.version}`}>
      <Facts
        items={[
          ['Entities', entities.length === 0 ? 'none: one row for everything' : entities.join(', ')],
          ['Join keys', <Keys key="k" keys={keys} />],
          ['Source', <Sources key="s" view={view} />],
          ['Event time', <code key="e">{event_time}</code>],
          [
            'Created time',
            created_time === null ? 'none: a row is known when it happens' : <code key="c">{created_time}</code>,
          ],
          ['Time to live', ttl_ms === null ? 'none: a row counts for ever' : lifeOf(ttl_ms)],
          ['Pushes', push ? 'rows may be pushed' : 'none: rows come from the source alone'],
          ['Owner', owner === '' ? NONE : owner],
          ...(Object.keys(tags).length === 0
            ? []
            : [
                [
                  'Tags',
                  <div key="t" className="row">
                    <TagList tags={tags} />
                  </div>,
                ] as const,
              ]),
          ['Changed', <Changed key="a" view={view} />],
        ]}
      />
      {query !== null && <SqlBlock sql={query} label="Query of the view" />}
    </Panel>
  )
}

function Keys({ keys }: Pick<ViewDetail, 'keys'>) {
  if (keys.length === 0) return NONE
  return <span className="mono">{keys.map(({ name, type }) => `${name} ${type}`).join(', ')}</span>
}

function Sources({ view }: { view: ViewDetail }) {
  return sourcesOf(view).map(({ kind, place }) => (
    <div key={place}>
      <span className="muted">{kind}</span> {place}
    </div>
  ))
}

function Changed({ view: { changed_at: at, changed_by: by } }: { view: ViewDetail }) {
  return (
    <>
      <RelativeTime at={at} /> by {by}
    </>
  )
}
