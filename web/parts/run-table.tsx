/** A table of runs of any length: only the rows in sight are drawn, the next page is read near the end. */
import { Link } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import { duration, figure } from '../format.ts'
import type { RunRow } from '../queries.ts'
import { cellOf, nextOrder, orderState, titleOf } from '../run-columns.ts'
import { Status } from './status.tsx'
import { When } from './when.tsx'

export interface RunTableProps {
  readonly rows: readonly RunRow[]
  readonly columns: readonly string[]
  readonly order: string
  readonly chosen: readonly string[]
  readonly onOrder: (order: string) => void
  readonly onChoose: (ids: string[]) => void
  /** Called when the last rows are near. */
  readonly onEnd: () => void
}

const ROW_PX = 35
const NEAR_END = 30
const FIXED = 5

export function RunTable({ rows, columns, order, chosen, onOrder, onChoose, onEnd }: RunTableProps) {
  const box = useRef<HTMLDivElement>(null)
  // oxlint-disable-next-line react/incompatible-library -- its functions are called at each drawing, never kept
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  })
  const shown = virtual.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (last > rows.length - NEAR_END) onEnd()
  }, [last, rows.length, onEnd])
  const above = shown[0]?.start ?? 0
  const below = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0)
  const turn = (id: string): void =>
    onChoose(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id])
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <div className="scroller" ref={box} tabIndex={0} role="group" aria-label="Table of runs">
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            <th>
              <span className="sr">Choose</span>
            </th>
            <th>Run</th>
            <th>State</th>
            {columns.map((column) => (
              <Heading key={column} column={column} order={order} onOrder={onOrder} />
            ))}
            <th className="num">Duration</th>
            <th className="num">Started</th>
          </tr>
        </thead>
        <tbody>
          <Spacer height={above} width={columns.length + FIXED} />
          {shown.map(({ index }) => {
            const row = rows[index]
            return row === undefined ? null : (
              <Row
                key={row.id}
                index={index}
                row={row}
                columns={columns}
                chosen={chosen.includes(row.id)}
                onTurn={turn}
              />
            )
          })}
          <Spacer height={below} width={columns.length + FIXED} />
        </tbody>
      </table>
    </div>
  )
}

function Heading({ column, order, onOrder }: { column: string; order: string; onOrder: (order: string) => void }) {
  const state = orderState(order, column)
  return (
    <th className="num" aria-sort={state}>
      <button type="button" title={`Sort by ${column}`} onClick={() => onOrder(nextOrder(order, column))}>
        {titleOf(column)} {state === 'ascending' ? '↑' : state === 'descending' ? '↓' : ''}
      </button>
    </th>
  )
}

/** Keeps the place of rows that are not drawn. */
function Spacer({ height, width }: { height: number; width: number }) {
  return height > 0 ? (
    <tr className="spacer" aria-hidden="true">
      {/* oxlint-disable-next-line jsx-a11y/control-has-associated-label -- it only takes up room */}
      <td colSpan={width} style={{ height }} />
    </tr>
  ) : null
}

interface RowProps {
  readonly row: RunRow
  readonly index: number
  readonly columns: readonly string[]
  readonly chosen: boolean
  readonly onTurn: (id: string) => void
}

function Row({ row, index, columns, chosen, onTurn }: RowProps) {
  return (
    <tr data-row aria-rowindex={index + 2}>
      <td>
        <input type="checkbox" aria-label={`Choose ${row.name}`} checked={chosen} onChange={() => onTurn(row.id)} />
      </td>
      <td>
        <Link to="/runs/$id" params={{ id: row.id }}>
          {row.name || row.id.slice(0, 8)}
        </Link>
      </td>
      <td>
        <Status word={row.status} />
      </td>
      {columns.map((column) => {
        const value = cellOf(row, column)
        return (
          <td key={column} className="num" title={value === undefined ? '' : String(value)}>
            {typeof value === 'string' && value !== 'NaN' ? value : figure(value)}
          </td>
        )
      })}
      <td className="num">
        {row.ended_at === null ? '–' : duration(Date.parse(row.ended_at) - Date.parse(row.started_at))}
      </td>
      <td className="num">
        <When at={row.started_at} />
      </td>
    </tr>
  )
}
