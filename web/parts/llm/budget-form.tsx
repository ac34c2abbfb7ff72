/** Makes a budget, or changes the limit of one and what happens at it. */
import { useState } from 'react'
import type { llmBudgetsApi } from '../../../src/contract/llm/budgets.ts'
import { call } from '../../data/api.ts'
import { budgetAsked, dollarsFault, EMPTY_BUDGET, isDollars, SCOPES, WINDOWS } from '../../data/llm/forms.ts'
import type { BudgetForm } from '../../data/llm/forms.ts'
import { useFormProjects } from '../../data/llm/projects.ts'
import type { FormProjects } from '../../data/llm/projects.ts'
import type { LlmBudget, LlmKey } from '../../data/llm/queries.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'
import { Choice, Field, ProjectField } from './field.tsx'
import { useNow } from '../page/relative-time.tsx'
import { MANAGE_KEYS } from './new-key.tsx'

const WINDOW_WORDS = { day: 'a day', week: 'a week', month: 'a month', total: 'in all' } as const
const LIMIT_HINT = 'Dollars, with at most 9 places after the point.'

export function NewBudget({ keys }: { keys: readonly LlmKey[] }) {
  const [form, setForm] = useState(EMPTY_BUDGET)
  const allowed = usePermission(MANAGE_KEYS)
  const projects = useFormProjects()
  const body = budgetAsked(form)
  const set = (next: Partial<BudgetForm>): void => setForm((before) => ({ ...before, ...next }))
  if (!allowed) return null
  return (
    <ActionDialog
      label="New budget"
      submit="Make the budget"
      submitTone="primary"
      incomplete={body === undefined}
      onOpen={() => setForm({ ...EMPTY_BUDGET, project: projects.first })}
      act={async () => {
        if (body !== undefined) await call<typeof llmBudgetsApi.createLlmBudget>('POST', '/v1/llm/budgets', { body })
      }}
    >
      <div className="fields">
        <Choice
          label="Of a"
          value={form.scope}
          options={SCOPES.map((scope) => [scope, scope])}
          onChange={(scope) => set({ scope, of: '', project: projects.first })}
        />
        <Of form={form} keys={keys} projects={projects} onChange={set} />
        <Field
          label="May spend, $"
          value={form.limit}
          fault={dollarsFault(form.limit)}
          numeric
          required
          onChange={(limit) => set({ limit })}
        />
        <Choice
          label="In"
          value={form.window}
          options={WINDOWS.map((window) => [window, WINDOW_WORDS[window]])}
          onChange={(window) => set({ window })}
        />
      </div>
      <p className="muted small">{LIMIT_HINT} Windows are those of the calendar, in UTC.</p>
      <Hard value={form.hard} onChange={(hard) => set({ hard })} />
    </ActionDialog>
  )
}

interface OfProps {
  readonly form: BudgetForm
  readonly keys: readonly LlmKey[]
  readonly projects: FormProjects
  readonly onChange: (next: Partial<BudgetForm>) => void
}

/** Which one: a key is chosen, and with it its project; all else is named, and of a project that is asked for. */
function Of({ form, keys, projects, onChange }: OfProps) {
  const now = useNow()
  if (form.scope === 'key') {
    const valid = keys.filter(
      ({ revoked, expires_at }) => !revoked && (expires_at === null || Date.parse(expires_at) > now),
    )
    const projectOf = (id: string): string => keys.find((key) => key.id === id)?.project ?? ''
    return (
      <Choice
        label="Which key"
        value={form.of}
        options={[['', 'choose one'], ...valid.map(({ id, name }) => [id, name] as const)]}
        onChange={(of) => onChange({ of, project: projectOf(of) })}
      />
    )
  }
  return (
    <>
      {form.scope !== 'project' && (
        <Field label={`Which ${form.scope}`} value={form.of} onChange={(of) => onChange({ of })} />
      )}
      <ProjectField value={form.project} offered={projects.offered} onChange={(project) => onChange({ project })} />
    </>
  )
}

function Hard({ value, onChange }: { value: boolean; onChange: (value: boolean) => void }) {
  return (
    <label className="row" style={{ flexWrap: 'nowrap' }}>
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.target.checked)} />
      Refuse calls that could pass it; else they are told only
    </label>
  )
}

/** `name`: whose budget it is. */
export function ChangeBudget({ budget, name }: { budget: LlmBudget; name: string }) {
  const given = { limit: budget.limit, hard: budget.hard }
  const [form, setForm] = useState(given)
  const allowed = usePermission(MANAGE_KEYS)
  if (!allowed) return null
  return (
    <ActionDialog
      label="Change"
      submit="Change the budget"
      submitTone="primary"
      incomplete={!isDollars(form.limit) || (form.limit.trim() === given.limit && form.hard === given.hard)}
      onOpen={() => setForm(given)}
      act={() =>
        call<typeof llmBudgetsApi.changeLlmBudget>('PATCH', '/v1/llm/budgets/:id', {
          params: { id: budget.id },
          body: { limit: form.limit.trim(), hard: form.hard },
        })
      }
    >
      <p>
        Budget of <strong>{name}</strong>. What was spent stays.
      </p>
      <Field
        label="May spend, $"
        value={form.limit}
        hint={LIMIT_HINT}
        fault={dollarsFault(form.limit)}
        numeric
        onChange={(limit) => setForm((before) => ({ ...before, limit }))}
      />
      <Hard value={form.hard} onChange={(hard) => setForm((before) => ({ ...before, hard }))} />
    </ActionDialog>
  )
}
