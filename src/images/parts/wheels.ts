/** The layer with Python packages: wheels alone, checked by the hashes of the lock and by their own records, and nothing that a machine adds. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { stripVTControlCharacters } from 'node:util'
import { problem } from '../../contract/errors.ts'
import { explainUv, runUv } from '../../envs/uv.ts'
import type { UvOptions } from '../../envs/uv.ts'
import { filesBelow } from '../layers/files.ts'
import { Entries } from '../layers/entries.ts'
import { layerByRecipe } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import type { Platform } from '../oci/documents.ts'
import { lockWith } from './own-wheels.ts'
import type { OwnWheels } from './own-wheels.ts'
import { fits } from './wheel-tags.ts'
import type { Place } from './wheel-tags.ts'

/** Where the packages lie in the image: a virtual environment, whose interpreter is a link to that of the base. */
export const VENV = 'opt/venv'

/** Machines as wheels name them. */
const MACHINES: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

export interface WheelsWanted {
  /** Requirements with exact versions and hashes. */
  readonly lock: string
  /** For example 3.11. */
  readonly python: string
  /** Path of the interpreter in the base. */
  readonly pythonPath: string
  /** An interpreter of this machine with that version, which is asked what fits and runs nothing of the packages. */
  readonly interpreter: string
  readonly platform: Platform
  /** Newest C library that wheels may ask for, as 2_28. */
  readonly glibc: string
  /** Wheels of the user beside those of the index. */
  readonly own?: OwnWheels | undefined
  readonly uv: UvOptions
}

/** The layer. Throws `unprocessable` for a package without a wheel for the platform, with what to do, and for one that is not what its record says. */
export async function wheelsLayer(maker: LayerMaker, wanted: WheelsWanted): Promise<Layer> {
  const machine = MACHINES[wanted.platform.architecture]
  if (machine === undefined || wanted.platform.os !== 'linux')
    throw problem('unprocessable', {
      detail: `there are no wheels for ${wanted.platform.os}/${wanted.platform.architecture}`,
    })
  const { python, pythonPath, glibc, own } = wanted
  const lock = own === undefined ? wanted.lock : lockWith(wanted.lock, own)
  const folder = join(wanted.uv.cacheFolder, 'images', 'unpacked')
  await mkdir(folder, { recursive: true })
  const work = await mkdtemp(join(folder, 'wheels-'))
  try {
    return await layerByRecipe(maker, 'Python packages', { wheels: 1, lock, python, pythonPath, machine, glibc }, () =>
      unpacked({ ...wanted, lock }, machine, join(work, 'site')),
    )
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function unpacked(wanted: WheelsWanted, machine: string, site: string): Promise<Entries> {
  const { lock, python, pythonPath } = wanted
  const entries = new Entries()
  entries
    .file(
      `${VENV}/pyvenv.cfg`,
      `home = ${pythonPath.replace(/\/[^/]+$/, '')}\ninclude-system-site-packages = false\nversion = ${python}\n`,
    )
    .add(`${VENV}/bin/python`, { kind: 'link', target: pythonPath })
    .add(`${VENV}/bin/python3`, { kind: 'link', target: 'python' })
    .add(`${VENV}/lib/python${python}/site-packages`, { kind: 'folder', mode: 0o755 })
  if (lock.trim() === '') return entries
  await install(wanted, machine, site)
  const paths = await filesBelow(site)
  const infos = paths.filter((path) => /^[^/]+\.dist-info\/RECORD$/.test(path)).map((path) => dirname(path))
  for (const path of paths.filter((one) => one.startsWith('bin/'))) await addProgram(entries, site, path)
  const kept = new Set<string>()
  for (const info of infos) {
    await checkTags(site, info, { python, machine, glibc: wanted.glibc })
    for (const path of await addRecorded(entries, { site, info, python })) kept.add(path)
    await addScripts(entries, site, info)
  }
  const stray = paths.find((path) => !kept.has(path) && !NOT_RECORDED.test(path))
  if (stray !== undefined)
    throw problem('unprocessable', { detail: `${stray} came with the packages and is in no record` })
  return entries
}

/** What is not taken from where it lies, or is made anew. */
const NOT_RECORDED = /^bin\/|\.dist-info\/|\.pyc$|^\.lock$/

/** A program of a package that is no entry point; a script names the interpreter of this machine, and then that of the image. */
async function addProgram(entries: Entries, site: string, path: string): Promise<void> {
  const bytes = await readFile(join(site, path))
  const end = bytes.indexOf('\n')
  const isScript = bytes.toString('latin1', 0, 2) === '#!' && bytes.subarray(0, end).includes('python')
  const own = isScript ? Buffer.concat([Buffer.from(`#!/${VENV}/bin/python`), bytes.subarray(end)]) : bytes
  entries.file(`${VENV}/${path}`, own, 0o755)
}

async function install(
  { lock, python, glibc, interpreter, uv, own }: WheelsWanted,
  machine: string,
  site: string,
): Promise<void> {
  uv.say('unpacking wheels')
  const platform = `${machine}-manylinux_${glibc}`
  const args = ['pip', 'install', '--target', site, '--python', interpreter, '--python-platform', platform]
  const rules = [
    '--python-version',
    python,
    '--require-hashes',
    '--only-binary',
    ':all:',
    '--no-deps',
    '--link-mode',
    'copy',
  ]
  const offline = uv.offline ? ['--offline'] : []
  const links = own === undefined ? [] : ['--find-links', own.dir]
  const { code, stderr } = await runUv([...args, ...rules, ...links, ...offline, '--requirement', '-'], site, uv, {
    input: lock,
  })
  if (code !== 0) throw noWheel(stderr, platform)
}

/** A source would be built by what this machine has, so an image takes none: names the package, and how its wheel is made once. */
function noWheel(stderr: string, platform: string): Error {
  const found = /(?:Because )?([A-Za-z0-9][\w.-]*==[^\s,]+) has no (?:usable )?wheels/.exec(
    stripVTControlCharacters(stderr),
  )?.[1]
  if (found === undefined) return explainUv(stderr)
  return problem('unprocessable', {
    detail: `${found} has no wheel for ${platform}; build it once: pip wheel --no-deps ${found} -w wheels, and add --wheels wheels`,
    reason: 'packages',
  })
}

/** A wheel says what it is for; uv chose it by its name, and this by its content. */
async function checkTags(site: string, info: string, place: Place): Promise<void> {
  const text = await readFile(join(site, info, 'WHEEL'), 'utf8')
  const tags = [...text.matchAll(/^Tag: *(\S+)/gm)].map(([, tag = '']) => tag)
  if (tags.some((tag) => fits(tag, place))) return
  const { python, machine, glibc } = place
  const here = `Python ${python} and glibc ${glibc.replace('_', '.')} on ${machine}`
  throw problem('unprocessable', {
    detail: `the wheel of ${info.replace('.dist-info', '')} is for ${tags.join(', ') || 'no platform'}, not for ${here}, whatever its name says; build it anew on such a machine and name its folder by --wheels`,
  })
}

interface Recorded {
  readonly site: string
  readonly info: string
  readonly python: string
}

/** Written by whoever installs, about this machine. */
const BY_INSTALLER = /^[^/]+\.dist-info\/(?:INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|RECORD)$/

/** Adds the files of a package that are what its record says, and the record without what is not taken. Returns their paths. */
async function addRecorded(entries: Entries, { site, info, python }: Recorded): Promise<string[]> {
  const rows = (await readFile(join(site, info, 'RECORD'), 'utf8')).split(/\r?\n/).filter((row) => row !== '')
  const kept: string[] = []
  const lines: string[] = []
  for (const row of rows) {
    const [, quoted, plain, hash = ''] = /^(?:"((?:[^"]|"")*)"|([^,]*)),([^,]*),\d*$/.exec(row) ?? []
    const path = quoted?.replaceAll('""', '"') ?? plain ?? ''
    if (BY_INSTALLER.test(path) || path.startsWith('../') || path.startsWith('bin/') || path.endsWith('.pyc')) continue
    const file = join(site, path)
    if (hash !== `sha256=${await hashOf(file)}`)
      throw problem('unprocessable', { detail: `${path} is not what the record of ${info} says` })
    const { size, mode } = await stat(file)
    const place = `${VENV}/lib/python${python}/site-packages/${path}`
    entries.add(place, { kind: 'file', mode: (mode & 0o100) === 0 ? 0o644 : 0o755, source: { file, size } })
    kept.push(path)
    lines.push(row)
  }
  const record = [...lines.toSorted(), `${info}/RECORD,,`].map((line) => `${line}\n`).join('')
  entries.file(`${VENV}/lib/python${python}/site-packages/${info}/RECORD`, record)
  return kept
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('base64url')
}

/** Commands of a package, with the interpreter of the image: what was installed here names one of this machine. */
async function addScripts(entries: Entries, site: string, info: string): Promise<void> {
  const paths = (await filesBelow(join(site, info))).includes('entry_points.txt')
  if (!paths) return
  const text = await readFile(join(site, info, 'entry_points.txt'), 'utf8')
  const section = /^\[console_scripts\]\s*$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(text)?.[1] ?? ''
  for (const [, name = '', module = '', member = ''] of section.matchAll(
    /^([\w.-]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)/gm,
  )) {
    const [first = ''] = member.split('.')
    const body = `#!/${VENV}/bin/python\nimport sys\nfrom ${module} import ${first}\nsys.exit(${member}())\n`
    entries.file(`${VENV}/bin/${name}`, body, 0o755)
  }
}
