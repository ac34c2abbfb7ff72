/** A person's judgement of a trace: feedback on what came out, or what was expected. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { send } from '../../data/mlflow.ts'
import * as read from '../../data/queries.ts'
import { usePermission } from '../form/permissions.ts'
import { WRITE_RUNS } from '../run/run-actions.tsx'
import { ErrorText } from '../form/error-text.tsx'
import { Form } from '../form/form.tsx'

const BLANK = { kind: 'feedback', name: '', value: '', rationale: '' } as const
type Draft = Record<keyof typeof BLANK, string>

export function NewAssessment({ trace }: { trace: string }) {
  const allowed = usePermission(WRITE_RUNS)
  const me = useQuery(read.me).data?.name
  const queries = useQueryClient()
  const [draft, setDraft] = useState<Draft>(BLANK)
  const judge = useMutation({
    mutationFn: () => send(`3.0/traces/${trace}/assessments`, { assessment: assessmentOf(trace, draft, me ?? '') }),
    onSuccess: async () => {
      setDraft(BLANK)
      await queries.invalidateQueries()
    },
  })
  if (!allowed) return null
  const set = (change: Partial<Draft>): void => setDraft({ ...draft, ...change })
  return (
    <Form className="assessment-form" onSubmit={() => judge.mutate()}>
      <label className="row">
        Kind
        <select value={draft.kind} onChange={(event) => set({ kind: event.target.value })}>
          <option>feedback</option>
          <option>expectation</option>
        </select>
      </label>
      <Field label="Name" value={draft.name} onChange={(name) => set({ name })} />
      <Field label="Value" value={draft.value} onChange={(value) => set({ value })} />
      <Field label="Rationale" value={draft.rationale} onChange={(rationale) => set({ rationale })} />
      <button
        type="submit"
        className="button"
        disabled={judge.isPending || draft.name.trim() === '' || draft.value.trim() === ''}
      >
        Add assessment
      </button>
      <ErrorText error={judge.error} />
    </Form>
  )
}

function Field({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const field = useId()
  return (
    <span className="row">
      <label htmlFor={field}>{label}</label>
      <input id={field} value={value} onChange={(event) => onChange(event.target.value)} />
    </span>
  )
}

/** As MLflow's clients send it; a value that is JSON counts as that: true, 4, a list. */
function assessmentOf(trace: string, { kind, name, value, rationale }: Draft, who: string) {
  return {
    trace_id: trace,
    assessment_name: name.trim(),
    source: { source_type: 'HUMAN', source_id: who },
    ...(rationale.trim() !== '' && { rationale: rationale.trim() }),
    ...(kind === 'feedback' ? { feedback: { value: valueOf(value) } } : { expectation: { value: valueOf(value) } }),
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
