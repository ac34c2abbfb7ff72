/** A field of a form with its label above, and its meaning, or what is wrong with it, below. */
import { useId } from 'react'

export interface FieldProps {
  readonly label: string
  readonly value: string
  readonly hint?: string
  /** What was expected in place of the value; absent while it may be sent. */
  readonly fault?: string | undefined
  readonly numeric?: boolean
  /** True for what nobody may read over the shoulder. */
  readonly secret?: boolean
  readonly required?: boolean
  /** Values that are offered; others may be typed. */
  readonly options?: readonly string[]
  readonly onChange: (value: string) => void
}

export function Field({ label, value, hint, fault, options, onChange, ...how }: FieldProps) {
  const [id, told, offered] = [useId(), useId(), useId()]
  const below = fault === undefined ? hint : `Expected ${fault}.`
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type={how.secret === true ? 'password' : 'text'}
        value={value}
        maxLength={how.secret === true ? 16_384 : 1000}
        required={how.required === true}
        autoComplete={how.secret === true ? 'new-password' : 'off'}
        aria-invalid={fault !== undefined}
        {...(below !== undefined && { 'aria-describedby': told })}
        {...(how.numeric === true && { inputMode: 'decimal' as const })}
        {...(options !== undefined && { list: offered })}
        onChange={(event) => onChange(event.target.value)}
      />
      {options !== undefined && (
        <datalist id={offered}>
          {options.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </datalist>
      )}
      {below !== undefined && (
        <span id={told} className={fault === undefined ? 'muted small break' : 'bad-text small break'}>
          {below}
        </span>
      )}
    </div>
  )
}

export interface ChoiceProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, word: string])[]
  readonly fault?: string | undefined
  readonly onChange: (value: T) => void
}

export function Choice<T extends string>({ label, value, options, fault, onChange }: ChoiceProps<T>) {
  const [id, told] = [useId(), useId()]
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-invalid={fault !== undefined}
        {...(fault !== undefined && { 'aria-describedby': told })}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {options.map(([one, word]) => (
          <option key={one} value={one}>
            {word}
          </option>
        ))}
      </select>
      {fault !== undefined && (
        <span id={told} className="bad-text small break">
          Expected {fault}.
        </span>
      )}
    </div>
  )
}

export interface ProjectFieldProps {
  readonly value: string
  /** Empty for who may make things in one project alone: nothing is asked. */
  readonly offered: readonly string[]
  readonly onChange: (value: string) => void
}

export function ProjectField({ value, offered, onChange }: ProjectFieldProps) {
  if (offered.length === 0) return null
  return <Field label="Project" value={value} options={offered} required onChange={onChange} />
}
