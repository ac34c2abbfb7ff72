/** The image of Slipway itself: the server with its gateways, on Node, Python and uv, so that steps and Python models run in it too. */
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { problem } from '../../contract/errors.ts'
import { Entries, IMAGE_USER } from '../layers/entries.ts'
import { makeLayer } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { NODE_PATH } from '../parts/node.ts'
import { HOME } from '../parts/program-layer.ts'
import { installedPackages, packageFile } from '../parts/program.ts'
import { VENV } from '../parts/wheels.ts'
import type { RunSettings } from './compose.ts'

/** uv as a wheel, for both processors; its version is that of `envs/uv.ts`. */
export const UV_LOCK = `uv==0.13.9 \\
    --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19 \\
    --hash=sha256:5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe
`

/** What of a checkout the server reads while it runs. */
const PARTS: readonly (readonly [folder: string, wanted: RegExp])[] = [
  ['src', /(?<!\.(?:test|cases|fixture))\.(?:ts|sql|json)$/],
  ['python/slipway', /(?<!\.pyc)$/],
  ['dist/web', /./],
  ['examples/flights', /(?<!\.pyc)$/],
]
/** Native parts of packages for other systems. */
const OTHER_SYSTEM = /\/prebuilds\/(?!linux-)/

/** The layer with the npm packages that the server needs, and then the one with Slipway's own files, which changes more often. */
export async function controlLayers(maker: LayerMaker, root: string, architecture: string): Promise<Layer[]> {
  const machine = { amd64: 'x64', arm64: 'arm64' }[architecture] ?? ''
  const packages = new Entries()
  for (const [path, bytes] of await installedPackages(root)) {
    const isNative = path.endsWith('.node')
    if (OTHER_SYSTEM.test(path) || (isNative && !path.endsWith(`/linux-${machine}.node`))) continue
    packages.file(`${HOME}/${path}`, bytes)
  }
  const own = new Entries().file(`${HOME}/package.json`, await packageFile(root))
  for (const [folder, wanted] of PARTS) {
    const found = (await files(join(root, folder))).filter((path) => wanted.test(path) && !path.includes('__pycache__'))
    if (found.length === 0)
      throw problem('unprocessable', {
        detail: `${folder} is empty in this checkout; start ./slipway once, which builds it`,
      })
    for (const path of found) own.file(`${HOME}/${folder}/${path}`, await readFile(join(root, folder, path)))
  }
  return [await makeLayer(maker, 'npm packages', packages), await makeLayer(maker, 'Slipway', own)]
}

/** How the image is run: the server with everything in /data. */
export function controlSettings(): RunSettings {
  return {
    entrypoint: [NODE_PATH, `/${HOME}/src/cli/main.ts`],
    command: ['serve', '--host', '0.0.0.0'],
    env: {
      HOME: '/data',
      PATH: `/${VENV}/bin:/usr/local/bin:/usr/bin:/bin`,
      PYTHONDONTWRITEBYTECODE: '1',
      SLIPWAY_CACHE: '/data/cache',
      SLIPWAY_DATA: '/data/slipway',
      SLIPWAY_PYTHON: '/usr/bin/python3',
      UV_THREADPOOL_SIZE: '16',
    },
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    workingDir: '/data',
    ports: [4600, 4601, 4602],
    volumes: ['/data'],
    healthcheck: [NODE_PATH, '-e', HEALTH],
  }
}

/** Ends with 0 where the server of the volume says that it is well, on whatever port it was started. */
const HEALTH =
  "const { url } = JSON.parse(fs.readFileSync(process.env.SLIPWAY_DATA + '/server.json', 'utf8')); fetch('http://127.0.0.1:' + new URL(url).port + '/v1/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  return entries.filter((one) => one.isFile()).map((one) => relative(folder, join(one.parentPath, one.name)))
}
