/** Deploying a version by hand, without a rollout; in a freeze only by those who say that it goes on, and why. */
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { servingApi } from '../../../src/contract/serving.ts'
import { call } from '../../data/api.ts'
import { fullSentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Endpoint, Rollout, Version } from '../../data/queries.ts'
import { againstVersion } from '../../data/endpoints/version-state.ts'
import { Confirm } from '../form/confirm.tsx'
import { frozenSentence, useFrozen } from './freeze.tsx'
import { usePermission } from '../form/permissions.ts'

/** Every version with what speaks against it; none before both are known. */
function choicesOf(versions: readonly Version[] = [], rollouts?: readonly Rollout[]) {
  if (rollouts === undefined) return []
  return versions.map((one) => ({ number: one.version, against: againstVersion(one, rollouts) }))
}

/** Why the server refuses a version, as far as it knows before it judges. */
function Refusal({ model, version }: { model: string; version: string }) {
  const refusal = useQuery(read.version(model, version)).data?.refusal ?? null
  return refusal === null ? null : <p className="notice break">The server will refuse it. {fullSentence(refusal)}</p>
}

export function Deploy({ endpoint }: { endpoint: Endpoint }) {
  const { name, model } = endpoint
  const allowed = usePermission({ verb: 'deploy', resource: 'endpoints' })
  const versions = useQuery({ ...read.versions(model), enabled: allowed })
  const frozen = frozenSentence(useFrozen(name))
  const [chosen, setChosen] = useState('')
  const field = useId()
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')?.version
  const rollouts = useQuery({ ...read.rollouts(name), enabled: allowed })
  const others = choicesOf(versions.data?.items, rollouts.data?.items).filter((one) => one.number !== stable)
  // the newest that nothing speaks against, so that nobody deploys a bad one by a mere click
  const good = others.find((one) => one.against === null)?.number ?? ''
  const version = others.some((one) => one.number === chosen) ? chosen : good
  if (!allowed || others.length === 0) return null
  return (
    <Confirm
      label="Deploy a version"
      reason="optional"
      frozen={frozen}
      incomplete={version === ''}
      preview={
        <div className="stack">
          <div className="field">
            <label htmlFor={field}>Version</label>
            <select id={field} value={version} onChange={(event) => setChosen(event.target.value)}>
              {version === '' && <option value="">Choose a version</option>}
              {others.map(({ number, against }) => (
                <option key={number} value={number}>
                  {against === null ? number : `${number} (${against})`}
                </option>
              ))}
            </select>
          </div>
          {version !== '' && <Refusal model={model} version={version} />}
          <p>
            {version === '' ? 'The version' : `Version ${version}`} gets 100 % of the traffic at once, without shadow,
            canary or rollout gates. {stable !== undefined && `Version ${stable} stays loaded for a rollback. `}A canary
            or shadow in progress ends.
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
