/** The fields of a look-up and what was answered for what the address says. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import { plural } from '../../../src/contract/text/format.ts'
import { askedOf, fieldsOf } from '../../data/features/entity-row.ts'
import type { EntityRead } from '../../data/features/entity-row.ts'
import { momentFault } from '../../data/features/past.ts'
import type { PastRead } from '../../data/features/past.ts'
import * as read from '../../data/features/queries.ts'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { useNow } from '../page/relative-time.tsx'
import { AnswerAt } from './answer-at.tsx'
import { Answer } from './answer.tsx'
import { LookUpCall } from './call.tsx'
import { LookUpForm } from './form.tsx'

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
  const askedThen = useAskedThen(asked, search.at)
  const then = useQuery(read.entityInThePast(askedThen))
  const ask = (typed: Record<string, string>, moment: string | undefined): void => {
    if (JSON.stringify([typed, moment]) === JSON.stringify([texts, search.at])) {
      if (allowed) void answer.refetch()
      if (askedThen !== undefined) void then.refetch()
    } else
      void navigate({ search: { ...search, service: service.name, entity: typed, at: moment }, resetScroll: false })
  }
  return (
    <>
      <Panel title="Entity">
        <LookUpForm
          key={`${service.name} ${service.version}`}
          fields={fields}
          given={texts}
          at={search.at ?? ''}
          allowed={allowed}
          busy={answer.isFetching || then.isFetching}
          onAsk={ask}
        />
      </Panel>
      {asked === undefined ? (
        <p className="muted">
          {service.name} reads {plural(service.columns.length, 'column')} of {plural(service.views.length, 'view')}.
          Give the join keys of an entity to see each value, how old it is, and why one is missing; with a moment in the
          past, also what a model saw then.
        </p>
      ) : askedThen === undefined ? (
        <>
          {allowed && <Answer service={service} views={views} texts={texts} answer={answer} />}
          <Panel title="The call">
            <LookUpCall path="/v1/features:read" asked={asked} answer={answer.data} />
          </Panel>
        </>
      ) : (
        <>
          <AnswerAt service={service} views={views} texts={texts} then={then} now={allowed ? answer : undefined} />
          <Panel title="The calls">
            <LookUpCall path="/v1/features:read" asked={asked} answer={answer.data} />
            <LookUpCall path="/v1/features:look-up" asked={askedThen} answer={then.data} />
          </Panel>
        </>
      )}
    </>
  )
}

/** The call for a moment; undefined while there is none, or none that can be read. */
function useAskedThen(asked: EntityRead | undefined, at: string | undefined): PastRead | undefined {
  const now = useNow()
  if (asked === undefined || at === undefined || momentFault(at, now) !== undefined) return undefined
  return { ...asked, at }
}
