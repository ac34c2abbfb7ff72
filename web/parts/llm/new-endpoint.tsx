/** Makes an endpoint of language models: a name for one model or several, with shares and fallbacks. */
import { useState } from 'react'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { call } from '../../data/api.ts'
import { useFormProjects } from '../../data/llm/projects.ts'
import type { LlmProvider } from '../../data/llm/queries.ts'
import { EMPTY_ENDPOINT, endpointAsked, endpointFaults, faultsTold } from '../../data/llm/setup-forms.ts'
import type { EndpointForm, Faults, ModelForm } from '../../data/llm/setup-forms.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'
import { Choice, Field, ProjectField } from './field.tsx'
import { WRITE_ENDPOINTS } from './new-provider.tsx'

export function NewEndpoint({ providers }: { providers: readonly LlmProvider[] }) {
  const [form, setForm] = useState(EMPTY_ENDPOINT)
  const [refused, setRefused] = useState<Faults>({})
  const allowed = usePermission(WRITE_ENDPOINTS)
  const projects = useFormProjects()
  const body = endpointAsked(form)
  if (!allowed) return null
  const set = (next: Partial<EndpointForm>): void => {
    setRefused({})
    setForm((before) => ({ ...before, ...next }))
  }
  return (
    <ActionDialog
      label="New endpoint"
      submit="Make the endpoint"
      submitTone="primary"
      incomplete={body === undefined}
      unavailable={providers.length === 0 ? 'Make a provider first.' : null}
      onOpen={() => {
        setRefused({})
        setForm({ ...EMPTY_ENDPOINT, project: projects.first })
      }}
      act={async () => {
        if (body === undefined) return
        try {
          await call<typeof llmProvidersApi.createLlmEndpoint>('POST', '/v1/llm/endpoints', { body })
        } catch (error) {
          setRefused(faultsTold(error))
          throw error
        }
      }}
    >
      <div className="fields">
        <Field
          label="Name"
          value={form.name}
          hint="What programs put into “model”."
          fault={refused['name'] ?? endpointFaults(form)['name']}
          required
          onChange={(name) => set({ name })}
        />
        <ProjectField
          value={form.project}
          offered={projects.offered}
          // providers are those of the project
          onChange={(project) => set({ project, models: form.models.map((model) => ({ ...model, provider: '' })) })}
        />
      </div>
      <Models
        models={form.models}
        providers={providers.filter(({ project }) => project === form.project)}
        faults={{ ...endpointFaults(form), ...refused }}
        onChange={(models) => set({ models })}
      />
      <label className="row" style={{ flexWrap: 'nowrap' }}>
        <input type="checkbox" checked={form.trace} onChange={(event) => set({ trace: event.target.checked })} />
        Trace its calls, with requests and answers
      </label>
    </ActionDialog>
  )
}

interface ModelsProps {
  readonly models: readonly ModelForm[]
  readonly providers: readonly LlmProvider[]
  readonly faults: Faults
  readonly onChange: (models: readonly ModelForm[]) => void
}

/** The server takes a hundred; of so many nobody would fill in a form. */
const MOST = 20

function Models({ models, providers, faults, onChange }: ModelsProps) {
  const next = Math.max(...models.map(({ row }) => row)) + 1
  return (
    <>
      {models.map((model, at) => (
        <ModelFields
          key={model.row}
          model={model}
          place={{ at, fallback: models.slice(0, at).filter(({ isFallback }) => isFallback).length + 1 }}
          providers={providers}
          faults={faults}
          onChange={(changed) => onChange(models.map((one) => (one.row === model.row ? changed : one)))}
          onRemove={models.length === 1 ? null : () => onChange(models.filter((one) => one.row !== model.row))}
        />
      ))}
      {faults['models'] !== undefined && (
        <p className="bad-text small" role="status">
          Expected {faults['models']}.
        </p>
      )}
      <div>
        <button
          type="button"
          className="button"
          disabled={models.length >= MOST}
          onClick={() => onChange([...models, { row: next, provider: '', model: '', isFallback: true, weight: '' }])}
        >
          Add a model
        </button>
      </div>
    </>
  )
}

interface ModelFieldsProps {
  readonly model: ModelForm
  /** Among all, from 0; and among the fallbacks, from 1. */
  readonly place: { readonly at: number; readonly fallback: number }
  readonly providers: readonly LlmProvider[]
  readonly faults: Faults
  readonly onChange: (model: ModelForm) => void
  /** Null = it is the only one. */
  readonly onRemove: (() => void) | null
}

function ModelFields({ model, place: { at, fallback }, providers, faults, onChange, onRemove }: ModelFieldsProps) {
  return (
    <fieldset className="model-fields">
      <legend>Model {at + 1}</legend>
      <div className="fields">
        <Choice
          label="Provider"
          value={model.provider}
          options={[['', 'choose one'], ...providers.map(({ name }) => [name, name] as const)]}
          fault={faults[`models.${at}.provider`]}
          onChange={(provider) => onChange({ ...model, provider })}
        />
        <Field
          label="Model there"
          value={model.model}
          fault={faults[`models.${at}.model`]}
          required
          onChange={(name) => onChange({ ...model, model: name })}
        />
        <Choice
          label="Asked"
          value={model.isFallback ? 'fallback' : 'share'}
          options={[
            ['share', 'by its share'],
            ['fallback', `as fallback ${fallback}`],
          ]}
          onChange={(how) => onChange({ ...model, isFallback: how === 'fallback' })}
        />
        {!model.isFallback && (
          <Field
            label="Weight"
            value={model.weight}
            hint="Empty = 1."
            fault={faults[`models.${at}.weight`]}
            numeric
            onChange={(weight) => onChange({ ...model, weight })}
          />
        )}
      </div>
      {onRemove !== null && (
        <button type="button" className="button quiet" onClick={onRemove}>
          Leave out<span className="sr"> model {at + 1}</span>
        </button>
      )}
    </fieldset>
  )
}
