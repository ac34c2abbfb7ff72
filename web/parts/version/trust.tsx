/** Who stands behind a version: its approvals, with the act to give or take back one's own, and its signature. */
import { useQuery } from '@tanstack/react-query'
import type { registryApi } from '../../../src/contract/registry.ts'
import { call } from '../../data/api.ts'
import * as read from '../../data/queries.ts'
import type { Version } from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { Status } from '../page/status.tsx'
import { RelativeTime } from '../page/relative-time.tsx'

export function Trust({ version }: { version: Version }) {
  return (
    <>
      <ul className="stack" style={{ gap: 6 }}>
        {version.approvals.map((one) => (
          <li key={`${one.by} ${one.at}`} className="break">
            <Status word="passed" label={`approved by ${one.by}`} />{' '}
            <span className="muted">
              ({one.role}) <RelativeTime at={one.at} />
              {one.comment !== '' && `: ${one.comment}`}
            </span>
          </li>
        ))}
        {version.approvals.length === 0 && <li className="muted">No approvals yet.</li>}
      </ul>
      <Signed signed={version.signed} />
      <Act version={version} />
    </>
  )
}

function Signed({ signed }: { signed: Version['signed'] }) {
  if (signed === null) return <p className="muted">Not signed.</p>
  return (
    <p className="break">
      <Status
        word="signed"
        tone={signed.trusted ? 'good' : 'warn'}
        label={signed.trusted ? 'signed with a trusted key' : 'signed with an untrusted key'}
      />{' '}
      <span className="muted">
        by {signed.by} <RelativeTime at={signed.at} />, key <code>{signed.key.slice(0, 16)}</code>
      </span>
    </p>
  )
}

const APPROVE = { verb: 'approve', resource: 'models' } as const

function Act({ version }: { version: Version }) {
  const me = useQuery(read.me).data
  if (me === undefined || me.name === version.created_by) return null
  const params = { name: version.model, version: version.version }
  const mine = version.approvals.some((one) => one.by === me.name)
  return (
    <div>
      {mine ? (
        <Confirm
          label="Withdraw my approval"
          needs={APPROVE}
          preview={<p>Gates that count approvals are evaluated without yours from now on. Aliases do not move.</p>}
          act={() =>
            call<typeof registryApi.withdrawApproval>('DELETE', '/v1/models/:name/versions/:version/approvals', {
              params,
            })
          }
        />
      ) : (
        <Confirm
          label="Approve this version"
          needs={APPROVE}
          reason="optional"
          preview={
            <p>
              Your approval of version {version.version} is recorded and its gates are re-evaluated. No alias moves by
              itself.
            </p>
          }
          act={(comment) =>
            call<typeof registryApi.approve>('POST', '/v1/models/:name/versions/:version/approvals', {
              params,
              body: { comment },
            })
          }
        />
      )}
    </div>
  )
}
