/** Reads a Debian package: the files that it installs and what it says of itself, out of two tar archives in an `ar`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { findPython } from '../../envs/python.ts'
import { problem } from '../../contract/errors.ts'
import { tarEntries } from '../../registry/scan/tar.ts'
import type { TarEntry } from '../../registry/scan/tar.ts'

/** Members of a package are no more than this. */
const MOST_MEMBERS = 100_000
/** Bytes of one archive in a package, unpacked. */
const MOST_BYTES = 512 * 1024 * 1024

export interface DebianPackage {
  /** The text of its `control` file. */
  readonly control: string
  readonly members: readonly TarEntry[]
}

/** Takes a package apart. Throws `unprocessable` for what is no Debian package. */
export async function readPackage(bytes: Buffer, name: string): Promise<DebianPackage> {
  const parts = new Map(arMembers(bytes, name))
  const control = tarEntries(await unpacked(parts, 'control.tar', name), MOST_MEMBERS).find(
    (one) => one.name === './control' || one.name === 'control',
  )
  if (control === undefined) throw broken(name, 'it has no control file')
  const members = tarEntries(await unpacked(parts, 'data.tar', name), MOST_MEMBERS)
  return { control: control.content.toString('utf8'), members }
}

/** The members of an `ar` archive, of which Debian uses names up to 16 characters alone. */
function* arMembers(bytes: Buffer, name: string): Generator<[name: string, content: Buffer]> {
  if (bytes.toString('latin1', 0, 8) !== '!<arch>\n') throw broken(name, 'it does not begin as one')
  for (let at = 8; at + 60 <= bytes.length;) {
    const size = Number.parseInt(bytes.toString('latin1', at + 48, at + 58), 10)
    const start = at + 60
    if (!Number.isInteger(size) || start + size > bytes.length) throw broken(name, 'it is cut off')
    yield [
      bytes
        .toString('latin1', at, at + 16)
        .trim()
        .replace(/\/$/, ''),
      bytes.subarray(start, start + size),
    ]
    at = start + size + (size % 2)
  }
}

async function unpacked(parts: ReadonlyMap<string, Buffer>, stem: string, name: string): Promise<Buffer> {
  const [found, content] = [...parts].find(([one]) => one === stem || one.startsWith(`${stem}.`)) ?? []
  if (found === undefined || content === undefined) throw broken(name, `it has no ${stem}`)
  if (found.endsWith('.xz')) return unxz(content, name)
  if (found.endsWith('.gz')) return gunzipSync(content, { maxOutputLength: MOST_BYTES })
  if (found.endsWith('.zst')) return zstdDecompressSync(content, { maxOutputLength: MOST_BYTES })
  if (found === stem) return content
  throw broken(name, `${found} is compressed in a way that is not known`)
}

const UNXZ = 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)'

/** By Python's standard library, for Node has no xz. */
async function unxz(content: Buffer, name: string): Promise<Buffer> {
  const python = await findPython('>=3.10')
  const child = spawn(python.path, ['-I', '-S', '-c', UNXZ], { stdio: ['pipe', 'pipe', 'pipe'] })
  const parts: Buffer[] = []
  let size = 0
  let said = ''
  child.stdout.on('data', (part: Buffer) => {
    size += part.length
    if (size > MOST_BYTES) child.kill('SIGKILL')
    else parts.push(part)
  })
  child.stderr.on('data', (part: Buffer) => (said += part.toString('utf8').slice(0, 2000)))
  // it may end before it has read all; its exit code tells
  child.stdin.on('error', () => undefined)
  child.stdin.end(content)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw broken(name, `it cannot be unpacked: ${said.trim().split('\n').at(-1) || 'it is too large'}`)
  return Buffer.concat(parts)
}

function broken(name: string, detail: string): Error {
  return problem('unprocessable', { detail: `${name} is no Debian package that can be read: ${detail}` })
}
