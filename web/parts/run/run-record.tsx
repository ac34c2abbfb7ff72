/** Where a run comes from: what `slipway run` or `python -m slipway.record` kept of its code, environment, data and machine. */
import type { ReactNode } from 'react'
import { Facts, Panel } from '../page/page.tsx'

const PREFIX = 'slipway.record.'

/** The tags of the record in the order in which they are told. */
const PARTS = [
  ['commit', 'Commit'],
  ['branch', 'Branch'],
  ['patch', 'Uncommitted changes'],
  ['environment', 'Environment'],
  ['python', 'Python'],
  ['data', 'Data'],
  ['seed', 'Seed'],
  ['argv', 'Command'],
  ['hardware', 'Machine'],
] as const

export function RunRecord({ tags }: { tags: Readonly<Record<string, string>> }) {
  const items = PARTS.flatMap(([part, name]): (readonly [string, ReactNode])[] => {
    const value = tags[PREFIX + part]
    if (value !== undefined) return [[name, <code key={part}>{spaced(value)}</code>]]
    return part === 'patch' && tags[`${PREFIX}commit`] !== undefined ? [[name, 'none']] : []
  })
  if (items.length === 0) return null
  return (
    <Panel title="Provenance" note="slipway diff RUN RUN shows what changed between two runs">
      <Facts items={items} />
    </Panel>
  )
}

/** JSON that may break at its commas. */
function spaced(value: string): string {
  return value.replaceAll('","', '", "').replaceAll(',"', ', "')
}
