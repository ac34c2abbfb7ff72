/** Runs as CSV, read back by the reader of the artifact browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCsv } from './artifacts.ts'
import { csvOf } from './csv.ts'
import type { RunRow } from '../queries.ts'

const ROW: RunRow = {
  id: 'r1',
  name: 'a "quoted", name\nof two lines',
  experiment_id: '1',
  user: 'ada',
  status: 'FINISHED',
  stage: 'active',
  started_at: '2026-05-03T12:00:00.000Z',
  ended_at: null,
  alive_at: '2026-05-03T12:00:00.000Z',
  artifact_uri: '',
  metrics: { loss: 0.1234567890123, nothing: 'NaN' },
  params: { loss: 'log', lr: '1e-3' },
  tags: {},
}

test('every digit, every quote and what is missing come through', () => {
  const text = csvOf([ROW], ['metrics.loss', 'params.loss', 'params.lr', 'metrics.nothing', 'tags.none'])
  const { columns, rows } = parseCsv(text, ',', 10)
  assert.deepEqual(columns.slice(7), ['metrics.loss', 'params.loss', 'lr', 'nothing', 'none'])
  assert.deepEqual(rows, [
    ['r1', ROW.name, '1', 'FINISHED', 'ada', ROW.started_at, '', '0.1234567890123', 'log', '1e-3', 'NaN', ''],
  ])
})
