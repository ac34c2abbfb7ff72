/** A form with an endpoint's inputs that makes the commands which ask for that prediction. */
import { useId, useState } from 'react'
import { rowOf } from '../try-row.ts'
import type { InputField } from '../try-row.ts'
import { Command } from './command.tsx'

export function TryIt({ name, url, inputs }: { name: string; url: string; inputs: readonly InputField[] }) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const { row, faults } = rowOf(inputs, texts)
  const typed = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
  return (
    <>
      <div style={{ display: 'grid', gap: 12, gridTemplateColumns: 'repeat(auto-fill, minmax(150px, 1fr))' }}>
        {inputs.map((field) => (
          <Field
            key={field.name}
            field={field}
            text={texts[field.name] ?? ''}
            fault={faults[field.name]}
            onChange={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
      </div>
      {inputs.length === 0 && <p className="muted">The model has no signature, so its inputs are not known.</p>}
      <Command text={`slipway predict ${name} '${quoted(JSON.stringify(typed))}'`} />
      <Command
        text={`curl -H "authorization: Bearer $SLIPWAY_TOKEN" -H 'content-type: application/json' -d '${quoted(JSON.stringify({ inputs: typed }))}' ${url}`}
      />
    </>
  )
}

function quoted(text: string): string {
  return text.replaceAll("'", String.raw`'\''`)
}

interface FieldProps {
  readonly field: InputField
  readonly text: string
  readonly fault: string | undefined
  readonly onChange: (text: string) => void
}

function Field({ field, text, fault, onChange }: FieldProps) {
  const input = useId()
  return (
    <div style={{ display: 'grid', gap: 2, alignContent: 'start' }}>
      <label htmlFor={input} className="small break">
        {field.name}
        {field.required ? '' : ' (may be missing)'}
      </label>
      <input
        id={input}
        value={text}
        placeholder={field.kind}
        inputMode={field.kind === 'number' || field.kind === 'integer' ? 'decimal' : 'text'}
        aria-invalid={fault !== undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {fault !== undefined && <span className="small bad-text">{fault}</span>}
    </div>
  )
}
