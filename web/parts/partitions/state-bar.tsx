/** How many of some partitions stand how, as a bar of their tones with its words for screen readers and pointers. */
import { saidOf, tallied } from '../../data/pipelines/partition-states.ts'
import type { StateCounts } from '../../data/pipelines/partition-states.ts'
import { toneOf } from '../../data/tones.ts'

/** What did not run is hollow. */
const HOLLOW = new Set(['missing', 'waiting', 'ready', 'skipped', 'cancelled', 'cached'])

export function StateBar({ counts, wide = false }: { counts: StateCounts; wide?: boolean }) {
  const said = saidOf(counts)
  const parts = tallied(counts)
  return (
    <span
      role="img"
      aria-label={said}
      title={said}
      style={{ display: 'flex', gap: 2, minWidth: wide ? 140 : 72, height: 12, marginBlock: 4 }}
    >
      {parts.map(([state, count]) => (
        <span
          key={state}
          className={`tone-${toneOf(state)}`}
          style={{
            flexGrow: count,
            // one failure among thousands is seen too
            minWidth: 5,
            borderRadius: 2,
            background: HOLLOW.has(state) ? 'transparent' : 'currentColor',
            border: '1.5px solid currentColor',
          }}
        />
      ))}
    </span>
  )
}
