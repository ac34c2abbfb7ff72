/** Routing, cache and guardrails of an endpoint, and the form that changes the first two. */
import { useState } from 'react'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { call } from '../../data/api.ts'
import {
  cacheWords,
  guardrailWords,
  optionsAsked,
  optionsForm,
  ROUTING_WORDS,
} from '../../data/llm/endpoint-options.ts'
import type { OptionsForm } from '../../data/llm/endpoint-options.ts'
import type { LlmEndpoint } from '../../data/llm/queries.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'
import { Choice, Field } from './field.tsx'
import { WRITE_ENDPOINTS } from './new-provider.tsx'

export function EndpointOptions({ endpoint }: { endpoint: LlmEndpoint }) {
  return (
    <div className="stack" style={{ gap: 4, justifyItems: 'start' }}>
      <span>{ROUTING_WORDS[endpoint.routing]}</span>
      <span className="muted small">{cacheWords(endpoint)}</span>
      {endpoint.guardrails.map((one) => (
        <span key={one.name} className="small break">
          <strong>{one.name}</strong> {guardrailWords(one)}
        </span>
      ))}
      <ChangeOptions endpoint={endpoint} />
    </div>
  )
}

const ROUTINGS = Object.entries(ROUTING_WORDS) as [OptionsForm['routing'], string][]
const SHARES = [
  ['none', 'no cache'],
  ['endpoint', 'all callers of the endpoint'],
  ['key', 'only the key that asked first'],
] as const

function ChangeOptions({ endpoint }: { endpoint: LlmEndpoint }) {
  const [form, setForm] = useState(() => optionsForm(endpoint))
  const allowed = usePermission(WRITE_ENDPOINTS)
  const body = optionsAsked(endpoint, form)
  const set = (next: Partial<OptionsForm>): void => setForm((before) => ({ ...before, ...next }))
  if (!allowed) return null
  return (
    <ActionDialog
      label="Change"
      submit="Change the endpoint"
      submitTone="primary"
      incomplete={body === undefined}
      onOpen={() => setForm(optionsForm(endpoint))}
      act={async () => {
        if (body !== undefined)
          await call<typeof llmProvidersApi.changeLlmEndpoint>('PATCH', '/v1/llm/endpoints/:id', {
            params: { id: endpoint.id },
            body,
          })
      }}
    >
      <p>
        How endpoint <strong>{endpoint.name}</strong> answers.
      </p>
      <div className="fields">
        <Choice label="Asks first" value={form.routing} options={ROUTINGS} onChange={(routing) => set({ routing })} />
        <Choice label="Cache for" value={form.cache} options={SHARES} onChange={(cache) => set({ cache })} />
        {form.cache !== 'none' && (
          <Field
            label="Seconds"
            value={form.seconds}
            hint="From 1 to 2,592,000, which are 30 days."
            numeric
            onChange={(seconds) => set({ seconds })}
          />
        )}
      </div>
      <p className="muted small">
        Guardrails are set with slipway llm endpoints change {endpoint.name} --guardrails FILE.
      </p>
    </ActionDialog>
  )
}
