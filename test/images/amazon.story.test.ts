/** The login to Amazon's registry: moto has the shapes of Amazon's API and checks no signature, so botocore is asked what it would be. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { egressStream } from '../../src/http/egress-stream.ts'
import type { StreamRequest } from '../../src/http/egress-stream.ts'
import { cloudCredentials } from '../../src/images/remote/clouds/clouds.ts'
import { testEnv } from '../python-env.ts'
import { freePort } from '../programs/free-port.ts'
import { until } from '../until.ts'

const HOST = '123456789012.dkr.ecr.eu-central-1.amazonaws.com'

/** The signature that botocore makes of a request with these headers. */
const SIGN = `
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
given = json.loads(sys.argv[1])
request = AWSRequest(method="POST", url=given["url"], data=b"{}", headers=given["headers"])
request.context["timestamp"] = given["headers"]["x-amz-date"]
auth = SigV4Auth(Credentials(given["key"], given["secret"]), "ecr", "eu-central-1")
print(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
`

describe('moto', () => {
  let moto: ChildProcess | undefined
  let origin = ''
  let python = ''
  before(async () => {
    python = await testEnv(['moto[server,ecr]==5.2.5'])
    const port = String(await freePort())
    origin = `http://127.0.0.1:${port}`
    moto = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', port], { stdio: 'ignore' })
    await until('an answer of moto', () =>
      fetch(`${origin}/moto-api/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
  })
  after(() => moto?.kill('SIGKILL'))

  it('answers the request for a token, which botocore would have signed alike', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'wJalr/EXAMPLE',
      AWS_ENDPOINT_URL_ECR: origin,
    }
    const fetch = egressStream({ allow: [new URL(origin).host] })
    const asked: StreamRequest[] = []
    const kept: typeof fetch = (request) => {
      asked.push(request)
      return fetch(request)
    }
    const found = await cloudCredentials({ env, fetch: kept, now: Date.now })(HOST)
    assert.deepEqual(found, { username: 'AWS', password: '123456789012-auth-token', refresh: false })
    const { url, headers = {} } = asked[0] ?? { url: '' }
    const { authorization = '', ...others } = headers
    const given = JSON.stringify({
      url,
      headers: others,
      key: env.AWS_ACCESS_KEY_ID,
      secret: env.AWS_SECRET_ACCESS_KEY,
    })
    const signature = execFileSync(python, ['-c', SIGN, given]).toString().trim()
    assert.equal(/Signature=([0-9a-f]{64})$/.exec(authorization)?.[1], signature)
  })

  it('is not asked where its address is private and nobody has named it', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_ENDPOINT_URL_ECR: origin }
    const find = cloudCredentials({ env, fetch: egressStream({ allow: [] }), now: Date.now })
    await assert.rejects(find(HOST), { code: 'invalid_field', message: /private|loopback/ })
  })
})
