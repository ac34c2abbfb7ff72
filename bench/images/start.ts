/** How long an image that answers takes from the start of its container to its first prediction, by podman and runc; and what it weighs on its base. */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { egressStream } from '../../src/http/egress-stream.ts'
import { defaultBase } from '../../src/images/build/base.ts'
import type { BlobFolder } from '../../src/images/oci/blobs.ts'
import { copyImage } from '../../src/images/oci/graph.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import { writeModel } from '../../src/cli/image/image.fixture.ts'
import { freePort, NO_ENGINE, startEngine } from '../../test/images/engine.ts'
import type { Engine } from '../../test/images/engine.ts'
import { megabytes } from '../table.ts'
import type { Row } from '../table.ts'
import { build, PLATFORM, row } from './native.ts'

const ROUNDS = 7
const LIMIT_MS = 1000
const MOST_BYTES = 90_000_000

export async function started(blobs: BlobFolder): Promise<Row> {
  const name = 'image of a native model, from start to its first answer'
  const engine = startEngine()
  if (engine === undefined) return { ...row(name, [], LIMIT_MS, ''), measured: NO_ENGINE, ok: null }
  // podman makes a name of the folder, and names have no capitals
  const folder = join(tmpdir(), `slipway-bench-start-${process.pid}`)
  try {
    const mirror = process.env['SLIPWAY_DEBIAN_MIRROR'] ?? 'https://deb.debian.org'
    const maker = { blobs, compression: 'gzip' as const, fetch: egressStream({ allow: [] }), say: () => undefined }
    const base = await defaultBase(maker, 'node', mirror, PLATFORM)
    const { root, bytes } = await build(blobs, writeModel(join(folder, 'model')), { found: base, inputs: INPUTS })
    const dir = join(folder, 'image')
    await copyImage(blobs, layoutBlobs(dir), root)
    await nameInLayout(dir, root, 'v1')
    const image = await engine.podman('pull', '--quiet', `oci:${dir}:v1`)
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) times.push(await once(engine, image))
    const measured = row(
      name,
      times,
      LIMIT_MS,
      `${megabytes(bytes)} compressed with its base (at most 90); podman and runc`,
    )
    return { ...measured, ok: measured.ok === true && bytes <= MOST_BYTES }
  } finally {
    await engine.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const INPUTS = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const

/** The container is made before and started now, as an engine does that has the image. */
async function once(engine: Engine, image: string): Promise<number> {
  const port = await freePort()
  const env = ['SLIPWAY_NO_AUTH=1', `SLIPWAY_PORT=${port}`, 'SLIPWAY_HOST=127.0.0.1'].flatMap((one) => ['--env', one])
  const id = await engine.podman('create', '--read-only', '--cap-drop=all', '--network=host', ...env, image)
  const began = performance.now()
  const running = engine.podman('start', id)
  while (!(await answers(port))) await delay(5)
  const took = performance.now() - began
  await running
  await engine.podman('rm', '--force', '--time', '5', id)
  return took
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/v1/endpoints/m:predict`, {
    method: 'POST',
    body: '{"inputs": [{"x": 5}]}',
  }).then(
    async (reply) => {
      await reply.text()
      return reply.ok
    },
    () => false,
  )
}
