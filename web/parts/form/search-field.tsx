/** A filter that is typed and applied as a whole. */
import { useState } from 'react'

export interface SearchFieldProps {
  readonly label: string
  readonly placeholder: string
  readonly value: string
  readonly onApply: (text: string) => void
}

export function SearchField({ label, placeholder, value, onApply }: SearchFieldProps) {
  const [text, setText] = useState(value)
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault()
        onApply(text.trim())
      }}
    >
      <input
        data-filter
        className="mono"
        style={{ flex: 1 }}
        aria-label={label}
        placeholder={placeholder}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button">
        Filter
      </button>
      {value !== '' && (
        <button type="button" className="button quiet" onClick={() => onApply('')}>
          Clear
        </button>
      )}
    </form>
  )
}
