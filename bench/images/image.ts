/** What an image of a native model costs with a warm cache: to build it, and to push it when only the code has changed. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { defaultCacheFolder } from '../../src/envs/cache-folder.ts'
import { egressStream } from '../../src/http/egress-stream.ts'
import { BlobFolder } from '../../src/images/oci/blobs.ts'
import { copyImage } from '../../src/images/oci/graph.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import { RemoteImage } from '../../src/images/remote/image.ts'
import { RegistrySession } from '../../src/images/remote/session.ts'
import { push } from '../../src/images/remote/transfer.ts'
import { NO_REGISTRY, startRegistry } from '../../test/images/registry.ts'
import { started } from './start.ts'
import { megabytes } from '../table.ts'
import type { Row } from '../table.ts'
import { build, nothing, row } from './native.ts'

/** Bytes of the model: as many as that of the flights example has. */
const MODEL = 204_000
const ROUNDS = 5
/** What others do, by their documentation. */
const BUILDERS = 'BentoML, Cog, MLflow: a daemon, minutes, another digest each time'

/** Rows of a build and of a push; without the call of the server that lays the model out, and without a base. */
export async function image(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-image-'))
  const elsewhere = `${folder}-elsewhere`
  const blobs = new BlobFolder(join(defaultCacheFolder(), 'images'))
  writeFileSync(join(folder, 'model.bin'), randomBytes(MODEL))
  writeFileSync(join(folder, 'model.json'), '{}')
  try {
    const { bytes, root: first } = await build(blobs, folder)
    const digests = new Set([first.digest])
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const began = performance.now()
      const { root } = await build(blobs, folder)
      const dir = join(folder, `layout${i}`)
      await copyImage(blobs, layoutBlobs(dir), root)
      await nameInLayout(dir, root, 'v1')
      times.push(performance.now() - began)
      digests.add(root.digest)
    }
    // the same files elsewhere, made at another time
    cpSync(folder, elsewhere, { recursive: true, filter: (path) => !/layout\d+$/.test(path) })
    digests.add((await build(blobs, elsewhere)).root.digest)
    const warm = row('image of a native model, warm', times, 3000, BUILDERS)
    return [
      {
        ...warm,
        measured: `${warm.measured}; ${digests.size === 1 ? 'the same digest' : `${digests.size} digests`} in ${ROUNDS + 2} builds from two folders; ${megabytes(bytes)} without a base`,
        ok: warm.ok === true && digests.size === 1,
      },
      await pushed(blobs, folder),
      await started(blobs),
    ]
  } finally {
    rmSync(folder, { recursive: true })
    rmSync(elsewhere, { recursive: true, force: true })
  }
}

async function pushed(blobs: BlobFolder, model: string): Promise<Row> {
  const registry = await startRegistry()
  if (registry === undefined)
    return { ...row('image pushed, only code changed', [], 1000, ''), measured: NO_REGISTRY, ok: null }
  try {
    const fetch = egressStream({ allow: [registry.host] })
    const session = new RegistrySession(registry.host, { fetch, credentials: async () => undefined })
    const to = new RemoteImage(session, {
      kind: 'registry',
      host: registry.host,
      repository: 'm',
      tag: 'v1',
      digest: undefined,
    })
    await push({ from: blobs, root: (await build(blobs, model)).root, to, say: nothing })
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const { root } = await build(blobs, model, { code: `// ${randomBytes(8).toString('hex')}` })
      const began = performance.now()
      await push({ from: blobs, root, to, say: nothing })
      times.push(performance.now() - began)
    }
    return row(
      'image pushed, only code changed',
      times,
      1000,
      'BentoML, Cog, MLflow: by their daemon; here to Debian’s docker-registry on this machine',
    )
  } finally {
    registry.stop()
  }
}
