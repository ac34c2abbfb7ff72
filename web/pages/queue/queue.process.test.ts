/** The pages of the queue and of pools: what each role is offered, and what is told of a line that is longer than what is read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from '../../../test/web/components.ts'
import type { Surroundings } from '../../../test/web/components.ts'
import { pools, runningSteps, waitingSteps } from '../../../test/web/recorded/queue.ts'

type Role = NonNullable<Surroundings['role']>

const queue = (role: Role, waiting: object = waitingSteps(false)): Promise<string> =>
  pageMarkup('queue/queue', 'QueuePage', {
    role,
    at: '/queue',
    data: [
      [['pipelines', 'waiting'], waiting],
      [['pipelines', 'running'], runningSteps(Date.now(), false)],
    ],
  })

const count = (html: string, label: string): number =>
  html.replaceAll(/<dialog.*?<\/dialog>/gs, '').split(`>${label}</button>`).length - 1

test('a run is cancelled and moved by who may write, and one that was raised by a maintainer by a maintainer', async () => {
  const offered = async (role: Role) => {
    const html = await queue(role)
    return [count(html, 'Change priority'), count(html, 'Cancel the run')]
  }
  assert.deepEqual(await offered('viewer'), [0, 0])
  assert.deepEqual(await offered('contributor'), [5, 6])
  assert.deepEqual(await offered('maintainer'), [6, 6])
  assert.match(textOf(await queue('contributor')), /A whole number from -10 to 0\. Above 0 a maintainer has to ask/)
  assert.match(textOf(await queue('maintainer')), /A whole number from -10 to 10\./)
})

test('a line that is longer than what is read says so, also where nobody in front is the reader’s', async () => {
  assert.match(textOf(await queue('viewer')), /Waiting the first 6; 11,204 more behind them/)
  const far = textOf(await queue('viewer', { items: [], left_out: 12 }))
  assert.match(far, /12 steps far behind in the line/)
  assert.doesNotMatch(far, /Nothing waits/)
})

test('an item leads to its step, and what runs elsewhere takes nothing of this machine', async () => {
  const html = await queue('viewer')
  assert.match(html, /href="\/pipelines\/run_01k2c41\?step=train"[^>]*>train\[17\]</)
  assert.match(textOf(html), /train\[3\]flight-delay 1k2c41 kubernetes gpus 2 – – /)
})

test('pools are changed by admins alone', async () => {
  const page = (role: Role) =>
    pageMarkup('queue/pools', 'PoolsPage', {
      role,
      at: '/pools',
      data: [[['pipelines', 'pools'], { items: pools(Date.now()) }]],
    })
  const [seen, offered] = [await page('maintainer'), await page('admin')]
  for (const [label, n] of [
    ['Make a pool', 1],
    ['Change', 4],
    ['Remove', 4],
  ] as const)
    assert.deepEqual([count(seen, label), count(offered, label)], [0, n], label)
  assert.match(textOf(seen), /gpus .*5 of 2 places full at most 2 12 .*1 more .*and 1 not listed/)
})
