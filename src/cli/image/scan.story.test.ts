/**
 * What a scan says: which packages, by whom, and that nobody looked where nobody did. The scanners on the PATH here are fakes that print what
 * theirs print; syft and grype themselves are run in `test/images/scan.story.test.ts`.
 */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startRecorded } from '../recorded-server.fixture.ts'
import type { RecordedServer } from '../recorded-server.fixture.ts'
import { usage } from '../run-command.fixture.ts'
import { answerModel, TEST_CACHE, writeBase, writeModel } from './image.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-scan-'))
const bin = join(root, 'bin')
const path = process.env['PATH'] ?? ''
let server: RecordedServer
const image = `layout:${join(root, 'image')}:v1`
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  process.env['SLIPWAY_OFFLINE'] = '1'
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
  await server.slipway('image', 'build', 'delay', '--base', await writeBase(join(root, 'base')), '--out', image)
})
after(() => {
  process.env['PATH'] = path
  server.close()
  rmSync(root, { recursive: true })
})
beforeEach(() => {
  rmSync(bin, { recursive: true, force: true })
  mkdirSync(bin)
  // no scanner of this machine
  process.env['PATH'] = [bin, '/usr/bin', '/bin'].join(delimiter)
})

function fake(name: string, stdout: object | string, { code = 0, stderr = '' } = {}): void {
  writeFileSync(join(root, `${name}.out`), typeof stdout === 'string' ? stdout : JSON.stringify(stdout))
  const file = join(bin, name)
  writeFileSync(
    file,
    `#!/bin/sh\necho "$@" > ${root}/${name}.args\ncat ${root}/${name}.out\necho "${stderr}" >&2\nexit ${code}\n`,
  )
  chmodSync(file, 0o755)
}

const scan = () => server.slipway('image', 'scan', image)
const rows = async () => (await scan()).tables[0]?.rows.map(([tool, , scanned, said]) => [tool, scanned, said])

const SYFT = {
  components: [
    { name: 'node', purl: `pkg:generic/node@${process.versions.node}` },
    { name: 'left-pad', purl: 'pkg:npm/left-pad@1.0.0?package-id=1' },
  ],
  metadata: { tools: { components: [{ version: '1.57.1' }] } },
}
const MATCH = { vulnerability: { id: 'CVE-2026-1', severity: 'High' }, artifact: { name: 'zod', version: '4.0.0' } }

describe('slipway image scan', () => {
  it('says that nobody looked for vulnerabilities where no scanner is there, and ends with 2', async () => {
    const { code, data, lines, tables } = await scan()
    assert.deepEqual([code, lines.at(-1)], [2, 'Vulnerabilities were NOT looked for.'])
    assert.partialDeepStrictEqual(data, [{ vulnerabilities: null }])
    assert.deepEqual(
      tables[0]?.rows.map(([tool, , scanned, said]) => [tool, scanned, said]),
      [
        ['slipway', 'layers', '3 packages'],
        ['syft', 'nothing', 'it is not on the PATH'],
        ['grype', 'nothing', 'it is not on the PATH'],
      ],
    )
  })

  it('compares what syft sees with what we say', async () => {
    fake('syft', SYFT)
    const [, said] = (await rows()) ?? []
    assert.match(
      said?.[2] ?? '',
      /^2 packages; only here: pkg:npm\/left-pad@1\.0\.0; not here: pkg:npm\/slipway@[\d.]+, pkg:npm\/zod@[\d.]+$/,
    )
    assert.match(readFileSync(join(root, 'syft.args'), 'utf8'), /^scan oci-dir:\S+ -q -o cyclonedx-json@1\.6/)
  })

  it('ends with 0 where grype found nothing and with 1 where it did, and says what it was given', async () => {
    fake('grype', { matches: [], descriptor: { version: '0.121.2' } })
    assert.equal((await scan()).code, 0)
    fake('grype', { matches: [MATCH], descriptor: { version: '0.121.2' } })
    const found = await scan()
    assert.equal(found.code, 1)
    assert.deepEqual(found.tables[0]?.rows[2], ['grype', '0.121.2', 'the SBOM of slipway', '1 vulnerability'])
    assert.deepEqual(found.tables[1]?.rows, [['CVE-2026-1', 'High', 'zod', '4.0.0']])
  })

  it('says that grype has no database, and never that nothing was found', async () => {
    fake('grype', '', { code: 1, stderr: '[0000] ERROR failed to load vulnerability db: database does not exist' })
    const { code, tables, lines } = await scan()
    assert.deepEqual([code, lines.at(-1)], [2, 'Vulnerabilities were NOT looked for.'])
    assert.match(
      tables[0]?.rows[2]?.[3] ?? '',
      /^it ended with 1 and no report: failed to load vulnerability db: database does not exist$/,
    )
  })

  it('takes nothing for a report that is none', async () => {
    fake('syft', 'no JSON')
    fake('grype', '{"matches": "none"}')
    assert.deepEqual((await rows())?.slice(1), [
      ['syft', 'nothing', 'it ended with 0 and no report'],
      ['grype', 'nothing', 'it ended with 0 and no report'],
    ])
    assert.equal((await scan()).code, 2)
    await assert.rejects(server.slipway('image', 'scan'), usage(/image scan needs an image/))
  })
})
