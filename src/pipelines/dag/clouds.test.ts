/** What the clouds' own files say: machines of SageMaker, and the trigger of Data Factory at the times of the schedule. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextFire } from '../../jobs/cron.ts'
import { specOf } from '../spec/edits.fixture.ts'
import type { DagTool } from '../../contract/pipelines/tasks.ts'
import { writeDag } from './dag.ts'
import { recurrenceOf, type Recurrence } from './recurrence.ts'

const at = (cron: string, timezone = 'UTC'): Recurrence | undefined =>
  recurrenceOf({ schedule: { cron, timezone, missed: 'last', overlap: 'skip' } })

async function written(tool: DagTool, step: string, url = 'http://server:1'): Promise<string> {
  const text = `project: night\npython: {packages: []}\npipeline:\n  steps:\n    fit: {run: "step:main"${step}}\n`
  const spec = await specOf({ 'slipway.yaml': text, 'step.py': 'def main(): pass\n' })
  return writeDag(tool, { version: 'pv_1', spec, url }).text
}

async function machineOf(resources: string): Promise<unknown> {
  type Step = { Arguments: { ProcessingResources: { ClusterConfig: { InstanceType: unknown } } } }
  const { Steps } = JSON.parse(await written('sagemaker', `, resources: {${resources}}`)) as { Steps: Step[] }
  return Steps[0]?.Arguments.ProcessingResources.ClusterConfig.InstanceType
}

test('a step of SageMaker gets the smallest machine that has what it asks for, or is refused by name', async () => {
  assert.equal(await machineOf('cpus: 2'), 'ml.m5.large')
  assert.equal(await machineOf('cpus: 2, memory: 9GiB'), 'ml.m5.xlarge')
  assert.equal(await machineOf('memory: 300GiB'), 'ml.m5.24xlarge')
  assert.equal(await machineOf('gpus: 1'), 'ml.g4dn.xlarge')
  assert.equal(await machineOf('gpus: 2'), 'ml.g4dn.12xlarge')
  await assert.rejects(machineOf('gpus: 16'), /step "fit" asks for 16 gpus, and none of the machines ml\.m5\.large,/)
  await assert.rejects(machineOf('cpus: 97, memory: 1GiB'), /asks for 97 cpus, 1 GiB of memory/)
})

test('no word and no variable of a job of SageMaker is longer than it takes', async () => {
  type Step = { Arguments: { AppSpecification: { ContainerArguments: string[] } } }
  const { Steps } = JSON.parse(await written('sagemaker', '')) as { Steps: Step[] }
  for (const { Arguments } of Steps) {
    const words = Arguments.AppSpecification.ContainerArguments
    assert.ok(words.length <= 100 && words.every((word) => word.length <= 256))
  }
  const far = `http://server:1/${'x'.repeat(300)}`
  await assert.rejects(written('sagemaker', '', far), /256 characters of a variable; the address of the server has 316/)
})

test('an address that Data Factory would read as an expression is refused', async () => {
  await assert.rejects(written('data-factory', '', 'http://me@server:1'), /reads "@" as the beginning of an expression/)
})

/** The times of a recurrence in UTC, by what Microsoft says of its parts. */
function timesOf({ frequency, schedule }: Recurrence, from: number, days: number): number[] {
  const DAY = 86_400_000
  const names = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
  const times: number[] = []
  for (let day = from; day < from + days * DAY; day += DAY) {
    const date = new Date(day)
    if (frequency === 'Week' && schedule.weekDays?.includes(names[date.getUTCDay()] ?? '') !== true) continue
    if (frequency === 'Month' && schedule.monthDays?.includes(date.getUTCDate()) !== true) continue
    for (const hour of schedule.hours)
      for (const minute of schedule.minutes) times.push(day + (hour * 60 + minute) * 60_000)
  }
  return times.filter((time) => time > from).toSorted((a, b) => a - b)
}

test('a trigger of Data Factory fires when the schedule does', () => {
  const from = Date.UTC(2026, 1, 20)
  const crons = [
    '0 3 * * *',
    '*/20 9-17/4 * * MON-FRI',
    '5-59/25 0 * * 0',
    '0 12 * * 5-7',
    '15,45 6 1,15,31 * *',
    '@weekly',
    '@hourly',
  ]
  for (const cron of crons) {
    const recurrence = at(cron) ?? assert.fail(cron)
    const times = timesOf(recurrence, from, 45).slice(0, 40)
    assert.ok(times.length > 2, cron)
    let last = from
    for (const time of times) {
      assert.equal(new Date(time).toISOString(), new Date(nextFire(cron, 'UTC', last) ?? 0).toISOString(), cron)
      last = time
    }
  }
})

test('zones have the names of Windows, and what Data Factory has no words for is refused', () => {
  assert.deepEqual(
    ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Asia/Calcutta', 'UTC'].map(
      (zone) => at('0 3 * * *', zone)?.timeZone,
    ),
    ['W. Europe Standard Time', 'Eastern Standard Time', 'India Standard Time', 'India Standard Time', 'UTC'],
  )
  assert.equal(at('0 3 * * *')?.startTime.at(-1), 'Z')
  assert.equal(at('0 3 * * *', 'Europe/Berlin')?.startTime.at(-1), '0')
  assert.equal(recurrenceOf({ schedule: null }), undefined)
  assert.throws(() => at('0 3 * 1-6 *'), /has no months of the year/)
  assert.throws(() => at('0 3 1 * MON'), /and not either of them/)
  assert.throws(() => at('0 3 * * *', 'Antarctica/Troll'), /"Antarctica\/Troll" is none/)
  assert.throws(() => at('0 3 L * *'), /cannot be written for another scheduler/)
})
