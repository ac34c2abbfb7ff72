/** What a model sees of an entity now. */
import type { UseQueryResult } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import { fieldsOf, seenOf } from '../../data/features/entity-row.ts'
import type { ReadFeatures } from '../../data/features/queries.ts'
import { headlineOf } from '../../data/features/why.ts'
import { Panel } from '../page/page.tsx'
import { Failure, Loading } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { ReadViews } from './read-views.tsx'
import { NeverStored, SeenValues } from './seen-values.tsx'

const FROM = '/features/look-up'

export interface AnswerProps {
  readonly service: FeatureService
  /** The views of the project in their newest versions. */
  readonly views: readonly FeatureView[]
  readonly texts: Readonly<Record<string, string>>
  readonly answer: UseQueryResult<ReadFeatures>
}

export function Answer({
  service,
  views,
  texts,
  answer: { data, error, isFetching, refetch, dataUpdatedAt },
}: AnswerProps) {
  const { project } = useSearch({ from: FROM })
  const [row] = data?.rows ?? []
  if (error !== null && !isFetching) {
    return (
      <div className="panel">
        <Failure what="The features of the entity" error={error} retry={() => void refetch()} />
      </div>
    )
  }
  if (data === undefined || row === undefined) return <Loading height={280} />
  const seen = seenOf(service.columns, data.views, row)
  const keys = fieldsOf(service, views).filter(({ kind }) => kind === 'key')
  const entity = keys.map(({ name }) => [name, texts[name] ?? ''] as const)
  const { title, rest } = headlineOf(service.name, entity, seen)
  return (
    <>
      <div className="headline" aria-live="polite">
        <h2>{title}</h2>
        <p className="row muted">
          {rest !== '' && <span>{rest}</span>}
          <span>
            Read <RelativeTime at={new Date(dataUpdatedAt).toISOString()} />
          </span>
          <button type="button" className="button quiet" disabled={isFetching} onClick={() => void refetch()}>
            Read again
          </button>
        </p>
      </div>
      <NeverStored project={project} seen={seen} />
      <div className="beside">
        <Panel title="Values" flush>
          <SeenValues project={project} seen={seen} views={views} />
        </Panel>
        <Panel title="Views" note="as they were read" flush>
          <ReadViews project={project} seen={seen} />
        </Panel>
      </div>
    </>
  )
}
