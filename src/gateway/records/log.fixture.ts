/** Run as a process of its own: `log.fixture.ts FOLDER COUNT` logs so many predictions, says on standard output which were released, and is killed in the middle. */
import { writeSync } from 'node:fs'
import { PredictionLog } from './log.ts'

const [folder = '', count = '0'] = process.argv.slice(2)
const log = new PredictionLog({ folder, writerId: 'killed', maxBytes: 4096 })
let released = 0
for (let i = 0; i < Number(count); i++) {
  const at = 1_700_000_000_000 + i
  log.append({ t: 'p', id: `id-${i}`, ep: 'e', role: 'stable', ver: '1', ep_epoch: 1, et: at, at, us: 1, st: 200, key: null, x: [i], s: i, p: i }) // prettier-ignore
  log.afterWrite(() => {
    released++
    writeSync(1, `${i}\n`)
  })
  if (i % 7 === 6) await new Promise((resolve) => setImmediate(resolve))
}
while (released < Number(count) / 2) await new Promise((resolve) => setImmediate(resolve))
process.kill(process.pid, 'SIGKILL')
