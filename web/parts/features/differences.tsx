/** What differs between two versions of a definition, place by place. */
import { diffLines } from '../../data/diff.ts'
import { linesOf } from '../../data/features/difference-lines.ts'
import type { FeatureDifference } from '../../data/features/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'

export function FeatureDifferences({ items }: { items: readonly FeatureDifference[] }) {
  if (items.length === 0) return <Empty title="They mean the same" />
  return (
    <DataTable headings={['Place', 'Before', 'After']}>
      {items.map((one) => (
        <tr key={one.path} data-row>
          <td className="key name mono">{one.path}</td>
          <Change {...one} />
        </tr>
      ))}
    </DataTable>
  )
}

function Change({ path, before, after }: FeatureDifference) {
  if (isLong(before) && isLong(after)) {
    return (
      <td colSpan={2}>
        <Lines before={before} after={after} />
      </td>
    )
  }
  return (
    <>
      <td className="break">
        <Side path={path} value={before} />
      </td>
      <td className="break">
        <Side path={path} value={after} />
      </td>
    </>
  )
}

function isLong(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\n')
}

const SIGNS = { same: ' ', added: '+', removed: '−' } as const

function Lines({ before, after }: { before: string; after: string }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre className="log short diff" tabIndex={0} role="group" aria-label="Changed lines">
      {diffLines(before, after).map(({ kind, text }, i) => (
        <span key={i} className={kind}>
          {SIGNS[kind]} {text}
          {'\n'}
        </span>
      ))}
    </pre>
  )
}

function Side({ path, value }: { path: string; value: unknown }) {
  const lines = linesOf(path, value)
  if (lines.length === 0) return <span className="muted">nothing</span>
  return lines.map((line) => (
    <div key={line} className="mono value">
      {line}
    </div>
  ))
}
