/** A start reads some tables: a damaged page of one of them ends no start, also in a folder that was restored. `damaged-tables.story.test.ts` damages all. */
import { before, describe, test } from 'node:test'
import { join } from 'node:path'
import { temporaryFolder } from '../fixtures/folder.ts'
import { assertReadsOn, makeFormer } from './damaged-tables.ts'

/** Those that a start reads, and one that it does not. */
const TABLES = [
  'corrupt_blobs',
  'endpoints',
  'model_versions',
  'pipeline_versions',
  'schema_migrations',
  'serving_state',
  'store_facts',
  'tokens',
  'webhooks',
  'traces',
]

describe('a damaged table', () => {
  const root = temporaryFolder('damaged-start')
  const from = join(root, 'former')
  before(() => makeFormer(from))
  const to = join(root, 'damaged')
  for (const table of TABLES)
    test(`${table}: a folder that was started is read`, () => assertReadsOn(table, 'started', { from, to }))
  for (const table of ['tokens', 'serving_state', 'schema_migrations', 'traces'])
    test(`${table}: a folder that was restored is read`, () => assertReadsOn(table, 'restored', { from, to }))
})
