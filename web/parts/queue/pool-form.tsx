/** Makes a pool, or changes one: how many places it has, how many of them one project may hold, what it is for. */
import { useId, useState } from 'react'
import type { poolsApi } from '../../../src/contract/pipelines/pools.ts'
import { call } from '../../data/api.ts'
import type { Pool } from '../../data/pipelines/queue.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'

/** Who may make, change and remove pools. */
export const MANAGE_POOLS = { verb: 'manage', resource: 'pipelines' } as const

type Filled = Record<'name' | 'places' | 'share' | 'note', string>

/** What a person has filled in, as the server takes it; undefined while it is not complete. */
function wanted({ name, places, share, note }: Filled) {
  const [size, part] = [Number(places), share.trim() === '' ? null : Number(share)]
  const isWhole = places.trim() !== '' && Number.isInteger(size) && size >= 0
  const isPart = part === null || (Number.isInteger(part) && part >= 1)
  if (name.trim() === '' || !isWhole || !isPart) return undefined
  return { name: name.trim(), body: { places: size, per_project: part, note: note.trim() } }
}

/** Without a pool it makes one. */
export function PoolForm({ pool }: { pool?: Pool }) {
  const given: Filled = {
    name: pool?.name ?? '',
    places: pool === undefined ? '' : String(pool.places),
    share: String(pool?.per_project ?? ''),
    note: pool?.note ?? '',
  }
  const [filled, setFilled] = useState(given)
  const allowed = usePermission(MANAGE_POOLS)
  const asked = wanted(filled)
  const set = (field: keyof Filled) => (value: string) => setFilled((before) => ({ ...before, [field]: value }))
  if (!allowed) return null
  return (
    <ActionDialog
      label={pool === undefined ? 'Make a pool' : 'Change'}
      submit={pool === undefined ? 'Make the pool' : 'Change the pool'}
      submitTone="primary"
      incomplete={asked === undefined}
      onOpen={() => setFilled(given)}
      act={async () => {
        if (asked === undefined) return
        await call<typeof poolsApi.setPool>('PUT', '/v1/pools/:name', {
          params: { name: asked.name },
          body: asked.body,
        })
      }}
    >
      {pool === undefined ? (
        <Field
          label="Name"
          value={filled.name}
          hint="Steps name it: pool: NAME in slipway.yaml."
          onChange={set('name')}
        />
      ) : (
        <p>
          Pool <strong>{pool.name}</strong>. Steps that run in it go on.
        </p>
      )}
      <Field
        label="Places"
        value={filled.places}
        hint="Steps that may run in it at once; 0 lets none begin."
        numeric
        onChange={set('places')}
      />
      <Field
        label="Places of one project"
        value={filled.share}
        hint="How many of them one project may hold; empty = all."
        numeric
        onChange={set('share')}
      />
      <Field label="Note" value={filled.note} hint="What it stands for, such as licences." onChange={set('note')} />
    </ActionDialog>
  )
}

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly hint: string
  readonly numeric?: boolean
  readonly onChange: (value: string) => void
}

function Field({ label, value, hint, numeric = false, onChange }: FieldProps) {
  const [id, told] = [useId(), useId()]
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={value}
        maxLength={500}
        aria-describedby={told}
        {...(numeric && { inputMode: 'numeric' })}
        onChange={(event) => onChange(event.target.value)}
      />
      <span id={told} className="muted small">
        {hint}
      </span>
    </div>
  )
}
