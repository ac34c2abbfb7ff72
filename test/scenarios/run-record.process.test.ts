/** The record of a run by the Python helper, and what changed between two of them, through a running server. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { promisify } from 'node:util'
import { startTestApp } from '../app.ts'
import { createClient } from '../../src/client/client.ts'
import { retentionApi } from '../../src/contract/tracking/retention.ts'
import { trackingApi } from '../../src/contract/tracking.ts'
import { repositoryIn } from '../programs/repository.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-record-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SCRIPT = `
import os, sys
with open(sys.argv[1], "w") as file:
    file.write(os.environ["MLFLOW_RUN_ID"])
`

it('python -m slipway.record keeps where a run comes from, and the diff says what changed', async () => {
  const app = await startTestApp({
    dataDir: join(folder, 'data'),
  })
  try {
    const token = readFileSync(app.tokenFile, 'utf8').trim()
    const { git } = repositoryIn(folder)
    writeFileSync(join(folder, '.gitignore'), 'data/\nid\n')
    writeFileSync(join(folder, 'train.py'), SCRIPT)
    writeFileSync(join(folder, 'train.csv'), 'a,b\n1,2\n')
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    const recorded = async (seed: number): Promise<string> => {
      await promisify(execFile)(
        'python3',
        ['-m', 'slipway.record', '--data', 'train.csv', '--seed', String(seed), 'train.py', 'id'],
        {
          cwd: folder,
          env: {
            ...process.env,
            PYTHONPATH: join(import.meta.dirname, '../../python'),
            MLFLOW_TRACKING_URI: app.url,
            MLFLOW_TRACKING_TOKEN: token,
            MLFLOW_RUN_ID: '',
          },
        },
      )
      return readFileSync(join(folder, 'id'), 'utf8')
    }
    const first = await recorded(1)
    writeFileSync(join(folder, 'train.csv'), 'a,b\n3,4\n')
    writeFileSync(join(folder, 'train.py'), `${SCRIPT}# changed\n`)
    const second = await recorded(2)
    const client = createClient({ url: app.url, token })
    const run = await client.call(trackingApi.getRun, { params: { id: first } })
    assert.equal(run.status, 'FINISHED')
    assert.equal(run.tags['slipway.record.commit'], git('rev-parse', 'HEAD'))
    const later = await client.call(trackingApi.getRun, { params: { id: second } })
    assert.deepEqual(later.artifacts.map((file) => file.path).toSorted(), ['slipway/patch.diff', 'slipway/record.json'])
    const { parts } = await client.call(retentionApi.diff, { params: { id: first, other: second } })
    assert.deepEqual(Object.fromEntries(parts.map(({ part, state }) => [part, state])), {
      code: 'same',
      patch: 'changed',
      environment: 'same',
      data: 'changed',
      params: 'unknown',
      seed: 'changed',
      arguments: 'same',
      hardware: 'same',
      metrics: 'unknown',
    })
    assert.deepEqual(parts.find((one) => one.part === 'seed')?.changes, [{ key: 'seed', left: '1', right: '2' }])
    const losses = await client.call(retentionApi.losses, { params: { id: first } })
    assert.deepEqual(losses.items, [])
  } finally {
    await app.stop()
  }
})
