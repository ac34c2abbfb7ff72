/** The text for Prometheus as Prometheus' own checker reads it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { it } from 'node:test'
import { findProgram } from '../../../test/tools.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { putLabels } from '../labels/labels.ts'
import { prometheusText } from './prometheus.ts'
import { ingest, testDeps } from '../room.fixture.ts'

const promtool = findProgram('promtool')
const skip = promtool === undefined ? 'no promtool; install it (apt-get install prometheus)' : false

it('is clean for promtool, names with quotes and line ends too', { skip }, async () => {
  const store = await openTemporaryStore()
  try {
    const deps = testDeps(store.db, () => 1_767_571_200_000)
    for (const name of ['plain', 'with "quotes" and \\', 'two\nlines']) {
      await addEndpoint(store.db, name)
      await ingest(deps, name, [{ id: `${name} 1`, et: 1_767_571_200_000, score: 0.5 }])
      await putLabels(deps, name, [{ prediction_id: `${name} 1`, label: 1 }])
    }
    const input = await prometheusText(deps, null)
    const checked = spawnSync(promtool ?? '', ['check', 'metrics'], { input, encoding: 'utf8', timeout: 120_000 })
    assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', ''], input)
    assert.match(input, /^slipway_predictions_total\{endpoint="two\\nlines"\} 1$/m)
  } finally {
    await store.close()
  }
})
