/** Deploying a version by hand, without a rollout; in a freeze only by those who say that it goes on, and why. */
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { servingApi } from '../../../src/contract/serving.ts'
import { call } from '../../data/api.ts'
import * as read from '../../data/queries.ts'
import type { Endpoint } from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { frozenSentence, useFrozen } from './freeze.tsx'
import { usePermission } from '../form/permissions.ts'

export function Deploy({ endpoint }: { endpoint: Endpoint }) {
  const { name, model } = endpoint
  const allowed = usePermission({ verb: 'deploy', resource: 'endpoints' })
  const versions = useQuery({ ...read.versions(model), enabled: allowed })
  const frozen = frozenSentence(useFrozen(name))
  const [chosen, setChosen] = useState('')
  const field = useId()
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')?.version
  const others = (versions.data?.items ?? []).map((one) => one.version).filter((one) => one !== stable)
  const version = others.includes(chosen) ? chosen : others[0]
  if (!allowed || version === undefined) return null
  return (
    <Confirm
      label="Deploy a version"
      reason="optional"
      frozen={frozen}
      preview={
        <div className="stack">
          <div className="field">
            <label htmlFor={field}>Version</label>
            <select id={field} value={version} onChange={(event) => setChosen(event.target.value)}>
              {others.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </div>
          <p>
            Version {version} gets 100 % of the traffic at once, without shadow, canary or rollout gates.{' '}
            {stable !== undefined && `Version ${stable} stays loaded for a rollback. `}A canary or shadow in progress
            ends.
          </p>
        </div>
      }
      act={(reason) =>
        call<typeof servingApi.deploy>('POST', '/v1/endpoints/:name/deploy', {
          params: { name },
          body: { version, ...(reason !== '' && { reason }), ...(frozen !== null && { override_freeze: true }) },
        })
      }
    />
  )
}
