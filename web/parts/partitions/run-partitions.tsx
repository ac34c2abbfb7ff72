/** The act that runs some partitions of a pipeline as a backfill, and leads to it. */
import { useNavigate } from '@tanstack/react-router'
import type { backfillsApi } from '../../../src/contract/pipelines/backfills.ts'
import type { BackfillChoice } from '../../../src/contract/pipelines/backfills.ts'
import { call } from '../../data/api.ts'
import { Confirm } from '../form/confirm.tsx'

const WRITE = { verb: 'write', resource: 'pipelines' } as const

interface RunPartitionsProps {
  readonly label: string
  readonly project: string
  readonly only: BackfillChoice
  readonly range?: { readonly from: string; readonly to: string }
  /** What will run, in words. */
  readonly what: string
}

export function RunPartitions({ label, project, only, range, what }: RunPartitionsProps) {
  const navigate = useNavigate()
  return (
    <Confirm
      label={label}
      needs={WRITE}
      preview={
        <p>
          The newest version of {project} runs for {what}, four at a time and behind all other runs. What did not change
          comes from the cache.
        </p>
      }
      act={async () => {
        const body = { project, only, ...range }
        const made = await call<typeof backfillsApi.createBackfill>('POST', '/v1/backfills', { body })
        await navigate({ to: '/backfills/$id', params: { id: made.id } })
      }}
    />
  )
}
