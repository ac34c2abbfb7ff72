/** Makes a token and shows its text this once. */
import { useState } from 'react'
import type { authApi } from '../../../src/contract/auth.ts'
import { call } from '../../data/api.ts'
import { ShownOnce } from '../form/shown-once.tsx'

const ROLES = ['viewer', 'contributor', 'maintainer', 'admin', 'service'] as const
type Role = (typeof ROLES)[number]

export function NewToken() {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  return (
    <ShownOnce
      label="Create a token"
      submit="Create"
      what="token"
      make={async () => (await call<typeof authApi.createToken>('POST', '/v1/tokens', { body: { name, role } })).token}
      stale="tokens"
      onOpen={() => setName('')}
    >
      {() => (
        <>
          <label className="row">
            Name
            <input value={name} required maxLength={128} onChange={(event) => setName(event.target.value)} />
          </label>
          <label className="row">
            Role
            <select value={role} onChange={(event) => setRole(event.target.value as Role)}>
              {ROLES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        </>
      )}
    </ShownOnce>
  )
}
