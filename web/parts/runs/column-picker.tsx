/** Which columns a table of runs shows. */
import { useState } from 'react'
import { titleOf } from '../../data/runs/columns.ts'
import { Menu } from '../form/menu.tsx'

export interface ColumnPickerProps {
  readonly offered: readonly string[]
  readonly chosen: readonly string[]
  readonly onChange: (columns: string[]) => void
}

/** Columns that are listed at once; the rest is found by its name. */
const LISTED = 200
const FEW = 15

export function ColumnPicker({ offered, chosen, onChange }: ColumnPickerProps) {
  const [text, setText] = useState('')
  const all = [...new Set([...chosen, ...offered])]
  const found = all.filter((column) => column.toLowerCase().includes(text.trim().toLowerCase()))
  const turn = (column: string): void =>
    onChange(chosen.includes(column) ? chosen.filter((one) => one !== column) : [...chosen, column])
  return (
    <Menu label={`Columns (${chosen.length})`} className="menu columns">
      {() => (
        <>
          {all.length > FEW && (
            <input
              type="search"
              aria-label="Find a column"
              placeholder={`Find in ${all.length}`}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
          <fieldset>
            <legend className="sr">Columns</legend>
            {all.length === 0 && <span className="muted">No metrics or params have been logged yet.</span>}
            {all.length > 0 && found.length === 0 && <span className="muted">No column matches.</span>}
            {found.slice(0, LISTED).map((column) => (
              <label key={column} style={{ display: 'flex', gap: 8, padding: '2px 0' }}>
                <input type="checkbox" checked={chosen.includes(column)} onChange={() => turn(column)} />
                <span className="break">
                  {titleOf(column)} <span className="muted small">{column.slice(0, column.indexOf('.') - 1)}</span>
                </span>
              </label>
            ))}
            {found.length > LISTED && <span className="muted small">and {found.length - LISTED} more</span>}
          </fieldset>
        </>
      )}
    </Menu>
  )
}
