/** The moves of a model's aliases: from, to, who, why, when. */
import type { UseQueryResult } from '@tanstack/react-query'
import type { Move } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { Tag, VersionChip } from '../page/status.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface AliasHistoryProps {
  readonly query: UseQueryResult<{ readonly items: readonly Move[] }>
  /** Only the moves from or to it. */
  readonly version?: string
}

export function AliasHistory({ query, version }: AliasHistoryProps) {
  const ofVersion = (move: Move): boolean => version === undefined || move.from === version || move.to === version
  return (
    <Panel title="Alias history" flush>
      <Loaded query={query} what="The history" height={120}>
        {({ items }) => <Moves moves={items.filter(ofVersion)} />}
      </Loaded>
    </Panel>
  )
}

function Moves({ moves }: { moves: readonly Move[] }) {
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
          <TimeCell at={move.at} />
        </tr>
      ))}
    </DataTable>
  )
}
