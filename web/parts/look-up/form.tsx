/** What is looked up: a service in one of its versions, and a value for each of its keys and fields. */
import { useId, useState } from 'react'
import { faultOf } from '../../data/features/entity-row.ts'
import type { EntityField } from '../../data/features/entity-row.ts'
import { momentFault } from '../../data/features/past.ts'
import { Form } from '../form/form.tsx'
import { useNow } from '../page/relative-time.tsx'

export interface LookUpFormProps {
  readonly fields: readonly EntityField[]
  /** The texts of the address; what is typed stands until another address is shown. */
  readonly given: Readonly<Record<string, string>>
  /** The moment of the address; empty = now alone. */
  readonly at: string
  /** False for a role that the server would refuse. */
  readonly allowed: boolean
  readonly busy: boolean
  readonly onAsk: (texts: Record<string, string>, at: string | undefined) => void
}

export function LookUpForm({ fields, given, at, allowed, busy, onAsk }: LookUpFormProps) {
  const [texts, setTexts] = useState(given)
  const [moment, setMoment] = useState(at)
  const shown = JSON.stringify([given, at])
  const [begun, begin] = useState(shown)
  if (begun !== shown) {
    begin(shown)
    setTexts(given)
    setMoment(at)
  }
  const faults = fields.map((field) => faultOf(field, (texts[field.name] ?? '').trim()))
  const momentWrong = momentFault(moment.trim(), useNow())
  const wrong = momentWrong !== undefined || faults.some((fault) => fault !== undefined)
  // who may not read the online store may look into the past
  const mayAsk = allowed || moment.trim() !== ''
  const ask = (): void => {
    if (wrong) return
    const typed = fields.map(({ name }) => [name, (texts[name] ?? '').trim()] as const)
    const then = moment.trim()
    onAsk(Object.fromEntries(typed.filter(([, text]) => text !== '')), then === '' ? undefined : then)
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
        <Moment text={moment} fault={momentWrong} onChange={setMoment} />
      </div>
      <div className="row">
        {mayAsk && (
          <button type="submit" className="button primary" disabled={busy || wrong}>
            {busy ? 'Reading' : 'Look up'}
          </button>
        )}
        <span className="muted small">
          {mayAsk
            ? fields.some(({ kind }) => kind === 'field')
              ? 'A request field that is left empty is sent as null.'
              : 'It reads the online store as a model does; of a moment in the past it reads the sources.'
            : 'Your role may not read the online store; give a moment to look into the past, or use the command with a token that may.'}
        </span>
      </div>
    </Form>
  )
}

interface MomentProps {
  readonly text: string
  readonly fault: string | undefined
  readonly onChange: (text: string) => void
}

/** Empty for now alone. */
function Moment({ text, fault, onChange }: MomentProps) {
  const [input, hint] = [useId(), useId()]
  return (
    <div style={{ display: 'grid', gap: 2, alignContent: 'start' }}>
      <label htmlFor={input} className="small break">
        now, and at (UTC)
      </label>
      <input
        id={input}
        value={text}
        className="mono"
        placeholder="2026-05-03 10:00"
        aria-invalid={fault !== undefined}
        aria-describedby={hint}
        onChange={(event) => onChange(event.target.value)}
      />
      <span id={hint} className="small bad-text">
        {fault !== undefined && `Expected ${fault}`}
      </span>
    </div>
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
