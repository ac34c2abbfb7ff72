/** Makes a provider of language models; its key is sealed, and never shown. */
import { useState } from 'react'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { call } from '../../data/api.ts'
import { useFormProjects } from '../../data/llm/projects.ts'
import { EMPTY_PROVIDER, faultsTold, providerAsked, providerFaults, VENDORS } from '../../data/llm/setup-forms.ts'
import type { Faults, ProviderForm, Vendor } from '../../data/llm/setup-forms.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'
import { Choice, Field, ProjectField } from './field.tsx'

/** Who may make and remove providers and endpoints. */
export const WRITE_ENDPOINTS = { verb: 'write', resource: 'endpoints' } as const

export function NewProvider() {
  const [form, setForm] = useState(EMPTY_PROVIDER)
  const [refused, setRefused] = useState<Faults>({})
  const allowed = usePermission(WRITE_ENDPOINTS)
  const projects = useFormProjects()
  const body = providerAsked(form)
  if (!allowed) return null
  const set = (next: Partial<ProviderForm>): void => {
    setRefused({})
    setForm((before) => ({ ...before, ...next }))
  }
  return (
    <ActionDialog
      label="New provider"
      submit="Make the provider"
      submitTone="primary"
      incomplete={body === undefined}
      onOpen={() => {
        setRefused({})
        setForm({ ...EMPTY_PROVIDER, project: projects.first })
      }}
      // its key is not kept in the page
      onDone={() => setForm(EMPTY_PROVIDER)}
      act={async () => {
        if (body === undefined) return
        try {
          await call<typeof llmProvidersApi.createLlmProvider>('POST', '/v1/llm/providers', { body })
        } catch (error) {
          setRefused(faultsTold(error))
          throw error
        }
      }}
    >
      <Fields form={form} faults={{ ...providerFaults(form), ...refused }} projects={projects.offered} set={set} />
    </ActionDialog>
  )
}

interface FieldsProps {
  readonly form: ProviderForm
  readonly faults: Faults
  readonly projects: readonly string[]
  readonly set: (next: Partial<ProviderForm>) => void
}

function Fields({ form, faults, projects, set }: FieldsProps) {
  const vendor = VENDORS[form.vendor]
  return (
    <>
      <div className="fields">
        <Choice
          label="Vendor"
          value={form.vendor}
          options={Object.entries(VENDORS).map(([key, { word }]) => [key, word])}
          fault={faults['provider']}
          onChange={(chosen) => set({ vendor: chosen, own: {} })}
        />
        <Field
          label="Name"
          value={form.name}
          hint="As endpoints name it."
          fault={faults['name']}
          required
          onChange={(name) => set({ name })}
        />
        <ProjectField value={form.project} offered={projects} onChange={(project) => set({ project })} />
      </div>
      <Field
        label="Address"
        value={form.address}
        hint={addressHint(vendor)}
        fault={faults['base_url']}
        required={vendor?.address === 'given'}
        onChange={(address) => set({ address })}
      />
      {vendor?.hasKey !== false && (
        <Field
          label="Key"
          value={form.key}
          hint="Sealed on the server and never shown again; empty = a server that asks for none."
          fault={faults['api_key']}
          secret
          onChange={(key) => set({ key })}
        />
      )}
      {vendor?.fields !== undefined && (
        <div className="fields">
          {vendor.fields.map(({ name, label, secret = false, required = false }) => (
            <Field
              key={name}
              label={label}
              value={form.own[name] ?? ''}
              fault={faults[`${secret ? 'credentials' : 'settings'}.${name}`]}
              secret={secret}
              required={required}
              onChange={(value) => set({ own: { ...form.own, [name]: value } })}
            />
          ))}
        </div>
      )}
    </>
  )
}

function addressHint(vendor: Vendor | undefined): string {
  return vendor?.address === 'known'
    ? 'Empty = that of the vendor.'
    : 'What is before /chat/completions, as http://10.0.4.17:8000/v1.'
}
