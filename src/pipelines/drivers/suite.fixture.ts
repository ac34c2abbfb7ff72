/** What the cases of drivers share: a driver, attempts to give it, and waiting for their ends. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { AttemptSpec, AttemptStatus, Driver, Exit } from './driver.ts'

export interface Suite {
  readonly driver: Driver
  readonly blobs: Blobs
  /** A driver as after a restart of its server. */
  readonly again: () => Driver
  /** An attempt that runs an entry of the suite's code. */
  readonly spec: (entry: AttemptSpec['entry'], more?: Partial<AttemptSpec>) => Promise<AttemptSpec>
  /** Stores files; only that one of them where it is named. */
  readonly tree: (files: Readonly<Record<string, string>>, only?: string) => Promise<string>
  /** Submits an attempt and waits for its end. */
  readonly finish: (made: AttemptSpec) => Promise<{ readonly exit: Exit; readonly log: string }>
}

export interface Case {
  readonly name: string
  readonly run: (t: TestContext) => Promise<void> | void
}

export type Add = (name: string, run: Case['run']) => void

/** How an attempt ended; one that vanishes fails the case. */
export async function ended(driver: Driver, spec: AttemptSpec): Promise<Exit> {
  return until(`the end of ${spec.attempt}`, async () => {
    const status = await driver.get(spec.attempt, spec.fence)
    assert.notEqual(status.state, 'absent', 'the attempt vanished without an exit')
    return status.state === 'finished' && status.exit
  })
}

/** Waits until the driver says something of an attempt. */
export async function sees(
  driver: Driver,
  spec: AttemptSpec,
  wanted: (status: AttemptStatus) => boolean | Promise<boolean>,
): Promise<void> {
  const status = (): Promise<AttemptStatus> => driver.get(spec.attempt, spec.fence)
  const what = async (): Promise<string> => `${String(wanted)}: ${JSON.stringify(await status())}`
  await until(what, async () => wanted(await status()))
}

/** Holds a step until the test lets it go: it waits for the file that its variable `GO` names. */
export function gate(): { readonly env: Readonly<Record<string, string>>; readonly go: () => void } {
  // not below the folder of the suite, which a driver may hide from its steps
  const folder = mkdtempSync(join(tmpdir(), 'slipway-gate-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'go')
  return { env: { GO: file }, go: () => writeFileSync(file, '') }
}
