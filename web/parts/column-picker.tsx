/** Which columns a table of runs shows. */
import { titleOf } from '../run-columns.ts'

export interface ColumnPickerProps {
  readonly offered: readonly string[]
  readonly chosen: readonly string[]
  readonly onChange: (columns: string[]) => void
}

export function ColumnPicker({ offered, chosen, onChange }: ColumnPickerProps) {
  const all = [...new Set([...chosen, ...offered])]
  const turn = (column: string): void =>
    onChange(chosen.includes(column) ? chosen.filter((one) => one !== column) : [...chosen, column])
  return (
    <details style={{ position: 'relative' }}>
      <summary className="button">Columns ({chosen.length})</summary>
      <fieldset
        className="panel"
        style={{
          position: 'absolute',
          right: 0,
          zIndex: 4,
          padding: 12,
          maxHeight: 340,
          overflow: 'auto',
          width: 280,
          margin: 0,
        }}
      >
        <legend className="sr">Columns</legend>
        {all.length === 0 && <span className="muted">No run has metrics or params yet.</span>}
        {all.map((column) => (
          <label key={column} style={{ display: 'flex', gap: 8, padding: '2px 0' }}>
            <input type="checkbox" checked={chosen.includes(column)} onChange={() => turn(column)} />
            <span className="break">
              {titleOf(column)} <span className="muted small">{column.slice(0, column.indexOf('.') - 1)}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </details>
  )
}
