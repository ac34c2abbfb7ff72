/** A field of a form with its label above and its meaning below. */
import { useId } from 'react'

export interface FieldProps {
  readonly label: string
  readonly value: string
  readonly hint?: string
  readonly numeric?: boolean
  readonly required?: boolean
  readonly onChange: (value: string) => void
}

export function Field({ label, value, hint, numeric = false, required = false, onChange }: FieldProps) {
  const [id, told] = [useId(), useId()]
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={value}
        maxLength={1000}
        required={required}
        autoComplete="off"
        {...(hint !== undefined && { 'aria-describedby': told })}
        {...(numeric && { inputMode: 'decimal' as const })}
        onChange={(event) => onChange(event.target.value)}
      />
      {hint !== undefined && (
        <span id={told} className="muted small">
          {hint}
        </span>
      )}
    </div>
  )
}

export interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, word: string])[]
  readonly onChange: (value: T) => void
}

export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map(([one, word]) => (
          <option key={one} value={one}>
            {word}
          </option>
        ))}
      </select>
    </div>
  )
}
