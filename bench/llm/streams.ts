/** Many streams at once through one gateway. */
import { faultOf } from '../features/figures.ts'
import { memoryOf } from '../load/process.ts'
import { megabytes, ms, thousands } from '../table.ts'
import type { Row } from '../table.ts'
import type { Aim } from './load.ts'
import { bodyOf, call, now, poolTo } from './load.ts'
import type { Upstream } from './provider.ts'

const STREAMS = 1000
/** Bytes that the gateway may have while they pass. */
const MOST_BYTES = 400e6
const LOOK_MS = 25

/** A thousand streams of 50 chunks at once through one gateway: its memory, and whether each is byte for byte what the upstream says. */
export async function manyStreams(own: Aim, direct: Aim, upstream: Upstream): Promise<Row> {
  process.stderr.write(`  ${thousands(STREAMS)} streams at once …\n`)
  const body = bodyOf('slow', true)
  const expected = await oneAnswer(direct, body)
  const pool = poolTo(own, STREAMS)
  const memory = { at: memoryOf(own.pids()).rss, most: 0 }
  const timer = setInterval(() => (memory.most = Math.max(memory.most, memoryOf(own.pids()).rss)), LOOK_MS)
  try {
    const began = now()
    const faults: string[] = []
    const calls = Array.from({ length: STREAMS }, () =>
      call(pool, own, body).then(
        ({ status, body: bytes, first }) => {
          if (status === 200 && bytes.equals(expected)) return [first - began]
          faults.push(`HTTP ${status}, ${bytes.length} of ${expected.length} bytes`)
          return []
        },
        (error: unknown) => {
          faults.push(faultOf(error))
          return []
        },
      ),
    )
    const firsts = (await Promise.all(calls)).flat().toSorted((a, b) => a - b)
    const { most } = await upstream.stats()
    const isWhole = firsts.length === STREAMS && most >= STREAMS
    const wrong = faults.length === 0 ? '' : `; ${faults.length} NOT WHOLE: ${faults[0]}`
    return {
      name: `${thousands(STREAMS)} streams at once, memory of the gateway`,
      measured: `${megabytes(memory.most)} at most (${megabytes(memory.at)} before), ${thousands(firsts.length)} byte for byte whole${wrong}; ${thousands(most)} under way together, last first byte after ${ms(firsts.at(-1) ?? Number.NaN)}`,
      target: `≤ ${megabytes(MOST_BYTES)}, all whole`,
      beside: '',
      ok: isWhole && memory.most <= MOST_BYTES,
      figures: { rss: memory, whole: firsts.length, together: most, faults: faults.slice(0, 5) },
    }
  } finally {
    clearInterval(timer)
    await pool.destroy()
  }
}

async function oneAnswer(aim: Aim, body: string): Promise<Buffer> {
  const pool = poolTo(aim, 1)
  try {
    return (await call(pool, aim, body)).body
  } finally {
    await pool.destroy()
  }
}
