/** Makes the secret of a trigger that others call, and shows it this once. */
import type { triggersApi } from '../../../src/contract/pipelines/triggers.ts'
import { call } from '../../data/api.ts'
import type { Trigger } from '../../data/pipelines/trigger-queries.ts'
import { usePermission } from '../form/permissions.ts'
import { ShownOnce } from '../form/shown-once.tsx'

export function MakeSecret({ trigger }: { trigger: Trigger }) {
  return usePermission({ verb: 'approve', resource: 'pipelines' }) ? <SecretDialog trigger={trigger} /> : null
}

function SecretDialog({ trigger: { project, name, has_secret } }: { trigger: Trigger }) {
  const label = has_secret ? 'Replace the secret' : 'Make the secret'
  const make = async (): Promise<string> => {
    const made = await call<typeof triggersApi.makeTriggerSecret>('POST', '/v1/triggers/:project/:name/secret', {
      params: { project, name },
    })
    return made.secret
  }
  return (
    <ShownOnce label={label} submit={label} what="secret" make={make} stale="pipelines">
      {(isMade) =>
        !isMade && (
          <p>
            Whoever signs a call with it starts this pipeline.{' '}
            {has_secret && 'The secret of now holds no more from then on.'}
          </p>
        )
      }
    </ShownOnce>
  )
}
