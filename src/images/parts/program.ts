/** The files of a program of this checkout: a module with all that it imports, and the npm packages that these need. */
import { createHash } from 'node:crypto'
import { readFile, readdir, stat } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'

/** Files by their path below the checkout, with their bytes. */
export type ProgramFiles = ReadonlyMap<string, Buffer>

const STATIC = /^\s*(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g
const REQUIRED = /createRequire\([^)]*\)\(['"]([^'"]+)['"]\)/g
/** A worker's or child's program beside a file. */
const BESIDE = /(?:new URL\(|join\(import\.meta\.dirname, )['"]((?:\.\/)?[\w./-]+\.ts)['"]/g

/** What of a package nothing reads while it runs. */
const LEFT_OUT =
  /^(?:test|tests|__tests__|docs?|benchmarks?|examples?|\.github|deps)\/|\.(?:md|markdown|map|ts|cts|mts|tsx|flow|c|cc|cpp|h|gyp)$/i
/** Where most packages keep what they were made from, and some what is run. */
const SOURCES = /^src\//
const LICENSE = /(?:^|\/)(?:licen[cs]e|copying|notice)[^/]*$/i

/** The program's files, sorted. Throws `unprocessable` that names an import which is not there. */
export async function programFiles(root: string, entry: string): Promise<ProgramFiles> {
  const files = new Map<string, Buffer>()
  const packages = new Set<string>()
  const open = [entry]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue
    const text = await ifMissing(readFile(join(root, path), 'utf8'))
    if (text === undefined)
      throw problem('unprocessable', { detail: `the program ${entry} imports ${path}, which is not there` })
    files.set(path, Buffer.from(text))
    for (const name of importsOf(text)) {
      if (name.startsWith('node:')) continue
      if (name.startsWith('.')) open.push(relative(root, resolve(root, dirname(path), name)))
      else
        packages.add(
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        )
    }
  }
  files.set('package.json', await packageFile(root))
  for (const [path, file] of await packageFiles(root, packages)) files.set(path, file)
  return new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** One digest of all that a program is made of. */
export function programDigest(files: ProgramFiles): string {
  const hash = createHash('sha256')
  for (const [path, bytes] of files) hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  return hash.digest('hex')
}

/** The same program without types, so that Node need not take them away at each start: half of its time. Lines and columns stay. */
export function withoutTypes(files: ProgramFiles): Map<string, Buffer> {
  // it works as it does since Node 22, and says at each use that it might change
  const warn = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return new Map(
      [...files].map(([path, bytes]) => {
        if (!path.startsWith('src/') || !path.endsWith('.ts')) return [path, bytes]
        const text = stripTypeScriptTypes(bytes.toString('utf8')).replaceAll(OWN_FILE, '$1$2.js$1')
        return [path.replace(/\.ts$/, '.js'), Buffer.from(text)]
      }),
    )
  } finally {
    process.emitWarning = warn
  }
}

/** How a file names another one of the program. */
const OWN_FILE = /(['"])(\.{1,2}\/[\w./-]+)\.ts\1/g

function importsOf(text: string): string[] {
  const besides = [...text.matchAll(BESIDE)].map(([, path = '']) => (path.startsWith('.') ? path : `./${path}`))
  return [
    ...[STATIC, DYNAMIC, REQUIRED].flatMap((form) => [...text.matchAll(form)].map(([, name = '']) => name)),
    ...besides,
  ]
}

/** What Node reads of the checkout's own package file. */
export async function packageFile(root: string): Promise<Buffer> {
  const { name, version, license } = await readPackage(join(root, 'package.json'))
  return Buffer.from(`${JSON.stringify({ name, version, license, type: 'module' }, null, 2)}\n`)
}

interface Package {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly main?: string
  readonly exports?: unknown
}

async function readPackage(path: string): Promise<Package> {
  return JSON.parse(await readFile(path, 'utf8')) as Package
}

/** The files of all packages that the program of a checkout depends on. */
export async function installedPackages(root: string): Promise<ProgramFiles> {
  const { dependencies = {} } = await readPackage(join(root, 'package.json'))
  return packageFiles(root, new Set(Object.keys(dependencies)))
}

/** The files of packages and of those that they depend on, as npm has laid them out. */
async function packageFiles(root: string, wanted: ReadonlySet<string>): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const seen = new Set<string>()
  const open = [...wanted].map((name) => ({ name, from: '' }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const home = await homeOf(root, next.from, next.name)
    if (home === undefined)
      throw problem('unprocessable', { detail: `the npm package ${next.name} is not installed here` })
    if (seen.has(home)) continue
    seen.add(home)
    const found = await readPackage(join(root, home, 'package.json'))
    for (const name of Object.keys(found.dependencies ?? {})) open.push({ name, from: home })
    const runsSources = /"(?:\.\/)?src\//.test(JSON.stringify([found.main, found.exports]))
    for (const [path, file] of await folderFiles(root, home, runsSources)) files.set(path, file)
  }
  return files
}

/** Where a package finds another: in its own node_modules, else in those above. */
async function homeOf(root: string, from: string, name: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const home = join(folder, 'node_modules', name)
    if ((await ifMissing(stat(join(root, home, 'package.json')))) !== undefined) return home
    if (folder === '' || folder === '.') return undefined
  }
}

async function folderFiles(root: string, home: string, runsSources: boolean): Promise<[path: string, bytes: Buffer][]> {
  const entries = await readdir(join(root, home), { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((one) => one.isFile())
    .map((one) => relative(root, join(one.parentPath, one.name)))
    .filter((path) => {
      const inside = path.slice(home.length + 1)
      const leftOut = LEFT_OUT.test(inside) || (SOURCES.test(inside) && !runsSources)
      return !inside.startsWith('node_modules/') && (!leftOut || LICENSE.test(inside))
    })
  return Promise.all(paths.map(async (path): Promise<[string, Buffer]> => [path, await readFile(join(root, path))]))
}
