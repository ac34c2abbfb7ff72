/** The CPU time of a file is that of its process and of those that it awaited, and not the time that it slept. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { outputOf } from '../output.ts'
import { endedCpuSeconds, takeEndedCpu } from './cpu.ts'
import { program } from './stage.ts'

const SPIN = `const used = () => { const { user, system } = process.cpuUsage(); return user + system }
for (const end = used() + 300_000; used() < end; ) for (let i = 0; i < 1e6; i++);`
/** Starts a process that starts another one, which spins for 0.3 s of CPU, and awaits it. */
const PARENT = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(SPIN)}])`

async function cost(code: string): Promise<number> {
  takeEndedCpu()
  await once(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), 'exit')
  return takeEndedCpu() ?? assert.fail('this system tells no CPU time')
}

test(
  'what a process and its own processes computed is counted, what they slept is not',
  { skip: endedCpuSeconds() === undefined && 'only Linux tells' },
  async () => {
    // by the clock: how long it sleeps is to cost nothing
    const asleep = await cost('setTimeout(() => {}, 3000)')
    // to start takes a tenth, and more where the processor is shared
    assert.ok(asleep < 1.5, `${asleep} s of one that slept`)
    const spun = await cost(PARENT)
    assert.ok(spun >= 0.3 && spun < 2, `${spun} s of one that spun for 0.3 s`)
  },
)

test(
  'what other stages and builds computed meanwhile is not counted as of a test file',
  { skip: endedCpuSeconds() === undefined && 'only Linux tells' },
  async () => {
    takeEndedCpu()
    await outputOf(process.execPath, ['-e', SPIN], { limitMs: 120_000 })
    await program('node', ['-e', SPIN])
    const left = takeEndedCpu() ?? assert.fail('this system tells no CPU time')
    assert.ok(left < 0.3, `${left} s are left of what spun for 0.6 s`)
  },
)
