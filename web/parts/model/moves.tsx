/** The moves of a model's aliases: from, to, who, why, when. */
import { Empty } from '../page/placeholders.tsx'
import { Tag, VersionChip } from '../page/status.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface Move {
  readonly model: string
  readonly alias: string
  readonly from: string | null
  readonly to: string | null
  readonly at: string
  readonly actor: string
  readonly reason: string
  /** When it was brought in from another server; null for a move that was made, and judged, here. */
  readonly imported_at: string | null
}

export function Moves({ moves }: { moves: readonly Move[] }) {
  if (moves.length === 0) return <Empty title="No alias moves yet" />
  return (
    <DataTable headings={['Alias', 'From', 'To', 'Why', 'Who', ['When', 'num']]}>
      {moves.map((move) => (
        <tr key={`${move.alias} ${move.at} ${move.from} ${move.to}`} data-row>
          <td>
            <Tag>{move.alias}</Tag>
          </td>
          <td>{move.from === null ? '–' : <VersionChip model={move.model} version={move.from} />}</td>
          <td>{move.to === null ? 'removed' : <VersionChip model={move.model} version={move.to} />}</td>
          <td className="break">
            {move.imported_at !== null && <Tag>imported, not evaluated here</Tag>} {move.reason || '–'}
          </td>
          <td className="break">{move.actor}</td>
          <td className="num">
            <RelativeTime at={move.at} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}
