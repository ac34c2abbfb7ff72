/** A table of runs of any length: only the rows in sight are drawn, the next page is read near the end. */
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef } from 'react'
import { Sparkline } from '../../charts/sparkline.tsx'
import { duration } from '../../../src/contract/text/format.ts'
import type { RunRow } from '../../data/queries.ts'
import { cellOf, cellText, nextOrder, orderState, titleOf } from '../../data/runs/columns.ts'
import type { RunCurve } from '../../data/runs/queries.ts'
import { useSparks } from './run-sparks.ts'
import { RunCells } from '../table/run-cells.tsx'
import { TimeCell } from '../table/time-cell.tsx'

export interface RunTableProps {
  readonly rows: readonly RunRow[]
  readonly columns: readonly string[]
  /** Metric whose curve each row shows; undefined = none. */
  readonly spark: string | undefined
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
/** Runs that are compared at once, at most. */
const MOST_CHOSEN = 100

export function RunTable(props: RunTableProps) {
  const { rows, columns, spark, order, chosen, onOrder, onChoose, onEnd } = props
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
  const ids = useMemo(() => rows.map((row) => row.id), [rows])
  const sparks = useSparks(ids, spark, { first: shown[0]?.index ?? 0, last })
  const width = columns.length + FIXED + (spark === undefined ? 0 : 1)
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
              <ChooseFirst ids={ids} chosen={chosen} onChoose={onChoose} />
            </th>
            <Heading column="attributes.run_name" title="Run" order={order} onOrder={onOrder} />
            <Heading column="attributes.status" title="State" order={order} onOrder={onOrder} />
            {spark !== undefined && <th>{spark} by step</th>}
            {columns.map((column) => (
              <Heading key={column} column={column} numeric order={order} onOrder={onOrder} />
            ))}
            <th className="num">Duration</th>
            <Heading column="attributes.start_time" title="Started" numeric order={order} onOrder={onOrder} />
          </tr>
        </thead>
        <tbody>
          <Spacer height={above} width={width} />
          {shown.map(({ index }) => {
            const row = rows[index]
            return row === undefined ? null : (
              <Row
                key={row.id}
                index={index}
                row={row}
                columns={columns}
                spark={spark}
                curve={sparks.get(row.id)}
                chosen={chosen.includes(row.id)}
                onTurn={turn}
              />
            )
          })}
          <Spacer height={below} width={width} />
        </tbody>
      </table>
    </div>
  )
}

interface HeadingProps {
  readonly column: string
  readonly title?: string
  readonly numeric?: boolean
  readonly order: string
  readonly onOrder: (order: string) => void
}

function Heading({ column, title = titleOf(column), numeric = false, order, onOrder }: HeadingProps) {
  const state = orderState(order, column)
  return (
    <th className={numeric ? 'num' : ''} aria-sort={state}>
      <button type="button" title={`Sort by ${column}`} onClick={() => onOrder(nextOrder(order, column))}>
        {title} {state === 'ascending' ? '↑' : state === 'descending' ? '↓' : ''}
      </button>
    </th>
  )
}

/** Chooses the first runs of the table, as many as can be compared, or none. */
function ChooseFirst(props: { ids: readonly string[]; chosen: readonly string[]; onChoose: (ids: string[]) => void }) {
  const first = props.ids.slice(0, MOST_CHOSEN)
  return (
    <input
      type="checkbox"
      aria-label={`Select the first ${first.length} runs`}
      title={`Select the first ${first.length} runs, or none`}
      checked={props.chosen.length > 0}
      onChange={() => props.onChoose(props.chosen.length > 0 ? [] : first)}
    />
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
  readonly spark: string | undefined
  readonly curve: RunCurve | undefined
  readonly chosen: boolean
  readonly onTurn: (id: string) => void
}

function Row({ row, index, columns, spark, curve, chosen, onTurn }: RowProps) {
  return (
    <tr data-row aria-rowindex={index + 2}>
      <td>
        <input type="checkbox" aria-label={`Select ${row.name}`} checked={chosen} onChange={() => onTurn(row.id)} />
      </td>
      <RunCells run={row} />
      {spark !== undefined && (
        <td className="spark">
          {curve !== undefined && curve.steps.length > 1 && (
            <Sparkline label={`${spark} of ${row.name}`} x={curve.steps} values={curve.values} />
          )}
        </td>
      )}
      {columns.map((column) => {
        const value = cellOf(row, column)
        return (
          <td key={column} className="num" title={value === undefined ? '' : String(value)}>
            {cellText(value)}
          </td>
        )
      })}
      <td className="num">
        {row.ended_at === null ? '–' : duration(Date.parse(row.ended_at) - Date.parse(row.started_at))}
      </td>
      <TimeCell at={row.started_at} />
    </tr>
  )
}
