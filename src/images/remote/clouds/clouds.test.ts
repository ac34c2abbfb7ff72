/**
 * Logins to the registries of Amazon, Google and Azure. The clouds here are fakes, written from the clouds' documents: they check what
 * is sent as those say it, and no real cloud has answered. Amazon's is also asked of moto, in `test/images/amazon.story.test.ts`.
 */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { egressStream } from '../../../http/egress-stream.ts'
import type { EgressStream, StreamRequest } from '../../../http/egress-stream.ts'
import { signed } from '../../../store/blobs/s3/sign.ts'
import { fakeRegistry } from '../registry.fixture.ts'
import { RegistrySession } from '../session.ts'
import type { Credentials } from '../credentials.ts'
import { cloudCredentials } from './clouds.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-clouds-'))
after(() => rmSync(root, { recursive: true }))

const SECRET = 'never-to-be-told'
const AT = Date.UTC(2026, 4, 3)

interface Asked {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A fake of a cloud: answers by the address, and keeps what it was asked. */
function fakeCloud(answers: Readonly<Record<string, () => { status?: number; json: unknown }>>): {
  fetch: EgressStream
  asked: Asked[]
} {
  const asked: Asked[] = []
  const fetch = async ({ url, headers = {}, body }: StreamRequest) => {
    asked.push({ url, headers, text: body instanceof Uint8Array ? Buffer.from(body).toString() : '' })
    const answer = answers[url]?.() ?? { status: 404, json: {} }
    const reply = Readable.from([Buffer.from(JSON.stringify(answer.json))])
    return { status: answer.status ?? 200, headers: {}, body: reply }
  }
  return { fetch, asked }
}

function formOf(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

describe('Amazon’s registry', () => {
  const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'
  const api = 'https://api.ecr.eu-central-1.amazonaws.com/'
  const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: SECRET }
  const token = (password: string, expiresAt = AT / 1000 + 43_200) => ({
    json: { authorizationData: [{ authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'), expiresAt }] },
  })

  it('gives a password for a request that is signed for its region and service', async () => {
    const { fetch, asked } = fakeCloud({ [api]: () => token('p') })
    const find = cloudCredentials({ env: keys, fetch, now: () => AT })
    assert.deepEqual(await find(host), { username: 'AWS', password: 'p', refresh: false })
    assert.ok(asked[0] !== undefined)
    const { headers, text } = asked[0]
    assert.equal(headers['x-amz-target'], 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken')
    assert.match(headers['authorization'] ?? '', /Credential=AKIDEXAMPLE\/20260503\/eu-central-1\/ecr\/aws4_request/)
    assert.equal(headers['x-amz-content-sha256'], createHash('sha256').update(text).digest('hex'))
    const s3 = signed(
      { method: 'POST', path: '/', query: {}, headers: { host: 'h' }, contentHash: 'x' },
      { region: 'r', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, at: AT },
    )
    assert.match(s3['authorization'] ?? '', /\/r\/s3\/aws4_request/, 'requests to S3 are signed as before')
  })

  it('takes keys from a profile of the credentials file, and nothing where there are none', async () => {
    const file = join(root, 'credentials')
    writeFileSync(
      file,
      `[default]\naws_access_key_id = A\n[other] # ci\naws_access_key_id = B\naws_secret_access_key=${SECRET}\naws_session_token = t\n`,
    )
    const { fetch, asked } = fakeCloud({ [api]: () => token('p') })
    const of = (env: Record<string, string>) =>
      cloudCredentials({ env: { HOME: root, AWS_SHARED_CREDENTIALS_FILE: file, ...env }, fetch, now: () => AT })(host)
    assert.equal(await of({}), undefined, 'the default profile has no secret')
    assert.equal((await of({ AWS_PROFILE: 'other' }))?.password, 'p')
    assert.match(asked[0]?.headers['authorization'] ?? '', /Credential=B\//)
    assert.equal(asked[0]?.headers['x-amz-security-token'], 't')
    assert.equal(await of({ AWS_SHARED_CREDENTIALS_FILE: join(root, 'nowhere') }), undefined)
  })

  it('is asked once while its password holds, anew before it ends and where it is refused', async () => {
    let now = AT
    let asks = 0
    const { fetch } = fakeCloud({ [api]: () => token(`p${++asks}`, now / 1000 + 43_200) })
    const find = cloudCredentials({ env: keys, fetch, now: () => now })
    const passwords = async (refused?: Credentials) => (await find(host, refused))?.password
    assert.deepEqual(await Promise.all([passwords(), passwords(), passwords()]), ['p1', 'p1', 'p1'])
    now += 11.9 * 3_600_000
    assert.equal(await passwords(), 'p1')
    now += 0.05 * 3_600_000
    assert.equal(await passwords(), 'p2')
    const old = { username: 'AWS', password: 'p2', refresh: false }
    assert.deepEqual(await Promise.all([passwords(old), passwords(old)]), ['p3', 'p3'])
    assert.equal(await passwords({ ...old, password: 'p1' }), 'p3', 'what was refused is not what is kept')
  })

  it('that refuses or answers nonsense is told without a secret, and is asked again', async () => {
    const answers = [{ status: 400, json: { message: SECRET } }, { json: { authorizationData: [] } }, token('p')]
    const { fetch } = fakeCloud({ [api]: () => answers.shift() ?? { json: {} } })
    const find = cloudCredentials({ env: keys, fetch, now: () => AT })
    for (const said of [/answers 400/, /gives no token/]) {
      await assert.rejects(find(host), (error: Error) => {
        assert.match(error.message, said)
        assert.doesNotMatch(`${error.message} ${error.stack}`, new RegExp(SECRET))
        return true
      })
    }
    assert.equal((await find(host))?.password, 'p')
  })

  it('is no other host', async () => {
    const { fetch, asked } = fakeCloud({})
    const find = cloudCredentials({ env: keys, fetch, now: () => AT })
    for (const other of [`${host}.evil.example`, `evil.example/${host}`, '12.dkr.ecr.eu-central-1.amazonaws.com'])
      assert.equal(await find(other), undefined)
    assert.deepEqual(asked, [])
  })
})

describe('Google’s registries', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const host = 'europe-west3-docker.pkg.dev'
  const given = () => ({ json: { access_token: 'ya29.x', expires_in: 3599, token_type: 'Bearer' } })
  const write = (content: object): string => {
    const file = join(root, 'google.json')
    writeFileSync(file, JSON.stringify(content))
    return file
  }
  const account = {
    type: 'service_account',
    client_email: 'ci@p.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    token_uri: 'https://oauth2.googleapis.com/token',
  }

  it('take a token for an assertion that the service account has signed', async () => {
    const { fetch, asked } = fakeCloud({ [account.token_uri]: given })
    const env = { GOOGLE_APPLICATION_CREDENTIALS: write(account) }
    const found = await cloudCredentials({ env, fetch, now: () => AT })(host)
    assert.deepEqual(found, { username: 'oauth2accesstoken', password: 'ya29.x', refresh: false })
    const { grant_type, assertion = '' } = formOf(asked[0]?.text ?? '')
    assert.equal(grant_type, 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [head = '', claims = '', signature = ''] = assertion.split('.')
    const pem = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
    assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), pem, Buffer.from(signature, 'base64url')))
    assert.deepEqual(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
      iss: account.client_email,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      aud: account.token_uri,
      iat: AT / 1000,
      exp: AT / 1000 + 3600,
    })
  })

  it('take the login of a user, or the identity of the machine', async () => {
    const user = { type: 'authorized_user', client_id: 'c', client_secret: SECRET, refresh_token: 'r' }
    const metadata = 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token'
    const { fetch, asked } = fakeCloud({ [account.token_uri]: given, [metadata]: given })
    const at = (env: Record<string, string>, name = host) => cloudCredentials({ env, fetch, now: () => AT })(name)
    assert.equal((await at({ GOOGLE_APPLICATION_CREDENTIALS: write(user) }))?.password, 'ya29.x')
    assert.equal(formOf(asked[0]?.text ?? '')['grant_type'], 'refresh_token')
    assert.equal((await at({}, 'eu.gcr.io'))?.password, 'ya29.x')
    assert.equal(asked[1]?.headers['metadata-flavor'], 'Google')
    assert.equal(await at({}, 'gcr.io.evil.example'), undefined)
  })

  it('with a file that is none are told so, and not what it holds', async () => {
    const { fetch } = fakeCloud({})
    for (const content of [{ private_key: SECRET }, { ...account, private_key: SECRET }]) {
      const env = { GOOGLE_APPLICATION_CREDENTIALS: write(content) }
      await assert.rejects(cloudCredentials({ env, fetch, now: () => AT })(host), (error: Error) => {
        assert.match(error.message, /google\.json/)
        assert.doesNotMatch(error.message, new RegExp(SECRET))
        return true
      })
    }
  })

  it('on a machine of Google’s are asked through the egress client, which refuses its address unless it is allowed', async () => {
    const find = cloudCredentials({
      env: { GCE_METADATA_HOST: '169.254.169.254' },
      fetch: egressStream({ allow: [] }),
      now: Date.now,
    })
    await assert.rejects(find(host), { code: 'invalid_field', message: /private/ })
  })
})

describe('Azure’s registry', () => {
  const host = 'ours.azurecr.io'
  const login = 'https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token'
  const identity = { AZURE_TENANT_ID: 'tenant-1', AZURE_CLIENT_ID: 'client-1' }
  const answers = {
    [login]: () => ({ json: { access_token: 'entra', expires_in: 3599 } }),
    [`https://${host}/oauth2/exchange`]: () => ({ json: { refresh_token: 'refresh' } }),
  }

  it('exchanges a token of Entra ID, got by a secret or by the token of a workload, for a refresh token', async () => {
    const file = join(root, 'federated')
    writeFileSync(file, 'a.b.c\n')
    for (const [proof, expected] of [
      [{ AZURE_CLIENT_SECRET: SECRET }, { client_secret: SECRET }],
      [
        { AZURE_FEDERATED_TOKEN_FILE: file },
        {
          client_assertion: 'a.b.c',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
      ],
    ] as const) {
      const { fetch, asked } = fakeCloud(answers)
      const found = await cloudCredentials({ env: { ...identity, ...proof }, fetch, now: () => AT })(host)
      const username = '00000000-0000-0000-0000-000000000000'
      assert.deepEqual(found, { username, password: 'refresh', refresh: true })
      assert.deepEqual(formOf(asked[0]?.text ?? ''), {
        grant_type: 'client_credentials',
        client_id: 'client-1',
        scope: 'https://containerregistry.azure.net/.default',
        ...expected,
      })
      assert.deepEqual(formOf(asked[1]?.text ?? ''), {
        grant_type: 'access_token',
        service: host,
        tenant: 'tenant-1',
        access_token: 'entra',
      })
    }
  })

  it('is not asked without an identity, and no other host gets the token', async () => {
    const { fetch, asked } = fakeCloud(answers)
    const find = (env: Record<string, string>, name: string) => cloudCredentials({ env, fetch, now: () => AT })(name)
    assert.equal(await find(identity, host), undefined)
    assert.equal(await find({ ...identity, AZURE_CLIENT_SECRET: SECRET }, 'azurecr.io.evil.example'), undefined)
    assert.deepEqual(asked, [])
  })
})

describe('a password that ends in the middle', () => {
  it('is asked for anew, and the call goes on', async () => {
    const registry = await fakeRegistry()
    let valid = 'p1'
    const refusals: (string | undefined)[] = []
    registry.misbehave = (request, reply) => {
      const basic = `Basic ${Buffer.from(`AWS:${valid}`).toString('base64')}`
      if (request.headers.authorization === basic) return false
      request.resume()
      reply.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      return true
    }
    try {
      const session = new RegistrySession(registry.host, {
        fetch: egressStream({ allow: ['127.0.0.1'] }),
        credentials: async (_host, refused) => {
          refusals.push(refused?.password)
          return { username: 'AWS', password: valid, refresh: false }
        },
        pauses: [],
      })
      const scope = 'repository:a:pull'
      const status = async (): Promise<number> => {
        const reply = await session.call({ method: 'GET', path: 'a/manifests/v1', scope })
        reply.body.destroy()
        return reply.status
      }
      assert.equal(await status(), 404)
      valid = 'p2'
      assert.equal(await status(), 404)
      assert.equal(await status(), 404)
      assert.deepEqual(refusals, [undefined, 'p1'])
    } finally {
      registry.close()
    }
  })
})
