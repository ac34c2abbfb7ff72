/** What is said of the queue: steps that have waited too long, and clusters that take none. */
import type { pipelinesApi } from '../pipelines.ts'
import type { Reply } from '../route.ts'
import { LONG_WAIT_MS } from '../runs/waits.ts'
import type { Need } from './needs.ts'
import { duration, plural, sentence } from '../text/format.ts'

type StepQueue = Reply<typeof pipelinesApi.stepQueue>

/** Nothing while the queue is not known. */
export function queueNeeds(queue: StepQueue | undefined, now: number): Need[] {
  if (queue === undefined) return []
  const { waiting, running, oldest_wait_ms: oldest, clusters } = queue
  const late =
    oldest === null || oldest <= LONG_WAIT_MS
      ? []
      : [
          {
            key: 'queue wait',
            status: 'medium',
            title: `A step has waited ${duration(oldest)} for a place`,
            detail: `${plural(waiting, 'step')} ${waiting === 1 ? 'waits' : 'wait'} and ${running} run; the queue says what is in the way of each`,
            at: new Date(now - oldest).toISOString(),
            path: '/queue',
            act: 'Show the queue',
            command: 'slipway queue',
          },
        ]
  const away = clusters
    .filter(({ ok }) => !ok)
    .map(({ name, detail }) => ({
      key: `cluster ${name}`,
      status: 'high',
      title: `The ${name} cluster takes no steps`,
      detail: sentence(detail),
      at: new Date(now).toISOString(),
      path: '/clusters',
      act: 'Show the clusters',
      command: 'slipway doctor',
    }))
  return [...late, ...away]
}
