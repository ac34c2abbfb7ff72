/** The spans of a run's steps: what waited, was being started and ran, of attempts that ended and that go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spent, timelineOf } from './timeline.ts'

const START = Date.UTC(2026, 4, 3, 10)
const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString()
const step = { state: 'succeeded' as const, started_at: null, finished_at: null, attempts: [] }
const attempt = { queued_at: at(10), started_at: at(10), finished_at: at(50) }
const run = { created_at: at(0), finished_at: null, critical_path: ['train'] }

/** Each span as `phase from-to`, in seconds since the run was made. */
function told(steps: Parameters<typeof timelineOf>[0]['steps'], now = 100): Record<string, string[]> {
  const { lanes } = timelineOf({ ...run, steps }, START + now * 1000)
  const seconds = (ms: number): number => (ms - START) / 1000
  return Object.fromEntries(
    lanes.map(({ name, spans }) => [
      name,
      spans.map(({ phase, from, to }) => `${phase} ${seconds(from)}-${seconds(to)}`),
    ]),
  )
}

test('an attempt waited, was started and ran; a second one after its pause again', () => {
  const second = { queued_at: at(70), waited_ms: 5000, begun_at: at(75), started_at: at(70), finished_at: null }
  const first = { ...attempt, waited_ms: 6000, begun_at: at(12) }
  assert.deepEqual(told([{ ...step, name: 'train', attempts: [first, second] }]), {
    'Before the first step': ['preparing 0-4'],
    train: ['waiting 4-10', 'starting 10-12', 'running 12-50', 'waiting 65-70', 'starting 70-75', 'running 75-100'],
  })
})

test('what waits now waits until now, and what a machine has not taken up is still being started', () => {
  const away = { ...attempt, started_at: at(11), finished_at: null }
  assert.deepEqual(
    told([
      { ...step, name: 'b', state: 'running', attempts: [away] },
      { ...step, name: 'a', state: 'ready', due_at: at(5) },
      { ...step, name: 'later', state: 'ready', due_at: at(130) },
      { ...step, name: 'c', state: 'cached', finished_at: at(1) },
    ]),
    { 'Before the first step': ['preparing 0-5'], a: ['waiting 5-100'], b: ['starting 10-100'] },
  )
})

test('items are one lane, and attempts of before have what is known of them', () => {
  const fan = {
    ...step,
    name: 'each',
    items: { count: 150, states: {}, needed: 1 },
    started_at: at(20),
    finished_at: at(60),
  }
  const never = { ...attempt, started_at: null }
  assert.deepEqual(
    told([fan, { ...step, name: 'old', attempts: [attempt] }, { ...step, name: 'lost', attempts: [never] }]),
    {
      'Before the first step': ['preparing 0-10'],
      old: ['running 10-50'],
      lost: ['starting 10-50'],
      each: ['running 20-60'],
    },
  )
})

test('the whole has its ends, its critical lanes, and how many steps have none', () => {
  const ended = {
    ...run,
    finished_at: at(60),
    steps: [
      { ...step, name: 'train', attempts: [attempt, attempt] },
      { ...step, name: 'c' },
    ],
  }
  const { from, to, lanes, others } = timelineOf(ended, START + 1e9)
  assert.deepEqual([from, to, others], [START, START + 60_000, 1])
  assert.deepEqual(
    lanes.map((lane) => [lane.isCritical, spent(lane, 'running'), spent(lane, 'waiting'), spent(lane, 'preparing')]),
    [
      [false, 0, 0, 10_000],
      [true, 80_000, 0, 0],
    ],
  )
  assert.deepEqual(timelineOf({ ...run, steps: [] }, START + 5000).lanes, [], 'nothing has begun')
})
