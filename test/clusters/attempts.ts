/** Attempts on real clusters: their names, a program that is held, and a node that beats on, whatever its cluster says. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Driver } from '../../src/pipelines/drivers/driver.ts'
import type { Rig } from '../../src/pipelines/drivers/remote/rig.fixture.ts'
import { nodeRow } from '../../src/pipelines/drivers/remote/rows.ts'
import { until } from '../until.ts'

const RUN = randomBytes(4).toString('hex')

/** An attempt of no other test of this machine: the end of one takes with it all processes that bear its name. */
export function att(name: string): string {
  return `att_${name}_${RUN}`
}

/** Goes on until the file is there that its variable `GO` names. */
export const HELD =
  'import os, time\nprint("begun", flush=True)\nwhile not os.path.exists(os.environ["GO"]): time.sleep(0.02)\nprint("over", flush=True)'

/** Resolves when the node of an attempt has beaten for longer than `leaseMs`, and its driver has seen it run all the time. */
export async function beatsOn(rig: Rig, driver: Driver, attempt: string, leaseMs: number): Promise<void> {
  const beat = async (): Promise<number> => (await nodeRow(rig.db, attempt))?.beat_at ?? 0
  const first = await beat()
  await until(`beats of ${attempt} for longer than its lease`, async () => {
    assert.equal((await driver.get(attempt, 'f')).state, 'running', 'its node beats on')
    return (await beat()) > first + leaseMs + 1000
  })
}
