/** The filter of runs in MLflow's grammar, with completion of names and operators. */
import { useId, useState } from 'react'
import { completions } from '../completion.ts'

export interface FilterBoxProps {
  readonly value: string
  /** Columns to complete: `metrics.KEY`, `params.KEY`. */
  readonly offered: readonly string[]
  readonly onApply: (filter: string) => void
}

export function FilterBox({ value, offered, onApply }: FilterBoxProps) {
  const [text, setText] = useState(value)
  const list = useId()
  return (
    <form
      className="row"
      style={{ flex: '1 1 360px' }}
      onSubmit={(event) => {
        event.preventDefault()
        onApply(text.trim())
      }}
    >
      <input
        data-filter
        style={{ flex: 1 }}
        className="mono"
        aria-label="Filter runs"
        placeholder={'metrics.auc > 0.7 AND params.seed = "1"'}
        list={list}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <datalist id={list}>
        {completions(text, offered).map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </datalist>
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
