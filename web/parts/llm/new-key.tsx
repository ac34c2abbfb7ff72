/** Makes a virtual key, and shows its text this once. */
import { useState } from 'react'
import type { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import { call } from '../../data/api.ts'
import { EMPTY_KEY, keyAsked, wholeFault } from '../../data/llm/forms.ts'
import type { KeyForm } from '../../data/llm/forms.ts'
import { useFormProjects } from '../../data/llm/projects.ts'
import { usePermission } from '../form/permissions.ts'
import { ShownOnce } from '../form/shown-once.tsx'
import { Field, ProjectField } from './field.tsx'

/** Who may make, change and remove keys and budgets. */
export const MANAGE_KEYS = { verb: 'manage', resource: 'tokens' } as const

const WRONG = 'A key has a name; its limits and days are whole numbers from 1 on, or empty.'

/** `endpoints`: names that are offered. */
export function NewKey({ endpoints }: { endpoints: readonly string[] }) {
  const [form, setForm] = useState(EMPTY_KEY)
  const allowed = usePermission(MANAGE_KEYS)
  const projects = useFormProjects()
  const set = (field: keyof KeyForm) => (value: string | boolean) =>
    setForm((before) => ({ ...before, [field]: value }))
  if (!allowed) return null
  return (
    <ShownOnce
      label="New key"
      submit="Make the key"
      what="key"
      make={async () => {
        const body = keyAsked(form)
        if (body === undefined) throw new Error(WRONG)
        return (await call<typeof llmKeysApi.createLlmKey>('POST', '/v1/llm/keys', { body })).token
      }}
      stale="llm"
      onOpen={() => setForm({ ...EMPTY_KEY, project: projects.first })}
    >
      {(isMade) =>
        isMade ? (
          <p>Key of {form.name.trim()}.</p>
        ) : (
          <Fields form={form} set={set} endpoints={endpoints} projects={projects.offered} />
        )
      }
    </ShownOnce>
  )
}

interface FieldsProps {
  readonly form: KeyForm
  readonly set: (field: keyof KeyForm) => (value: string | boolean) => void
  readonly endpoints: readonly string[]
  readonly projects: readonly string[]
}

function Fields({ form, set, endpoints, projects }: FieldsProps) {
  return (
    <>
      <Field label="Name" value={form.name} hint="The program that uses it." required onChange={set('name')} />
      <Field
        label="Endpoints that it may call"
        value={form.models}
        hint={`With commas between; empty = all of the project.${endpoints.length === 0 ? '' : ` There are ${endpoints.join(', ')}.`}`}
        onChange={set('models')}
      />
      <div className="fields">
        <Field label="Calls a minute" value={form.rpm} fault={wholeFault(form.rpm)} numeric onChange={set('rpm')} />
        <Field label="Tokens a minute" value={form.tpm} fault={wholeFault(form.tpm)} numeric onChange={set('tpm')} />
        <Field
          label="Calls at once"
          value={form.concurrency}
          fault={wholeFault(form.concurrency)}
          numeric
          onChange={set('concurrency')}
        />
        <Field label="Expires in days" value={form.days} fault={wholeFault(form.days)} numeric onChange={set('days')} />
        <Field label="Team" value={form.team} onChange={set('team')} />
        <Field label="User" value={form.user} onChange={set('user')} />
        <Field label="Tags" value={form.tags} onChange={set('tags')} />
        <ProjectField value={form.project} offered={projects} onChange={set('project')} />
      </div>
      <p className="muted small">An empty limit is none. Budgets hold teams, users and tags; they are made apart.</p>
      <label className="row" style={{ flexWrap: 'nowrap' }}>
        <input type="checkbox" checked={form.content} onChange={(event) => set('content')(event.target.checked)} />
        Keep prompts and answers; else digests alone
      </label>
    </>
  )
}
