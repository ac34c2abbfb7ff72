/** How steps stand in line: what runs, what waits and for how long, what of the machine is taken, what failed. */
import { useQuery } from '@tanstack/react-query'
import { bytes, count, duration } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import { Figures, Panel } from '../page/page.tsx'
import { Loaded } from '../page/placeholders.tsx'

export function StepQueuePanel() {
  return (
    <Panel title="Steps" note="of all pipelines, now">
      <Loaded query={useQuery(read.stepQueue)} what="The queue of steps" height={64}>
        {({ running, waiting, oldest_wait_ms, cpus, memory_bytes, failed_last_day, slow_starts, clusters }) => (
          <Figures
            items={[
              ['Running', count(running)],
              ['Waiting', count(waiting), waiting === 0 ? 'for a place' : `the oldest for ${duration(oldest_wait_ms)}`],
              ['Cores', count(cpus.taken), `taken of ${count(cpus.total)}`],
              ['Memory', bytes(memory_bytes.taken), `taken of ${bytes(memory_bytes.total)}`],
              ['Failed attempts', count(failed_last_day), 'in 24 hours'],
              ...clusters.map(({ name, ok, detail }) => [name, ok ? 'answers' : 'takes no steps', detail] as const),
              ...(slow_starts === null ? [] : [['Starts', 'slower', slow_starts] as const]),
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}
