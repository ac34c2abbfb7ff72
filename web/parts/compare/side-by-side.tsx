/** Runs side by side: params that differ first, then metrics that differ, then what all share. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { seriesColour } from '../../data/colours.ts'
import { keysOf } from '../../data/runs/comparison.ts'
import type { Differing } from '../../data/runs/comparison.ts'
import { figure, plural } from '../../../src/contract/text/format.ts'
import { cellText } from '../../data/runs/columns.ts'
import type { RunRow } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'

export function SideBySide({ runs, differing }: { runs: readonly RunRow[]; differing: Differing }) {
  const [all, setAll] = useState(runs.length < 2)
  const rows = rowsOf(runs, differing)
  const same = rows.filter((row) => !row.differs).length
  return (
    <Panel
      title="Side by side"
      note={`${plural(differing.params.length, 'param')} and ${plural(differing.metrics.length, 'metric')} differ`}
      tools={
        same > 0 && (
          <label className="row">
            <input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} />
            show {same} equal {same === 1 ? 'row' : 'rows'}
          </label>
        )
      }
      flush
    >
      <table className="side">
        <thead>
          <tr>
            <th>Name</th>
            {runs.map((run, i) => (
              <th key={run.id} className="num">
                <Link to="/runs/$id" params={{ id: run.id }} className="chip">
                  <i style={{ background: seriesColour(i) }} />
                  {run.name || run.id.slice(0, 8)}
                </Link>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows
            .filter((row) => all || row.differs)
            .map(({ kind, key, differs }) => (
              <Line
                key={`${kind} ${key}`}
                name={key}
                differs={differs}
                values={runs.map((run) =>
                  kind === 'metrics' ? figure(run.metrics[key], 6) : cellText(run.params[key]),
                )}
              />
            ))}
        </tbody>
      </table>
    </Panel>
  )
}

/** Params that differ, metrics that differ, then what is the same. */
function rowsOf(runs: readonly RunRow[], differing: Differing) {
  const rows = (['params', 'metrics'] as const).flatMap((kind) =>
    keysOf(runs, kind, differing[kind]).map((key) => ({ kind, key, differs: differing[kind].includes(key) })),
  )
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)]
}

function Line({ name, differs, values }: { name: string; differs: boolean; values: readonly string[] }) {
  return (
    <tr data-row>
      <td className={differs ? 'break' : 'break muted'}>
        {differs ? <strong>{name}</strong> : name}
        {differs && <span className="sr"> differs</span>}
      </td>
      {values.map((value, i) => (
        <td key={i} className={differs ? 'num' : 'num muted'}>
          {value}
        </td>
      ))}
    </tr>
  )
}
