/** The filter of runs in MLflow's grammar, with completion of names, operators and states. */
import { useId, useRef, useState } from 'react'
import type { KeyboardEvent } from 'react'
import { flushSync } from 'react-dom'
import { FilterForm } from '../form/filter-form.tsx'
import { completed, completionAt } from '../../data/runs/completion.ts'

export interface FilterBoxProps {
  readonly value: string
  /** Columns to complete: `metrics.KEY`, `params.KEY`, `tags.KEY`. */
  readonly offered: readonly string[]
  readonly onApply: (filter: string) => void
}

export function FilterBox({ value, offered, onApply }: FilterBoxProps) {
  const field = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(value)
  const [caret, setCaret] = useState(value.length)
  const [open, setOpen] = useState(false)
  const [place, setPlace] = useState(-1)
  const list = useId()
  const completion = completionAt(text, caret, offered)
  const options = open ? completion.options : []
  const take = (choice: string): void => {
    const next = completed(text, caret, completion, choice)
    // all of it now: letters that are typed before the next frame come behind what was taken
    flushSync(() => {
      setText(next.text)
      setCaret(next.caret)
      setPlace(-1)
    })
    field.current?.focus()
    field.current?.setSelectionRange(next.caret, next.caret)
  }
  const onKey = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'ArrowDown' && !open) return setOpen(true)
    const act = keyAct(event.key, { options: options.length, place, begun: completion.from < caret })
    if (act === undefined) return
    event.preventDefault()
    if (act === 'take') take(options[Math.max(0, place)] ?? '')
    else if (act === 'close') setOpen(false)
    else setPlace(act)
  }
  return (
    <FilterForm
      applied={value}
      text={text}
      className="filter"
      onApply={(filter) => {
        setOpen(false)
        onApply(filter)
      }}
    >
      <div className="combo">
        <input
          ref={field}
          data-filter
          className="mono"
          role="combobox"
          aria-label="Filter runs"
          aria-autocomplete="list"
          aria-expanded={options.length > 0}
          aria-controls={list}
          aria-activedescendant={place >= 0 && options.length > 0 ? `${list}-${place}` : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={'metrics.auc > 0.7 AND params.seed = "1"'}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            setCaret(event.target.selectionStart ?? event.target.value.length)
            setOpen(true)
            setPlace(-1)
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? text.length)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKey}
        />
        <Options id={list} options={options} place={place} onTake={take} />
      </div>
    </FilterForm>
  )
}

/** What a key does while options are shown: the next place, taking one, closing; undefined = nothing of ours. */
function keyAct(
  key: string,
  now: { options: number; place: number; begun: boolean },
): number | 'take' | 'close' | undefined {
  const { options, place, begun } = now
  if (options === 0) return undefined
  if (key === 'ArrowDown') return (place + 1) % options
  if (key === 'ArrowUp') return place <= 0 ? options - 1 : place - 1
  if (key === 'Escape') return 'close'
  if ((key === 'Tab' && (begun || place >= 0)) || (key === 'Enter' && place >= 0)) return 'take'
  return undefined
}

interface OptionsProps {
  readonly id: string
  readonly options: readonly string[]
  readonly place: number
  readonly onTake: (choice: string) => void
}

function Options({ id, options, place, onTake }: OptionsProps) {
  return (
    <div id={id} role="listbox" aria-label="Completions" tabIndex={-1} hidden={options.length === 0}>
      {options.map((option, i) => (
        // the field keeps the focus and handles the keys
        // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
        <div
          key={option}
          id={`${id}-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={i === place}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onTake(option)}
        >
          {option}
        </div>
      ))}
    </div>
  )
}
