/** The CPU time of a file is that of its process and of those that it awaited, and not the time that it slept. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { cpuOfEnded, endedCpuSeconds } from './cpu.ts'

const SPIN = `const used = () => { const { user, system } = process.cpuUsage(); return user + system }
for (const end = used() + 300_000; used() < end; ) for (let i = 0; i < 1e6; i++);`
/** Starts a process that starts another one, which spins for 0.3 s of CPU, and awaits it. */
const PARENT = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(SPIN)}])`

async function cost(code: string): Promise<number> {
  const clock = cpuOfEnded()
  await once(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), 'exit')
  return clock() ?? assert.fail('this system tells no CPU time')
}

test(
  'what a process and its own processes computed is counted, what they slept is not',
  { skip: endedCpuSeconds() === undefined && 'only Linux tells' },
  async () => {
    const asleep = await cost('setTimeout(() => {}, 400)')
    assert.ok(asleep < 0.3, `${asleep} s of one that slept`)
    const spun = await cost(PARENT)
    assert.ok(spun >= 0.3 && spun < 2, `${spun} s of one that spun for 0.3 s`)
  },
)
