/** The freeze of an endpoint: whether anything may go forward, and the freeze by hand. */
import { useQuery } from '@tanstack/react-query'
import type { rolloutApi } from '../../src/contract/rollout.ts'
import { call } from '../api.ts'
import { sentence } from '../format.ts'
import * as read from '../queries.ts'
import type { Rollout } from '../queries.ts'
import { Confirm } from './confirm.tsx'
import { Status } from './status.tsx'
import { When } from './when.tsx'

/** Why nothing goes forward; nothing where all may. */
export function FreezeState({ endpoint, rollout }: { endpoint: string; rollout: Rollout | undefined }) {
  const { data } = useQuery(read.freeze(endpoint))
  const byHand = data?.freeze ?? null
  if (byHand === null && rollout?.frozen == null) return null
  return (
    <p className="row break" style={{ paddingBottom: 8 }}>
      <Status word="frozen" />
      {byHand === null ? (
        <span>{sentence(rollout?.frozen ?? '')}. A rollback still may.</span>
      ) : (
        <span>
          {byHand.reason}, by {byHand.by} <When at={byHand.at} />,{' '}
          {byHand.until === null ? (
            'until it is lifted'
          ) : (
            <>
              until <When at={byHand.until} />
            </>
          )}
          . No step begins and nothing is promoted; a rollback still may.
        </span>
      )}
    </p>
  )
}

export function FreezeControl({ endpoint }: { endpoint: string }) {
  const { data } = useQuery(read.freeze(endpoint))
  if (data === undefined) return null
  const params = { name: endpoint }
  if (data.freeze === null) {
    return (
      <Confirm
        label="Freeze"
        reason="required"
        preview={<p>No step of a rollout begins and no version is promoted until the freeze is lifted.</p>}
        act={(reason) =>
          call<typeof rolloutApi.freeze>('PUT', '/v1/endpoints/:name/freeze', { params, body: { reason } })
        }
      />
    )
  }
  return (
    <Confirm
      label="Lift the freeze"
      preview={<p>Rollouts go on at once where their gates hold.</p>}
      act={() => call<typeof rolloutApi.thaw>('DELETE', '/v1/endpoints/:name/freeze', { params })}
    />
  )
}
