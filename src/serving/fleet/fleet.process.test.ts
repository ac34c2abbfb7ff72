import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { gatewayStats } from './admin-client.ts'
import { Fleet } from './fleet.ts'
import { gatewayFile } from '../../gateway/run-files.ts'

interface World {
  readonly dataDir: string
  readonly said: string[]
  /** Resolves at the moment at which it is said that a gateway is restarted. */
  readonly restarted: Promise<void>
  readonly fleet: () => Fleet
}

/** A folder without endpoints; what was started for it is killed at the end. */
function world(t: TestContext): World {
  const dataDir = mkdtempSync(join(tmpdir(), 'fleet-'))
  const said: string[] = []
  const restarted = Promise.withResolvers<void>()
  const log = (text: string): void => {
    said.push(text)
    if (text.includes('is restarted')) restarted.resolve()
  }
  const made: Fleet[] = []
  t.after(async () => {
    await Promise.all(made.map((fleet) => fleet.stop(false)))
    for (const pid of gatewaysOf(dataDir)) process.kill(pid, 'SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  })
  const options = { dataDir, count: 2, host: '127.0.0.1', port: 0, allowHosts: [], version: '0.0.0' }
  const fleet = (): Fleet => {
    const one = new Fleet({ ...options, onUp: () => undefined, log })
    made.push(one)
    return one
  }
  return { dataDir, said, restarted: restarted.promise, fleet }
}

/** Processes whose command line names the folder. */
function gatewaysOf(dataDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && commandOf(name).includes(dataDir))
    .map(Number)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const skip = process.platform !== 'linux' && 'reads /proc'

test('a fleet that is ended while a killed gateway is being started again leaves none', { skip }, async (t) => {
  const { dataDir, said, restarted, fleet } = world(t)
  const one = fleet()
  await one.start()
  const [victim] = one.gateways()
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  await restarted
  assert.equal(said.filter((text) => text.startsWith('gateway 0 started')).length, 1, 'not up again yet')
  await one.stop(true)
  assert.deepEqual(gatewaysOf(dataDir), [])
  assert.deepEqual(
    readdirSync(join(dataDir, 'run')).filter((name) => /\.sock$|\.json$/.test(name)),
    [],
    'nor its socket and file',
  )
})

test('a gateway whose place was taken by another leaves, and that one can be reached', { skip }, async (t) => {
  const { dataDir, fleet } = world(t)
  const first = fleet()
  await first.start()
  const [old] = first.gateways()
  await first.stop(false)
  // As after a control process that was killed before the gateway it had started wrote its file.
  rmSync(gatewayFile(dataDir, 0))
  const second = fleet()
  await second.start()
  const [heir, kept] = second.gateways()
  assert.equal(kept?.pid, first.gateways()[1]?.pid, 'the other is adopted')
  assert.notEqual(heir?.pid, old?.pid)
  await until('the end of the old one', () => !gatewaysOf(dataDir).includes(old?.pid ?? 0))
  assert.equal((await gatewayStats(heir ?? { socket: '' })).pid, heir?.pid)
  await second.stop(true)
  assert.deepEqual(gatewaysOf(dataDir), [])
})
