/** Trusts a machine: who it is, letter by letter, and what it gets. */
import { useState } from 'react'
import type { machinesApi } from '../../../src/contract/identity/machines.ts'
import { call } from '../../data/api.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { claimsOf } from './claims.ts'

const ROLES = ['viewer', 'contributor', 'maintainer', 'service'] as const

/** What a person fills in; a claim with a name of its own stands as `name=value`, one a line. */
const BLANK = {
  name: '',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: '',
  subject: '',
  claims: '',
  project: '',
  role: 'contributor' as (typeof ROLES)[number],
  minutes: '60',
}
type Field = keyof typeof BLANK

const FIELDS: readonly (readonly [field: Exclude<Field, 'role' | 'claims'>, label: string, example: string])[] = [
  ['name', 'Name', 'models-main'],
  ['issuer', 'Issuer', 'https://gitlab.example.org'],
  ['audience', 'Audience', 'https://slipway.example.org'],
  ['subject', 'Subject', 'repo:octo/models:ref:refs/heads/main'],
  ['project', 'Project', 'flights'],
]

export function NewMachine() {
  const [filled, setFilled] = useState(BLANK)
  const set = (field: Field, value: string): void => setFilled((before) => ({ ...before, [field]: value }))
  const claims = claimsOf(filled.claims)
  return (
    <ActionDialog
      label="Trust a machine"
      submit="Trust"
      submitTone="primary"
      incomplete={claims === undefined || FIELDS.some(([field]) => filled[field].trim() === '')}
      onOpen={() => setFilled({ ...BLANK, audience: location.origin })}
      act={() =>
        call<typeof machinesApi.createTrust>('POST', '/v1/machine-trusts', {
          body: {
            name: filled.name.trim(),
            issuer: filled.issuer.trim(),
            subject: filled.subject.trim(),
            project: filled.project.trim(),
            role: filled.role,
            minutes: Number(filled.minutes),
            claims: claims ?? {},
            audience: filled.audience.trim(),
          },
        })
      }
    >
      {FIELDS.map(([field, label, example]) => (
        <label key={field} className="row">
          {label}
          <input
            value={filled[field]}
            required
            maxLength={1024}
            placeholder={example}
            onChange={(event) => set(field, event.target.value)}
          />
        </label>
      ))}
      <label className="row">
        Claims, one a line
        <textarea
          value={filled.claims}
          required
          rows={2}
          placeholder="repository_id=4711"
          onChange={(event) => set('claims', event.target.value)}
        />
      </label>
      <label className="row">
        Role
        <select value={filled.role} onChange={(event) => set('role', event.target.value)}>
          {ROLES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label className="row">
        Minutes
        <input
          type="number"
          min={1}
          max={360}
          value={filled.minutes}
          required
          onChange={(event) => set('minutes', event.target.value)}
        />
      </label>
      <p className="muted small" style={{ maxWidth: '60ch' }}>
        All of it has to be in the ID token letter by letter, with at least one id: the name of a repository can become
        somebody else’s. The ID token has to be made for{' '}
        <code>{typeof location === 'undefined' ? '' : location.origin}</code>.
      </p>
    </ActionDialog>
  )
}
