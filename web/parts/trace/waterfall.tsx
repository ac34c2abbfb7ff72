/** Spans as bars over time, each below its parent: which call took how long, and inside which other. */
import { duration } from '../../../src/contract/text/format.ts'
import { Status } from '../page/status.tsx'

export interface WaterfallRow {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly depth: number
  readonly failed: boolean
  /** µs since the trace began. */
  readonly offset: number
  /** µs; null while it goes on. */
  readonly length: number | null
  readonly hasChildren: boolean
  readonly folded: boolean
}

export interface WaterfallProps {
  readonly rows: readonly WaterfallRow[]
  /** µs of the whole. */
  readonly total: number
  readonly chosen: string | undefined
  readonly onChoose: (id: string) => void
  readonly onFold: (id: string) => void
}

const INDENT = 16
const DEEPEST = 12

export function Waterfall({ rows, total, chosen, onChoose, onFold }: WaterfallProps) {
  return (
    <table className="waterfall">
      <thead>
        <tr>
          <th>Span</th>
          <th className="num">Duration</th>
          <th>0 to {duration(total / 1000)}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} data-row className={row.id === chosen ? 'chosen' : ''}>
            <td style={{ paddingLeft: 12 + Math.min(row.depth, DEEPEST) * INDENT }}>
              <span className="span-name">
                {row.hasChildren ? (
                  <button
                    type="button"
                    className="button quiet"
                    aria-expanded={!row.folded}
                    aria-label={`${row.folded ? 'Show' : 'Hide'} what is inside ${row.name}`}
                    onClick={() => onFold(row.id)}
                  >
                    {row.folded ? '▸' : '▾'}
                  </button>
                ) : (
                  <span className="leaf" />
                )}
                <button
                  type="button"
                  className="button quiet break"
                  aria-pressed={row.id === chosen}
                  onClick={() => onChoose(row.id)}
                >
                  {row.name}
                </button>
                {row.failed && <Status word="failed" />}
                <span className="muted small">{row.type}</span>
              </span>
            </td>
            <td className="num">{row.length === null ? 'running' : duration(row.length / 1000)}</td>
            <td className="bar">
              <span className="sr">starts after {duration(row.offset / 1000)}</span>
              <i
                className={row.failed ? 'failed' : ''}
                style={{
                  marginLeft: `${(row.offset / total) * 100}%`,
                  width: `max(3px, ${((row.length ?? total - row.offset) / total) * 100}%)`,
                }}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
