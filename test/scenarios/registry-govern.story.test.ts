/** A version's way to production over the wire of MLflow, HTTP and the command line: policy, scan, approval, signature, return. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import type { Client } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { registryApi } from '../../src/contract/registry.ts'
import type { Version } from '../../src/contract/registry.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const LIMIT_MS = 120_000
const EVIL = Buffer.from("cos\nsystem\n(S'id'\ntR.")
const SOUND = Buffer.from('N.')

describe('a version on its way to production', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-govern-'))
  let server: TestServer
  let author: Client
  let authorToken = ''

  before(async () => {
    server = await startTestServer()
    const made = await server.client.call(authApi.createToken, { body: { name: 'author', role: 'contributor' } })
    authorToken = made.token
    author = createClient({ url: server.url, token: made.token })
    await mlflow('registered-models/create', { name: 'm' })
  })
  after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function mlflow(call: string, body: object, token = authorToken): Promise<Record<string, never>> {
    const response = await fetch(`${server.url}/api/2.0/mlflow/${call}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const reply = (await response.json()) as Record<string, never>
    if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(reply)}`)
    return reply
  }

  /** Logs a folder with a pickle as a client of MLflow does, and registers it. */
  async function version(pickle: Buffer): Promise<string> {
    const { run } = (await mlflow('runs/create', { experiment_id: '0' })) as unknown as {
      run: { info: { run_id: string; artifact_uri: string } }
    }
    const owner = run.info.artifact_uri.replace('mlflow-artifacts:/', '')
    for (const [name, bytes] of [
      ['MLmodel', Buffer.from('flavors: {}\n')],
      ['model.pkl', pickle],
    ] as const) {
      const path = `${server.url}/api/2.0/mlflow-artifacts/artifacts/${owner}/model/${name}`
      const put = await fetch(path, {
        method: 'PUT',
        headers: { authorization: `Bearer ${authorToken}` },
        body: new Uint8Array(bytes),
      })
      assert.equal(put.status, 200)
    }
    const source = `${run.info.artifact_uri}/model`
    const { model_version } = (await mlflow('model-versions/create', {
      name: 'm',
      source,
      run_id: run.info.run_id,
    })) as unknown as { model_version: { version: string } }
    return model_version.version
  }

  /** The version once it was scanned, and lowered where that may be. */
  function looked(number: string): Promise<Version> {
    return until(
      () => `the look at version ${number}\n${server.errors()}`,
      async () => {
        const found = await author.call(registryApi.getVersion, { params: { name: 'm', version: number } })
        return found.scan !== null && found.lowering.state !== 'pending' && found
      },
    )
  }

  /** Runs the command line as the admin. */
  function slipway(...args: string[]): Promise<{ code: number; out: string }> {
    return new Promise((resolve) => {
      const env = { ...process.env, SLIPWAY_DATA: server.data, NO_COLOR: '1' }
      execFile(process.execPath, [MAIN, ...args], { env, timeout: LIMIT_MS }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out: stdout + stderr }),
      )
    })
  }

  it('a malicious file is found by the job, never lowered, and keeps the version from production', async () => {
    const number = await version(EVIL)
    const found = await looked(number)
    assert.equal(found.scan?.verdict, 'malicious')
    assert.equal(found.lowering.state, 'failed')
    assert.match(found.lowering.reason ?? '', /os\.system at byte 0 of model\.pkl/)
    const alias = { name: 'm', alias: 'production', version: number }
    await assert.rejects(mlflow('registered-models/alias', alias, server.token), /403.*os\.system/)
    const stage = { name: 'm', version: number, stage: 'Production' }
    await assert.rejects(mlflow('model-versions/transition-stage', stage, server.token), /403.*os\.system/)
    const endpoint = { params: { name: 'evil' }, body: { project: 'default', model: 'm' } }
    await server.client.call(servingApi.putEndpoint, endpoint)
    const deployed = await slipway('deploy', 'evil', number, '--override-gates', '--reason', 'now')
    assert.deepEqual(
      [deployed.code, /no override helps against this: .*os\.system/.test(deployed.out)],
      [1, true],
      deployed.out,
    )
    const told = await slipway('models', 'scan', `m/${number}`)
    assert.equal(told.code, 1)
    assert.match(told.out, /malicious\s+model\.pkl\s+0\s+os\.system/)
  })

  it('a policy asks for a clean scan, an approval and a signature; each is given, and the alias moves', async () => {
    const number = await version(SOUND)
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const [secret, open, policy] = ['key.pem', 'key.pub', 'policy.yaml'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    writeFileSync(secret, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(open, pem)
    const indented = pem.trim().replaceAll('\n', '\n    ')
    const gates = 'gates:\n  - {scan: clean}\n  - {approvals: 1, role: maintainer}\n'
    writeFileSync(policy, `${gates}require_signature: true\nkeys:\n  - |\n    ${indented}\n`)
    const set = await slipway('models', 'policy', 'm', '--set', policy)
    assert.equal(set.code, 0, set.out)
    await assert.rejects(author.call(registryApi.putPolicy, { params: { name: 'm' }, body: {} }), { code: 'forbidden' })

    const move = () =>
      server.client.call(registryApi.moveAlias, {
        params: { name: 'm', alias: 'production' },
        body: { version: number, reason: 'approved by hand' },
      })
    await assert.rejects(move(), /0 of 1 approvals by a maintainer/)
    const approved = await slipway('models', 'approve', `m/${number}`, '--reason', 'reviewed')
    assert.equal(approved.code, 0, approved.out)
    await assert.rejects(author.call(registryApi.approve, { params: { name: 'm', version: number }, body: {} }), {
      code: 'forbidden',
    })
    await assert.rejects(move(), /signature required: it is not signed/)
    const signed = await slipway('models', 'sign', `m/${number}`, '--key', secret, '--out', join(folder, 'm.sig'))
    assert.equal(signed.code, 0, signed.out)
    const before = new Date(Date.now() - 1).toISOString()
    assert.equal((await move()).to, number)
    assert.equal((await slipway('models', 'verify', `m/${number}`, '--key', open)).code, 0)
    const shown = await author.call(registryApi.getVersion, { params: { name: 'm', version: number } })
    assert.equal(shown.signed?.trusted, true)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
    writeFileSync(open, other)
    const wrong = await slipway('models', 'verify', `m/${number}`, '--key', open)
    assert.deepEqual([wrong.code, /none of the known keys has signed it/.test(wrong.out)], [1, true])

    const then = await slipway('models', 'at', before, '--json')
    assert.deepEqual(JSON.parse(then.out), [])
    const now = JSON.parse((await slipway('models', 'at', new Date().toISOString(), '--json')).out) as object[]
    assert.deepEqual(
      now.map((one) => ({ ...one, since: '', verdict_id: '' })),
      [
        {
          model: 'm',
          alias: 'production',
          version: number,
          since: '',
          moved_by: 'admin',
          reason: 'approved by hand',
          verdict_id: '',
          imported_at: null,
        },
      ],
    )
  })

  it('an endpoint serves only a model of its own project', async () => {
    const put = server.client.call(servingApi.putEndpoint, {
      params: { name: 'foreign' },
      body: { project: 'elsewhere', model: 'm' },
    })
    await assert.rejects(put, /belongs to the project "default", not to "elsewhere"/)
  })
})
