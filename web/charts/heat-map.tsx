/** Rows × columns of effects in units of their limit: the stronger the colour the larger the effect; hatched where there is not enough data; alerts carry a mark. */
import { useLayoutEffect, useRef } from 'react'
import { figure } from '../../src/contract/text/format.ts'
import { shade } from './scales/shade.ts'

export interface HeatRow {
  readonly name: string
  /** One a column, 1 = the limit; null = not enough data. */
  readonly values: readonly (number | null)[]
  readonly alerts: readonly boolean[]
}

export interface HeatMapProps {
  readonly columns: readonly string[]
  readonly columnText: (column: string) => string
  readonly rows: readonly HeatRow[]
  readonly chosen: string | undefined
  /** The column that is looked at. */
  readonly column?: string | undefined
  /** Called for a row's name, and for a cell with its column. */
  readonly onChoose: (row: string, column?: string) => void
}

const LABEL_PX = 150
/** The least width of a cell; wider where there is room. */
const CELL_PX = 12
/** Effects of twice the limit and more have the full colour. */
const TOP = 2

export function HeatMap({ columns, columnText, rows, chosen, column, onChoose }: HeatMapProps) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    // the newest columns are what one looks for where not all have room
    if (box.current !== null && columns.length > 0) box.current.scrollLeft = box.current.scrollWidth
  }, [columns.length])
  return (
    <div style={{ padding: '12px 16px', display: 'grid', gap: 10 }}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
      <div ref={box} className="heat" tabIndex={0} role="group" aria-label="Features over time">
        <table style={{ minWidth: LABEL_PX + columns.length * CELL_PX }}>
          <thead>
            <tr>
              <th>Feature</th>
              <th colSpan={Math.max(1, columns.length)}>
                {columns.length > 0 && `${columnText(columns[0] ?? '')} to ${columnText(columns.at(-1) ?? '')}`}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">
                  <button type="button" aria-pressed={row.name === chosen} onClick={() => onChoose(row.name)}>
                    {row.name === chosen ? `▸ ${row.name}` : row.name}
                  </button>
                </th>
                {row.values.map((value, i) => (
                  <Cell
                    key={columns[i]}
                    value={value}
                    alert={row.alerts[i] ?? false}
                    when={columnText(columns[i] ?? '')}
                    chosen={column !== undefined && columns[i] === column}
                    onChoose={() => onChoose(row.name, columns[i])}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="legend">
        <Swatch colour={shade(0, TOP)} word="no effect" />
        <Swatch colour={shade(1, TOP)} word="1: the limit" />
        <Swatch colour={shade(TOP, TOP)} word={`${TOP} or more`} />
        <span>! alert</span>
        <span>hatched: not enough data</span>
      </div>
    </div>
  )
}

interface CellProps {
  readonly value: number | null
  readonly alert: boolean
  readonly when: string
  readonly chosen: boolean
  readonly onChoose: () => void
}

function Cell({ value, alert, when, chosen, onChoose }: CellProps) {
  const said = value === null ? 'not enough data' : `${figure(value, 3)}${alert ? ', alert' : ''}`
  const strong = value !== null && Math.abs(value) > TOP * 0.55
  const classes = [value === null && 'none', chosen && 'chosen'].filter(Boolean).join(' ')
  return (
    // the same is reached by keyboard through the row's button and the buttons for the window
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <td
      className={classes}
      title={`${when}: ${said}`}
      onClick={onChoose}
      style={value === null ? {} : { background: shade(value, TOP), color: strong ? '#fff' : 'var(--text)' }}
    >
      {alert && <span aria-label="alert">!</span>}
    </td>
  )
}

function Swatch({ colour, word }: { colour: string; word: string }) {
  return (
    <span className="chip">
      <i style={{ background: colour }} />
      {word}
    </span>
  )
}
