/** A scan by the real syft and grype, where they are on this machine: what they see of an image that Slipway writes, and what grype says without its database. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startRecorded } from '../../src/cli/recorded-server.fixture.ts'
import type { RecordedServer } from '../../src/cli/recorded-server.fixture.ts'
import { answerModel, TEST_CACHE, writeModel } from '../../src/cli/image/image.fixture.ts'
import { findGoTool, findSyft, GRYPE, NO_SYFT, notHere } from '../programs/go-tools.ts'

const root = join(tmpdir(), `slipway-scans-${process.pid}`)
mkdirSync(root)
const [syft, grype] = [await findSyft(), await findGoTool(GRYPE)]
let server: RecordedServer
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  const found = [syft, grype].flatMap((one) => (one === undefined ? [] : [dirname(one)]))
  process.env['PATH'] = [...found, process.env['PATH']].join(delimiter)
  // a database of this user would be found otherwise, and none can be fetched
  process.env['GRYPE_DB_CACHE_DIR'] = join(root, 'db')
  process.env['GRYPE_DB_UPDATE_URL'] = 'http://127.0.0.1:9/'
  server = await startRecorded()
  answerModel(server, writeModel(join(root, 'model')))
})
after(() => {
  server.close()
  rmSync(root, { recursive: true, force: true })
})

describe('an image on the default base', () => {
  const image = `layout:${join(root, 'image')}:v1`
  const rows = async () => {
    const { code, tables } = await server.slipway('image', 'scan', image)
    return { code, of: Object.fromEntries((tables[0]?.rows ?? []).map(([tool = '', ...rest]) => [tool, rest])) }
  }
  before(() => server.slipway('image', 'build', 'delay', '--out', image))

  it('has the packages that syft finds in its files', { skip: syft === undefined && NO_SYFT }, async () => {
    const { of } = await rows()
    const [, scanned, said = ''] = of['syft'] ?? []
    assert.equal(scanned, 'layers')
    for (const name of ['libc6', 'libgcc-s1', 'libstdc++6', 'zod'])
      assert.ok(!/not here: (.*)/.exec(said)?.[1]?.includes(name), said)
    assert.doesNotMatch(said, /only here/)
  })

  it(
    'is not called clean by a grype without its database',
    { skip: grype === undefined && notHere(GRYPE) },
    async () => {
      const { code, of } = await rows()
      assert.equal(code, 2)
      assert.match(of['grype']?.[2] ?? '', /failed to load vulnerability db: database does not exist$/)
    },
  )
})
