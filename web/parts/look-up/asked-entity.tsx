/** The fields of a look-up and what was answered for what the address says. */
import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import { plural } from '../../../src/contract/text/format.ts'
import { askedOf, fieldsOf, seenOf } from '../../data/features/entity-row.ts'
import * as read from '../../data/features/queries.ts'
import type { ReadFeatures } from '../../data/features/queries.ts'
import { headlineOf } from '../../data/features/why.ts'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { Failure, Loading } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { LookUpCall } from './call.tsx'
import { LookUpForm } from './form.tsx'
import { ReadViews } from './read-views.tsx'
import { NeverStored, SeenValues } from './seen-values.tsx'

const FROM = '/features/look-up'

export interface AskedEntityProps {
  readonly service: FeatureService
  /** The views of the project in their newest versions. */
  readonly views: readonly FeatureView[]
  readonly isNewest?: boolean
}

export function AskedEntity({ service, views, isNewest = false }: AskedEntityProps) {
  const search = useSearch({ from: FROM })
  const navigate = useNavigate({ from: FROM })
  const allowed = usePermission({ verb: 'predict', resource: 'endpoints' })
  const fields = fieldsOf(service, views)
  const texts = search.entity ?? {}
  const asked = askedOf({ project: search.project, service, isNewest, fields, texts })
  const answer = useQuery({ ...read.entityFeatures(asked), enabled: allowed && asked !== undefined })
  const ask = (typed: Record<string, string>): void => {
    if (JSON.stringify(typed) === JSON.stringify(texts)) void answer.refetch()
    else void navigate({ search: { ...search, service: service.name, entity: typed }, resetScroll: false })
  }
  return (
    <>
      <Panel title="Entity">
        <LookUpForm
          key={`${service.name} ${service.version}`}
          fields={fields}
          given={texts}
          allowed={allowed}
          busy={answer.isFetching}
          onAsk={ask}
        />
      </Panel>
      {asked === undefined ? (
        <p className="muted">
          {service.name} reads {plural(service.columns.length, 'column')} of {plural(service.views.length, 'view')}.
          Give the join keys of an entity to see each value, how old it is, and why one is missing.
        </p>
      ) : (
        <>
          {allowed && <Answer service={service} views={views} texts={texts} answer={answer} />}
          <Panel title="The call">
            <LookUpCall asked={asked} answer={answer.data} />
          </Panel>
        </>
      )}
    </>
  )
}

interface AnswerProps extends Pick<AskedEntityProps, 'service' | 'views'> {
  readonly texts: Readonly<Record<string, string>>
  readonly answer: UseQueryResult<ReadFeatures>
}

function Answer({ service, views, texts, answer: { data, error, isFetching, refetch, dataUpdatedAt } }: AnswerProps) {
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
