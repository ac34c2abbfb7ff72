/** What is looked up: a service in one of its versions, and a value for each of its keys and fields. */
import { useId, useState } from 'react'
import { faultOf } from '../../data/features/entity-row.ts'
import type { EntityField } from '../../data/features/entity-row.ts'
import { Form } from '../form/form.tsx'

export interface LookUpFormProps {
  readonly fields: readonly EntityField[]
  /** The texts of the address; what is typed stands until another address is shown. */
  readonly given: Readonly<Record<string, string>>
  /** False for a role that the server would refuse. */
  readonly allowed: boolean
  readonly busy: boolean
  readonly onAsk: (texts: Record<string, string>) => void
}

export function LookUpForm({ fields, given, allowed, busy, onAsk }: LookUpFormProps) {
  const [texts, setTexts] = useState(given)
  const shown = JSON.stringify(given)
  const [begun, begin] = useState(shown)
  if (begun !== shown) {
    begin(shown)
    setTexts(given)
  }
  const faults = fields.map((field) => faultOf(field, (texts[field.name] ?? '').trim()))
  const wrong = faults.some((fault) => fault !== undefined)
  const ask = (): void => {
    if (wrong) return
    const typed = fields.map(({ name }) => [name, (texts[name] ?? '').trim()] as const)
    onAsk(Object.fromEntries(typed.filter(([, text]) => text !== '')))
  }
  return (
    <Form className="stack" onSubmit={ask}>
      <div className="fields">
        {fields.map((field, i) => (
          <Field
            key={field.name}
            field={field}
            text={texts[field.name] ?? ''}
            fault={faults[i]}
            onChange={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
      </div>
      <div className="row">
        {allowed && (
          <button type="submit" className="button primary" disabled={busy || wrong}>
            {busy ? 'Reading' : 'Look up'}
          </button>
        )}
        <span className="muted small">
          {allowed
            ? fields.some(({ kind }) => kind === 'field')
              ? 'A request field that is left empty is sent as null.'
              : 'It reads the online store as a model does.'
            : 'Your role may not read the online store; the command works with a token that may.'}
        </span>
      </div>
    </Form>
  )
}

interface FieldProps {
  readonly field: EntityField
  readonly text: string
  readonly fault: string | undefined
  readonly onChange: (text: string) => void
}

function Field({ field: { name, type, kind }, text, fault, onChange }: FieldProps) {
  const [input, hint] = [useId(), useId()]
  // an empty field is not wrong yet
  const told = text.trim() === '' ? undefined : fault
  const shared = { id: input, value: text, 'aria-invalid': told !== undefined, 'aria-describedby': hint }
  return (
    <div style={{ display: 'grid', gap: 2, alignContent: 'start' }}>
      <label htmlFor={input} className="small break">
        {name}
        {kind === 'field' ? ' (of the request)' : ''}
      </label>
      {type === 'bool' ? (
        <select {...shared} onChange={(event) => onChange(event.target.value)}>
          {['', 'true', 'false'].map((one) => (
            <option key={one} value={one}>
              {one === '' ? 'null' : one}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...shared}
          className="mono"
          placeholder={type ?? 'value'}
          inputMode={type === 'int' || type === 'float' ? 'decimal' : 'text'}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={hint} className="small bad-text">
        {told !== undefined && `Expected ${told}`}
      </span>
    </div>
  )
}
