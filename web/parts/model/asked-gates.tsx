/** Weaker gates that a version asked for: what they would let in, that they do not count yet, and who may accept them. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { registryApi } from '../../../src/contract/registry.ts'
import { call } from '../../data/api.ts'
import * as read from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'

/** Nothing where no weaker gates wait. */
export function AskedGates({ model }: { model: string }) {
  const asked = useQuery(read.policy(model)).data?.asked
  const me = useQuery(read.me)
  if (asked == null) return null
  return (
    <div className="notice break">
      <p>
        <Status word="waiting" tone="warn" label="weaker gates are asked for" />
      </p>
      <p>
        <Link to="/models/$name/versions/$version" params={{ name: model, version: asked.version }}>
          Version {asked.version}
        </Link>
        , registered by {asked.by} <RelativeTime at={asked.at} />, comes from a project file with weaker gates. Versions
        are judged by the stricter ones until an admin accepts the others.
      </p>
      <ul>
        {asked.weaker.map((one) => (
          <li key={one}>
            <code>{one}</code>
          </li>
        ))}
      </ul>
      {me.data?.role === 'admin' && (
        <div className="row">
          <Confirm
            label="Accept the weaker gates"
            tone="danger"
            reason="required"
            preview={
              <p>
                From now on every version of {model} is judged by the gates that version {asked.version} asks for.
              </p>
            }
            act={(reason) =>
              call<typeof registryApi.putGates>('PUT', '/v1/models/:name/gates', {
                params: { name: model },
                body: { gates: asked.gates, reason },
              })
            }
          />
        </div>
      )}
    </div>
  )
}
