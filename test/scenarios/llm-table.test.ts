/** Settings of language models come into the table of gateways at once, by either wire, and go from it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runFiles } from '../../src/gateway/run-files.ts'
import { asTable } from '../../src/gateway/table/table.ts'
import { startTestApp } from '../app.ts'

test('what is set of language models is in the table when it is answered', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-llm-table-'))
  const app = await startTestApp({ dataDir, noAuth: true, egressAllow: ['127.0.0.1:9'] })
  t.after(async () => {
    await app.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const send = async (method: string, path: string, body: object) => {
    const reply = await fetch(`${app.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await reply.text()
    assert.equal(reply.status, 200, text)
    return JSON.parse(text) as Record<string, Record<string, string>>
  }
  const table = () => asTable(JSON.parse(readFileSync(runFiles(dataDir).routing, 'utf8')))

  await send('POST', '/v1/llm/providers', { name: 'local', provider: 'vllm', base_url: 'http://127.0.0.1:9/v1' })
  await send('POST', '/v1/llm/endpoints', { name: 'chat', models: [{ provider: 'local', model: 'm' }] })
  const { key } = await send('POST', '/v1/llm/keys', { name: 'bot', rpm: 60 })
  const { llm, tokens } = table()
  assert.deepEqual(llm?.allow, ['127.0.0.1:9'])
  assert.deepEqual(
    llm.endpoints.map(({ name, project, models }) => [name, project, models.map(({ model }) => model)]),
    [['chat', 'default', ['m']]],
  )
  assert.deepEqual(
    llm.keys.map(({ token, rpm }) => [token, rpm]),
    [[key?.['id'], 60]],
  )
  assert.ok(tokens.some(({ id }) => id === key?.['id']))

  const secret = { secret_name: 'cloud', secret_value: { api_key: 'sk-0123456789' }, provider: 'openai' }
  const made = await send('POST', '/api/3.0/mlflow/gateway/secrets/create', secret)
  const cloud = table().llm?.providers.find(({ name }) => name === 'cloud')
  assert.equal(cloud?.id, made['secret']?.['secret_id'])
  assert.ok(!readFileSync(runFiles(dataDir).routing, 'utf8').includes('sk-0123456789'))

  await send('DELETE', `/v1/llm/keys/${key?.['id'] ?? ''}`, {})
  assert.deepEqual([table().llm?.keys, table().tokens.some(({ id }) => id === key?.['id'])], [[], false])
})
