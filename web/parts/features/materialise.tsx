/** A button that reads the source of a view into the online store. */
import type { featureJobsApi } from '../../../src/contract/features/jobs.ts'
import { call } from '../../data/api.ts'
import type { ViewDetail } from '../../data/features/queries.ts'
import { Confirm } from '../form/confirm.tsx'

export interface MaterialiseProps {
  readonly project: string | undefined
  readonly view: ViewDetail
  /** True for a version that is not the newest. */
  readonly isOlder: boolean
}

export function Materialise({ project, view: { name, version, sources }, isOlder }: MaterialiseProps) {
  return (
    <Confirm
      label={isOlder ? `Materialise version ${version}` : 'Materialise'}
      tone={isOlder ? 'plain' : 'primary'}
      needs={{ verb: 'write', resource: 'artifacts' }}
      unavailable={sources.length === 0 ? 'It has no source to read: its rows are pushed.' : null}
      preview={
        <p>
          Reads the source of {name}@{version} into a new set of the online store, up to now. What is read online
          changes at once when the set is whole, and stays as it is where that fails.
        </p>
      }
      act={() =>
        call<typeof featureJobsApi.materialiseFeatures>('POST', '/v1/features/views/:name/materialise', {
          params: { name },
          body: { ...(project !== undefined && { project }), version },
        })
      }
    />
  )
}
