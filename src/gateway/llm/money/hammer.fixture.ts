/** A gateway of the tests of several processes: it spends from one budget by many calls at once, as soon as a line comes in. Prints `ready`, then what it did as JSON. */
import { appendFileSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { seeded } from '../../../../test/web/seeded.ts'
import { ifMissingNow } from '../../../contract/absence/absent.ts'
import { Problem } from '../../../contract/errors.ts'
import { budgetOf } from './money.fixture.ts'
import { Money } from './money.ts'

/** The argument, as JSON. */
export interface Hammering {
  readonly dataDir: string
  /** Its log is `<dataDir>/<writer>.log`: an id and a cost in each line. */
  readonly writer: string
  readonly calls: number
  readonly atOnce: number
  /** Calls that it admits first and never ends. */
  readonly held: number
  readonly seed: number
}

export interface Hammered {
  readonly admitted: number
  readonly refused: number
}

/** Ids and amounts of a file of such lines; of an id that stands in it twice the last. */
export function amountsIn(path: string): Map<string, number> {
  const lines = (ifMissingNow(() => readFileSync(path, 'utf8')) ?? '').split('\n')
  // without its line end a line is not whole
  return new Map(lines.slice(0, -1).map((line) => [line.slice(0, line.indexOf(' ')), Number(line.split(' ')[1])]))
}

/** The money of a gateway whose logs lie in the data folder; calls that are lost are written to `lost.log`. */
export function loggedMoney(dataDir: string, writer: string): Money {
  return new Money({
    dataDir,
    writer,
    gateways: 1,
    clock: () => 1_000_000,
    costIn: (name) => amountsIn(join(dataDir, `${name}.log`)),
    lost: ({ id, amount }) => appendFileSync(join(dataDir, 'lost.log'), `${id} ${amount}\n`),
    note: (text) => process.stderr.write(`${writer}: ${text}\n`),
    busyMs: 60_000,
  })
}

async function hammer({ dataDir, writer, calls, atOnce, held, seed }: Hammering): Promise<Hammered> {
  const money = loggedMoney(dataDir, writer)
  const random = seeded(seed)
  const budgets = [budgetOf('dollar', { limit: 1_000_000_000 })]
  let begun = 0
  let [admitted, refused] = [0, 0]
  const admit = (amount: number) => {
    const id = `${writer}-${begun++}`
    return money.admit({ id, key: null, budgets, amount, tokens: 0, now: 1_000_000 }).then(
      (call) => ({ id, call }),
      (error: unknown) => {
        if (!(error instanceof Problem) || error.code !== 'budget_exceeded') throw error
        refused++
        return undefined
      },
    )
  }
  const lane = async (): Promise<void> => {
    for (;;) {
      if (begun >= calls) return
      const amount = random.int(100_000, 2_000_000)
      const got = await admit(amount)
      if (got === undefined) continue
      admitted++
      for (let turns = random.int(0, 5); turns > 0; turns--) await turn()
      const cost = random.int(0, amount)
      appendFileSync(join(dataDir, `${writer}.log`), `${got.id} ${cost}\n`)
      await got.call.settle(cost, 0)
    }
  }
  for (let i = 0; i < held; i++) await admit(1_000_000)
  await money.recover()
  process.stdout.write('ready\n')
  await once(process.stdin, 'data')
  process.stdin.destroy()
  const recoveries = setInterval(() => void money.recover(), 5)
  await Promise.all(Array.from({ length: atOnce }, lane))
  clearInterval(recoveries)
  await money.close()
  return { admitted, refused }
}

if (import.meta.main) {
  const done = await hammer(JSON.parse(process.argv[2] ?? '{}') as Hammering)
  process.stdout.write(`${JSON.stringify(done)}\n`)
}
