/** Reproductions of a real server attested on their version: with and without a key, verified here and by command, and refused where something is not as it was. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { authApi } from '../../src/contract/auth.ts'
import { attestationsApi } from '../../src/contract/pipelines/attestations.ts'
import { registryApi } from '../../src/contract/registry.ts'
import type { Reply } from '../../src/contract/route.ts'
import { projectServer, PROVED } from '../fixtures/project-server.ts'
import { startTestServer } from '../server.ts'

describe('attestations', () => {
  const at = projectServer('attestations', PROVED)
  const file = (name: string): string => join(at.folder, name)
  /** Writes a pair of keys, NAME.pem and NAME.pub. */
  function pair(name: string): string {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    writeFileSync(file(`${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(file(`${name}.pub`), pem)
    return pem
  }
  const params = { name: 'steady', version: '1' }
  const list = (): Promise<Reply<typeof attestationsApi.listAttestations>> =>
    at.server.client.call(attestationsApi.listAttestations, { params, query: {} })
  const check = (key: string) => at.slipway('models', 'verify', 'steady/1', '--attestations', '--key', file(key))

  test('a server without a key grades and attests nothing, which is no error', async () => {
    pair('ours')
    const { code, out, said } = await at.slipway('run', at.project)
    assert.equal(code, 0, out + said)
    assert.equal((await at.slipway('reproduce', 'steady@1')).code, 0)
    assert.deepEqual(await list(), { items: [], signing_key: null })
    const none = await check('ours.pub')
    assert.deepEqual([none.code, none.out], [1, 'steady/1 has no attestations\n'], none.said)
  })

  test('with a key each reproduction is attested: a statement about the files of the version, and both runs', async () => {
    await at.server.stop()
    at.server = await startTestServer({ data: at.data, args: ['--signing-key', file('ours.pem')] })
    const proved = await at.slipway('reproduce', 'steady@1', '--json')
    const { run } = JSON.parse(proved.out) as { run: string }
    const version = await at.server.client.call(registryApi.getVersion, { params })
    const { items, signing_key: key } = await list()
    const [one, ...none] = items
    assert.deepEqual([none, one?.fault, one?.run, one?.key], [[], null, run, key])
    const { dsseEnvelope: envelope } = JSON.parse(one?.bundle ?? '') as {
      dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] }
    }
    const payload = Buffer.from(envelope.payload, 'base64')
    const signed = Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${payload.length} ${payload.toString()}`)
    const open = createPublicKey(readFileSync(file('ours.pub')))
    assert.ok(verify('sha256', signed, open, Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64')))
    const { subject, predicate } = JSON.parse(payload.toString()) as {
      subject: unknown
      predicate: Record<string, unknown>
    }
    assert.deepEqual(subject, [{ name: 'steady/1', digest: { sha256: version.tree?.replace('sha256:', '') } }])
    const { grade, of_run, compared, first_divergent_step: first } = predicate
    assert.deepEqual(
      [grade, of_run, predicate['run'], first, compared],
      ['A', version.pipeline_run_id, run, null, [{ step: 'train', outputs: 'identical', differing: [] }]],
    )
    const verified = await check('ours.pub')
    assert.equal(verified.code, 0, verified.out + verified.said)
    assert.match(verified.out, new RegExp(`^verified: graded A at \\S+ by run ${run} of run ${String(of_run)}: `))
    const { items: trail } = await at.server.client.call(authApi.listAudit, { query: { limit: 50 } })
    assert.deepEqual(
      trail.filter(({ detail }) => detail['attested'] !== undefined).map(({ detail }) => detail),
      [{ attested: run, grade: 'A', key }],
    )
  })

  test('another key and a changed envelope are refused, each with the reason', async () => {
    pair('theirs')
    const foreign = await check('theirs.pub')
    assert.equal(foreign.code, 1)
    assert.match(foreign.out, /^refused, of run \S+: none of the known keys has signed it\n$/)
    forge()
    assert.equal((await list()).items[0]?.fault, 'its content was changed after it was signed')
    const changed = await check('ours.pub')
    assert.equal(changed.code, 1)
    assert.match(changed.out, /^refused, of run \S+: its content was changed after it was signed\n$/)
  })

  test('those who may read the model see them, of their project alone; bad input names the field', async () => {
    const path = (query = '', version = '1'): string => `/v1/models/steady/versions/${version}/attestations${query}`
    const status = async (of: string, token: string): Promise<number> =>
      (await fetch(at.server.url + of, { headers: { authorization: `Bearer ${token}` } })).status
    const tokenOf = async (project: string): Promise<string> =>
      (await at.server.client.call(authApi.createToken, { body: { name: project, role: 'viewer', project } })).token
    assert.equal(await status(path(), await tokenOf('proved')), 200)
    assert.equal(await status(path(), await tokenOf('other')), 404)
    assert.equal(await status(path(), 'slw_nobody'), 401)
    assert.equal(await status(path('', '99'), at.server.token), 404)
    for (const [query, field] of [
      ['?limit=0', 'limit'],
      ['?limit=101', 'limit'],
      ['?page_token=', 'page_token'],
      ['?page_token=yesterday', 'page_token'],
    ] as const) {
      const headers = { authorization: `Bearer ${at.server.token}` }
      const answer = await fetch(at.server.url + path(query), { headers })
      assert.equal(answer.status, 400, query)
      assert.match(await answer.text(), new RegExp(`query\\.${field}`))
    }
    assert.equal(await status(path('', 'one'), at.server.token), 400)
  })

  /** Has the kept envelope say another grade. */
  function forge(): void {
    const db = new Database(join(at.data, 'slipway.db'), { timeout: 120_000 })
    const { bundle } = db.prepare('SELECT bundle FROM model_attestations').get() as { bundle: string }
    const read = JSON.parse(bundle) as { dsseEnvelope: { payload: string } }
    const text = Buffer.from(read.dsseEnvelope.payload, 'base64').toString()
    assert.match(text, /"grade":"A"/)
    const payload = Buffer.from(text.replace('"grade":"A"', '"grade":"B"')).toString('base64')
    const changed = JSON.stringify({ ...read, dsseEnvelope: { ...read.dsseEnvelope, payload } })
    db.prepare('UPDATE model_attestations SET bundle = ?').run(changed)
    db.close()
  }
})
