/** Makes a token and shows its text this once. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { authApi } from '../../../src/contract/auth.ts'
import { call } from '../../data/api.ts'
import { Command } from '../page/command.tsx'
import { ErrorText } from '../form/error-text.tsx'
import { Form } from '../form/form.tsx'

const ROLES = ['viewer', 'contributor', 'maintainer', 'admin', 'service'] as const
type Role = (typeof ROLES)[number]

export function NewToken() {
  const dialog = useRef<HTMLDialogElement>(null)
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const make = useMutation({
    mutationFn: () => call<typeof authApi.createToken>('POST', '/v1/tokens', { body: { name, role } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['tokens'] }),
  })
  return (
    <>
      <button
        type="button"
        className="button"
        onClick={() => {
          make.reset()
          setName('')
          dialog.current?.showModal()
        }}
      >
        Create a token
      </button>
      <dialog ref={dialog} aria-label="Create a token">
        <Form className="body" onSubmit={() => make.mutate()}>
          <h2>Create a token</h2>
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
          {make.data !== undefined && (
            <>
              <p>Copy the token now; it is not shown again.</p>
              <Command text={make.data.token} />
            </>
          )}
          <ErrorText error={make.error} />
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="button" onClick={() => dialog.current?.close()}>
              Close
            </button>
            <button type="submit" className="button primary" disabled={make.isPending || make.data !== undefined}>
              Create
            </button>
          </div>
        </Form>
      </dialog>
    </>
  )
}
