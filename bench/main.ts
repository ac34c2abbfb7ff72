/** `npm run bench`: the numbers that Slipway is to reach, each beside its target and, where there is one, a floor or a peer. */
import { loadavg, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { logMetric } from './log-metric.ts'
import { asText } from './table.ts'
import type { Options, Row } from './table.ts'

const PARTS: Readonly<Record<string, (options: Options) => Promise<Row[]>>> = {
  'log-metric': logMetric,
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    data: { type: 'string' },
  },
})
const options: Options = { seconds: values.quick ? 1 : 4, peers: values.peers, data: values.data }
const wanted = values.only?.split(',') ?? Object.keys(PARTS)
const unknown = wanted.filter((name) => !Object.hasOwn(PARTS, name))
if (unknown.length > 0) {
  process.stderr.write(`no such part: ${unknown.join(', ')}\nThere are: ${Object.keys(PARTS).join(', ')}\n`)
  process.exit(2)
}

const before = loadavg()
const rows: Row[] = []
for (const name of wanted) {
  process.stderr.write(`${name} …\n`)
  rows.push(...(await (PARTS[name] as (options: Options) => Promise<Row[]>)(options)))
}
const after = loadavg()
process.stdout.write(`${asText(rows)}\n${JSON.stringify([before, after, cpus().length])}\n`)
