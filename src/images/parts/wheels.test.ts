/** Python packages in a layer: wheels that uv installs from a folder, without an index; what is refused, and what is left of a machine. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { zipSync } from '../../../test/images/zip.ts'
import { findPython } from '../../envs/python.ts'
import type { Interpreter } from '../../envs/python.ts'
import { findUv } from '../../envs/uv.ts'
import { defaultCacheFolder } from '../../envs/cache-folder.ts'
import { layerContents } from '../compare/contents.ts'
import type { Layer } from '../layers/layer.ts'
import { BlobFolder } from '../oci/blobs.ts'
import { lockWith, ownWheels } from './own-wheels.ts'
import { wheelsLayer } from './wheels.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wheels-'))
after(() => rmSync(root, { recursive: true }))

const sha256 = (bytes: Buffer | string, form: 'hex' | 'base64url' = 'hex'): string =>
  createHash('sha256').update(bytes).digest(form)

interface Wheel {
  readonly tag?: string
  /** What the name of the file says in place of the tag. */
  readonly named?: string
  /** The record's hash of the module. */
  readonly hash?: string
  readonly extra?: Readonly<Record<string, string>>
}

/** Writes a wheel into a folder and returns its hash. */
function wheel(dir: string, name: string, { tag = 'py3-none-any', named = tag, hash, extra = {} }: Wheel = {}): string {
  const info = `${name}-1.0.dist-info`
  const files: Record<string, string> = {
    [`${name}/__init__.py`]: 'def main():\n    return 7\n',
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`,
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: ${tag}\n`,
    [`${info}/entry_points.txt`]: `[console_scripts]\n${name}-tool = ${name}:main\n`,
    ...extra,
  }
  const rows = Object.entries(files).map(
    ([path, text]) =>
      `${path},sha256=${path.endsWith('__init__.py') ? (hash ?? sha256(text, 'base64url')) : sha256(text, 'base64url')},${text.length}`,
  )
  files[`${info}/RECORD`] = [...rows, `${info}/RECORD,,`].join('\n')
  const bytes = zipSync(files)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, `${name}-1.0-${named}.whl`), bytes)
  return sha256(bytes)
}

let folders = 0
const fresh = (): string => join(root, `f${folders++}`)
let python: Interpreter
let uvHome = ''
before(async () => {
  python = await findPython('>=3.10')
  // the tool alone is taken from the user's cache; what it fetches would be kept there too, and here nothing is fetched
  uvHome = defaultCacheFolder()
  await findUv({ cacheFolder: uvHome, offline: false, say: () => undefined })
})

async function layerOf(dir: string, lock: string): Promise<{ layer: Layer; blobs: BlobFolder }> {
  const blobs = new BlobFolder(fresh())
  const layer = await wheelsLayer(
    { blobs, compression: 'zstd' },
    {
      lock,
      python: python.version.split('.').slice(0, 2).join('.'),
      pythonPath: '/usr/bin/python3',
      interpreter: python.path,
      platform: { os: 'linux', architecture: 'amd64' },
      glibc: '2_28',
      uv: { cacheFolder: uvHome, offline: true, plan: null, say: () => undefined },
      own: await ownWheels(dir),
    },
  )
  return { layer, blobs }
}

describe('the layer with packages', () => {
  it('has the files of the record, a command with the interpreter of the image, and nothing of this machine', async () => {
    const dir = fresh()
    wheel(dir, 'alpha', { extra: { 'alpha-1.0.data/scripts/alpha-old': '#!python\nprint(1)\n' } })
    wheel(dir, 'beta')
    const lock = 'alpha==1.0\nbeta==1.0\n'
    const first = await layerOf(dir, lock)
    const { files, packages } = await layerContents(first.blobs, first.layer.descriptor)
    const site = `opt/venv/lib/python${python.version.split('.').slice(0, 2).join('.')}/site-packages`
    const names = ['METADATA', 'RECORD', 'WHEEL', 'entry_points.txt']
    assert.deepEqual(
      [...files.keys()],
      [
        'opt/venv/bin/alpha-old',
        'opt/venv/bin/alpha-tool',
        'opt/venv/bin/beta-tool',
        'opt/venv/bin/python',
        'opt/venv/bin/python3',
        ...['alpha', 'beta'].flatMap((one) => [
          ...names.map((name) => `${site}/${one}-1.0.dist-info/${name}`),
          `${site}/${one}/__init__.py`,
        ]),
        'opt/venv/pyvenv.cfg',
      ],
    )
    assert.equal(files.get('opt/venv/bin/python'), 'link /usr/bin/python3')
    const tool = '#!/opt/venv/bin/python\nimport sys\nfrom alpha import main\nsys.exit(main())\n'
    assert.equal(files.get('opt/venv/bin/alpha-tool'), `${sha256(tool)} x`)
    assert.equal(files.get('opt/venv/bin/alpha-old'), `${sha256('#!/opt/venv/bin/python\nprint(1)\n')} x`)
    assert.deepEqual(
      [...packages],
      [
        ['python alpha', '1.0'],
        ['python beta', '1.0'],
      ],
    )
    // another folder, another cache, another order: the same layer
    const second = await layerOf(dir, lock)
    assert.deepEqual(second.layer, first.layer)
  })

  it('is made only of what the lock has by hash', async () => {
    const dir = fresh()
    wheel(dir, 'alpha')
    const wrong = `alpha==1.0 \\\n    --hash=sha256:${'0'.repeat(64)}\n`
    const own = await ownWheels(dir)
    assert.match(lockWith(wrong, own), /alpha==1\.0 \\\n {4}--hash=sha256:[0-9a-f]{64} \\\n {4}--hash=sha256:0{64}\n/)
    assert.equal(lockWith('alpha==2.0\n', own), 'alpha==2.0\n')
    await assert.rejects(layerOf(dir, 'beta==1.0 \\\n    --hash=sha256:' + '0'.repeat(64)), {
      code: /un(?:processable|available)/,
    })
  })

  it('refuses a package of which there is only the source, and says what to do', async () => {
    const dir = fresh()
    wheel(dir, 'alpha')
    writeFileSync(join(dir, 'gamma-1.0.tar.gz'), 'source')
    const lock = `alpha==1.0\ngamma==1.0 --hash=sha256:${sha256('source')}\n`
    await assert.rejects(layerOf(dir, lock), {
      code: 'unprocessable',
      message:
        'gamma==1.0 has no wheel for x86_64-manylinux_2_28; build it once: pip wheel --no-deps gamma==1.0 -w wheels, and add --wheels wheels',
    })
  })

  it('refuses a wheel for another platform, by its name and by what it says of itself', async () => {
    const [byName, byTag] = [fresh(), fresh()]
    wheel(byName, 'alpha', { tag: 'py3-none-manylinux_2_28_aarch64' })
    await assert.rejects(layerOf(byName, 'alpha==1.0\n'), {
      code: 'unprocessable',
      message:
        'alpha==1.0 has no wheel for x86_64-manylinux_2_28; build it once: pip wheel --no-deps alpha==1.0 -w wheels, and add --wheels wheels',
    })
    wheel(byTag, 'alpha', { tag: 'py3-none-win_amd64', named: 'py3-none-any' })
    await assert.rejects(layerOf(byTag, 'alpha==1.0\n'), {
      code: 'unprocessable',
      message:
        /is for py3-none-win_amd64, not for Python 3\.\d+ and glibc 2\.28 on x86_64, whatever its name says; build it anew .* --wheels/,
    })
  })

  for (const [what, tag, fits] of [
    ['another C library', 'py3-none-musllinux_1_2_x86_64', false],
    ['a newer C library than the base has', 'py3-none-manylinux_2_39_x86_64', false],
    ['a newer main version of it', 'py3-none-manylinux_3_0_x86_64', false],
    ['another Python', 'cp39-cp39-manylinux_2_17_x86_64', false],
    ['a processor whose name ends alike', 'py3-none-linux_notx86_64', false],
    ['an older C library', 'py3-none-manylinux_2_17_x86_64', true],
    ['a C library by its year', 'py3-none-manylinux2014_x86_64', true],
    ['the machine that made it', 'py3-none-linux_x86_64', true],
    ['any later Python', 'cp39-abi3-manylinux_2_17_x86_64', true],
  ] as const)
    it(`${fits ? 'takes' : 'refuses'} a wheel that says of itself that it is for ${what}, whatever its name says`, async () => {
      const dir = fresh()
      wheel(dir, 'alpha', { tag, named: 'py3-none-any' })
      const made = layerOf(dir, 'alpha==1.0\n')
      if (fits) await made
      else
        await assert.rejects(made, {
          code: 'unprocessable',
          message: new RegExp(`the wheel of alpha-1\\.0 is for .*${tag.split('-').at(-1)}`),
        })
    })

  it('takes of several wheels of a package the one that fits', async () => {
    const dir = fresh()
    const platforms = ['manylinux_2_28_x86_64', 'manylinux_2_28_zarch64', 'manylinux_2_28_aarch64']
    for (const platform of platforms) wheel(dir, 'alpha', { tag: `py3-none-${platform}` })
    await layerOf(dir, 'alpha==1.0\n')
    assert.equal(lockWith('alpha==1.0\n', await ownWheels(dir)).match(/--hash=sha256:[0-9a-f]{64}/g)?.length, 3)
  })

  it('refuses a wheel that is not what its own record says', async () => {
    const dir = fresh()
    wheel(dir, 'alpha', { hash: sha256('other', 'base64url') })
    await assert.rejects(layerOf(dir, 'alpha==1.0\n'), { code: 'unprocessable', message: /record|RECORD|hash/i })
  })

  it('of no packages is an environment with an interpreter', async () => {
    const dir = fresh()
    wheel(dir, 'alpha')
    const { layer, blobs } = await layerOf(dir, '')
    const { files } = await layerContents(blobs, layer.descriptor)
    assert.deepEqual([...files.keys()], ['opt/venv/bin/python', 'opt/venv/bin/python3', 'opt/venv/pyvenv.cfg'])
  })

  it('needs a folder that has wheels', async () => {
    const dir = fresh()
    mkdirSync(dir)
    await assert.rejects(ownWheels(dir), { code: 'unprocessable', message: /no wheel/ })
  })
})
