/** Puts a version behind an endpoint of its own, with its monitor: the way in for a model that no project file ships. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useId, useState } from 'react'
import { endpointNameFor, makeEndpoint } from '../../data/endpoints/new-endpoint.ts'
import * as read from '../../data/queries.ts'
import type { KnownVersion } from '../../data/queries.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'

const LABEL = 'New endpoint'

export function NewEndpoint({ version }: { version: KnownVersion }) {
  const { model, version: number, refusal } = version
  const makes = usePermission({ verb: 'write', resource: 'endpoints' })
  const deploys = usePermission({ verb: 'deploy', resource: 'endpoints' })
  const me = useQuery(read.me)
  const endpoints = useQuery({ ...read.endpoints, enabled: makes && deploys })
  const navigate = useNavigate()
  const [name, setName] = useState(endpointNameFor(model))
  const [delay, setDelay] = useState('2d')
  const [nameField, delayField, delayHelp] = [useId(), useId(), useId()]
  const taken = endpoints.data?.items.some((one) => one.name === name) === true
  // what refuses it stands beside the alias and in the gates
  if (!makes || !deploys || refusal !== null) return null
  return (
    <ActionDialog
      label={LABEL}
      submit={LABEL}
      submitTone="primary"
      incomplete={name.trim() === '' || delay.trim() === '' || taken || endpoints.data === undefined}
      act={() =>
        makeEndpoint({
          name: name.trim(),
          project: me.data?.project ?? 'default',
          model,
          version: number,
          labelDelay: delay.trim(),
        })
      }
      onDone={() => void navigate({ to: '/endpoints/$name', params: { name: name.trim() } })}
    >
      <div className="stack">
        <div className="field">
          <label htmlFor={nameField}>Name</label>
          <input id={nameField} value={name} maxLength={128} onChange={(event) => setName(event.target.value)} />
        </div>
        {taken && (
          <div className="notice">
            <p>
              There is an endpoint of this name.{' '}
              <Link to="/endpoints/$name" params={{ name }}>
                Deploy the version there
              </Link>
              , or choose another name.
            </p>
          </div>
        )}
        <div className="field">
          <label htmlFor={delayField}>Labels arrive within</label>
          <input
            id={delayField}
            value={delay}
            maxLength={10}
            aria-describedby={delayHelp}
            onChange={(event) => setDelay(event.target.value)}
          />
          <span id={delayHelp} className="muted small">
            such as 90m, 12h, 2d or 1w; performance is judged after that time
          </span>
        </div>
        <p>
          Version {number} of {model} gets all of the traffic of the new endpoint. Its inputs, answers and labels are
          watched from then on.
        </p>
      </div>
    </ActionDialog>
  )
}
