/** What a model saw of an entity at a moment, beside what it sees now. */
import type { UseQueryResult } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { eventTime } from '../../../src/contract/text/format.ts'
import { describe } from '../../data/api.ts'
import { fieldsOf, seenOf } from '../../data/features/entity-row.ts'
import { bothOf, pastHeadline } from '../../data/features/past.ts'
import type { LookedUp, ReadFeatures } from '../../data/features/queries.ts'
import { Panel } from '../page/page.tsx'
import { Failure, Loading } from '../page/placeholders.tsx'
import type { AnswerProps } from './answer.tsx'
import { BothValues } from './both-values.tsx'
import { PastViews } from './past-views.tsx'
import { NeverStored } from './seen-values.tsx'

const FROM = '/features/look-up'

export interface AnswerAtProps extends Omit<AnswerProps, 'answer'> {
  readonly then: UseQueryResult<LookedUp>
  /** Undefined for who may not read the online store. */
  readonly now: UseQueryResult<ReadFeatures> | undefined
}

export function AnswerAt(props: AnswerAtProps) {
  const { then } = props
  const [row] = then.data?.rows ?? []
  if (then.error !== null && !then.isFetching) {
    return (
      <div className="panel">
        <Failure what="The features at the moment" error={then.error} retry={() => void then.refetch()} />
      </div>
    )
  }
  if (then.data === undefined || row === undefined) {
    return (
      <>
        <p className="muted" role="status">
          The sources of its views are read as they stand, and searched for what was known at the moment. That takes
          seconds where they have not changed since they were read, and two minutes at most.
        </p>
        <Loading height={280} />
      </>
    )
  }
  return <Both {...props} data={then.data} row={row} />
}

interface BothProps extends AnswerAtProps {
  readonly data: LookedUp
  readonly row: LookedUp['rows'][number]
}

function Both({ service, views, texts, then, now, data, row }: BothProps) {
  const { project } = useSearch({ from: FROM })
  const [rowNow] = now?.data?.rows ?? []
  const seenNow = rowNow === undefined ? undefined : seenOf(service.columns, now?.data?.views ?? [], rowNow)
  const both = bothOf(service.columns, { views: data.views, row }, seenNow)
  const keys = fieldsOf(service, views).filter(({ kind }) => kind === 'key')
  const entity = keys.map(({ name }) => [name, texts[name] ?? ''] as const)
  const { title, rest } = pastHeadline(service.name, entity, both)
  return (
    <>
      <div className="headline" aria-live="polite">
        <h2>
          {title} at {eventTime(row.at)}
        </h2>
        <p className="row muted">
          <span>{rest}</span>
          <NotRead now={now} />
          <button
            type="button"
            className="button quiet"
            disabled={then.isFetching || now?.isFetching === true}
            onClick={() => {
              void then.refetch()
              if (now !== undefined) void now.refetch()
            }}
          >
            Read again
          </button>
        </p>
      </div>
      {seenNow !== undefined && <NeverStored project={project} seen={seenNow} />}
      <Panel title="Values" note="what differs is marked" flush>
        <BothValues at={row.at} project={project} both={both} views={views} />
      </Panel>
      <Panel title="Views" note="the rows that were seen, and the snapshots of the sources that tell of them" flush>
        <PastViews project={project} both={both} />
      </Panel>
    </>
  )
}

/** Why there is nothing of now, where there is not. */
function NotRead({ now }: Pick<AnswerAtProps, 'now'>) {
  if (now === undefined) return <span>Your role may not read the online store, so that “now” is left out.</span>
  if (now.error === null || now.isFetching) return null
  return <span className="bad-text">The online store could not be read: {describe(now.error).message}</span>
}
