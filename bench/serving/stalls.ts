/** How long a caller waits while others send deep, wide and large JSON to the same gateway. */
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { servingModels } from '../../test/serving-models.ts'
import { ms } from '../table.ts'
import type { Row } from '../table.ts'
import { endpointOf, gatewayWith, watchHealth } from './shapes.ts'

const PATHS = ['/v1/endpoints/small:predict', '/endpoints/small/invocations', '/v2/models/small/infer'] as const

const JSON_TYPE = { 'content-type': 'application/json' }

/** What others send, each at the same time on each path: the first three are refused, the rest is parsed. */
const BODIES: Readonly<Record<string, () => string>> = {
  'lists in each other': () => '['.repeat(8_000_000) + ']'.repeat(8_000_000),
  'objects in each other': () => '{"a":'.repeat(2_000_000) + '1' + '}'.repeat(2_000_000),
  'four million objects': () => `{"instances":[${'{},'.repeat(4_000_000)}{}]}`,
  'just below the limit of values': () => `{"instances":[${'{},'.repeat(1_999_000)}{}]}`,
  'fields that differ': () => `{"instances":[${Array.from({ length: 300_000 }, (_, i) => `{"k${i}":1}`).join()}]}`,
  'one long number among many': () => `{"instances":[12345678901234567890${',1'.repeat(500_000)}]}`,
}

/** One row a body. */
export async function stalls(): Promise<Row[]> {
  const models = await servingModels()
  const { inputs } = await readInputs(models.dir('hgb'), null)
  const endpoint = endpointOf('small', inputs, { kind: 'native', dir: models.files('hgb').native?.dir ?? '' })
  return gatewayWith([endpoint], async ({ port }) => {
    const rows: Row[] = []
    for (const [name, make] of Object.entries(BODIES)) {
      const body = make()
      const health = watchHealth(port)
      const asked = PATHS.map((path) =>
        fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: JSON_TYPE, body }),
      )
      const replies = await Promise.all(asked)
      await Promise.all(replies.map((reply) => reply.arrayBuffer()))
      rows.push(
        rowOf(
          name,
          await health(),
          replies.map(({ status }) => status),
        ),
      )
    }
    return rows
  })
}

function rowOf(name: string, waits: readonly number[], statuses: readonly number[]): Row {
  const worst = Math.max(...waits)
  return {
    name: `another caller beside ${PATHS.length} bodies: ${name}`,
    measured: `worst wait ${ms(worst)}; the bodies are answered ${statuses.join(', ')}`,
    target: 'worst wait < 250 ms',
    beside: '',
    ok: worst < 250,
    figures: { worst_ms: worst, waits: waits.length, statuses },
  }
}
