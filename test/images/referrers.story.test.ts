/** What is attached to images, where a registry keeps referrers itself and where it does not; judged by oras and, where it is there, by cosign. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { writeBase } from '../../src/cli/image/image.fixture.ts'
import { runCommand } from '../../src/cli/run-command.fixture.ts'
import { keyPair } from '../../src/registry/images/image.fixture.ts'
import { COSIGN, findGoTool, missing, notHere, ORAS } from '../programs/go-tools.ts'
import { NO_REFERRERS, NO_REGISTRY, startReferrersRegistry, startRegistry } from './registry.ts'
import type { TestRegistry } from './registry.ts'

const root = join(tmpdir(), `slipway-referrers-${process.pid}`)
mkdirSync(root)
process.env['DOCKER_CONFIG'] = root
process.env['SLIPWAY_CACHE'] = join(root, 'cache')
const [without, withThem] = [await startRegistry(), await startReferrersRegistry()]
const [oras, cosign] = [await findGoTool(ORAS), await findGoTool(COSIGN)]
const [ours, theirs] = [keyPair(), keyPair()]
let base = ''
before(async () => {
  for (const [name, text] of Object.entries({
    'ours.pem': ours.secret,
    'ours.pub': ours.pem,
    'theirs.pub': theirs.pem,
    // no authority and no log: what a key has signed is verified by the key alone
    'root.json': '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
  }))
    writeFileSync(join(root, name), text)
  base = await writeBase(join(root, 'base'))
})
after(() => {
  without?.stop()
  withThem?.stop()
  rmSync(root, { recursive: true, force: true })
})

const slipway = (...argv: string[]) => runCommand(root, 'image', ...argv)

async function run(program: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(program, args, { timeout: 120_000, env: { ...process.env, HOME: root } })).stdout
}

/** How many the API of referrers lists, or its status. Which kind they are is not asked: this registry says the type of their configurations. */
async function listed(host: string, repository: string, digest: string): Promise<string> {
  const reply = await fetch(`http://${host}/v2/${repository}/referrers/${digest}`)
  if (reply.status !== 200) return `status ${reply.status}`
  return `${((await reply.json()) as { manifests: object[] }).manifests.length} listed`
}

async function isTagged(host: string, repository: string, digest: string): Promise<boolean> {
  const accept = 'application/vnd.oci.image.index.v1+json'
  const url = `http://${host}/v2/${repository}/manifests/${digest.replace(':', '-')}`
  return (await fetch(url, { headers: { accept } })).ok
}

function cases(name: string, registry: TestRegistry | undefined, keeps: boolean, none: string): void {
  describe(name, { skip: registry === undefined && none }, () => {
    const host = registry?.host ?? ''
    const image = `${host}/team/small:v1`
    let digest = ''
    before(async () => {
      await slipway('push', base, image)
      digest = ((await slipway('sign', image, '--key', join(root, 'ours.pem'))).data[0] as { digest: string }).digest
    })

    it(`lists a signature ${keeps ? 'by its API' : 'by the tag that stands for it'}`, async () => {
      assert.deepEqual(await listed(host, 'team/small', digest), keeps ? '2 listed' : 'status 404')
      // this registry does not say that it keeps the subject, so the tag is written too, as the specification has it
      assert.ok(await isTagged(host, 'team/small', digest))
      assert.equal((await slipway('verify', image, '--key', join(root, 'ours.pub'))).code, 0)
      assert.equal((await slipway('verify', image, '--key', join(root, 'theirs.pub'))).code, 1)
    })

    it('shows it to oras', { skip: oras === undefined && missing(ORAS) }, async () => {
      const told = await run(oras ?? '', 'discover', '--plain-http', '--format', 'json', image)
      const { referrers } = JSON.parse(told) as { referrers: { artifactType: string }[] }
      const kind = keeps ? 'application/vnd.oci.empty.v1+json' : 'application/vnd.dev.sigstore.bundle.v0.3+json'
      assert.deepEqual(
        referrers.map((one) => one.artifactType),
        [kind, kind],
      )
    })

    it(
      'has a signature that cosign verifies by our key and by no other',
      { skip: cosign === undefined && notHere(COSIGN) },
      async () => {
        const trust = [
          '--trusted-root',
          join(root, 'root.json'),
          '--insecure-ignore-tlog=true',
          '--allow-http-registry',
        ]
        const verify = (key: string, of = image): Promise<string> =>
          run(cosign ?? '', 'verify', '--new-bundle-format', ...trust, '--key', join(root, key), of)
        assert.match(await verify('ours.pub'), new RegExp(digest))
        await assert.rejects(verify('theirs.pub'), /accepted signatures do not match/)
        await slipway('push', await writeBase(join(root, 'other'), '3.12'), `${host}/team/other:v1`)
        await assert.rejects(verify('ours.pub', `${host}/team/other:v1`), /no.*(?:signatures|bundles|attestations)/i)
      },
    )
  })
}

cases('a registry that knows no referrers', without, false, NO_REGISTRY)
cases('a registry that keeps referrers itself', withThem, true, NO_REFERRERS)

it(
  'a copy from one kind to the other takes signatures along',
  { skip: (without === undefined || withThem === undefined) && NO_REFERRERS },
  async () => {
    for (const [from, to] of [
      [`${without?.host}/team/small:v1`, `${withThem?.host}/copied/small:v1`],
      [`${withThem?.host}/copied/small:v1`, `${without?.host}/back/small:v1`],
    ] as const) {
      const [copied] = (await slipway('copy', from, to)).data as [{ attached: number }]
      assert.equal(copied.attached, 2)
      assert.equal((await slipway('verify', to, '--key', join(root, 'ours.pub'))).code, 0)
    }
  },
)
