/** A filter that is typed and applied as a whole. */
import { useState } from 'react'
import { FilterForm } from './filter-form.tsx'

export interface SearchFieldProps {
  readonly label: string
  readonly placeholder: string
  readonly value: string
  readonly onApply: (text: string) => void
}

export function SearchField({ label, placeholder, value, onApply }: SearchFieldProps) {
  const [text, setText] = useState(value)
  return (
    <FilterForm applied={value} text={text} onApply={onApply}>
      <input
        data-filter
        className="mono"
        style={{ flex: 1 }}
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </FilterForm>
  )
}
