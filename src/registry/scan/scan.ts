/** Scans the files of a model: what each one is by its content, and what loading it would do. Nothing is ever loaded. */
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Sink } from './findings.ts'
import { isNpy, readNpy } from './npy.ts'
import { readOnnx } from './onnx.ts'
import { walkPickle } from './pickle.ts'
import { safetensorsFault, safetensorsHeader } from './safetensors.ts'
import { scanSkops } from './skops.ts'
import { isTar, TarFault, tarEntries } from './tar.ts'
import { scanText } from './text-rules.ts'
import { ubjKeys } from './ubj.ts'
import { ZipFault, zipContent, zipEnd, zipEntries } from './zip.ts'

/** How far archives are opened. */
export interface ScanLimits {
  /** Archives in one another. */
  readonly depth: number
  /** Members of one archive. */
  readonly members: number
  /** Bytes of one unpacked member. */
  readonly member: number
  /** Bytes of all that is unpacked in one scan. */
  readonly total: number
  /** Bytes unpacked of one packed byte, where that is more than a MiB. */
  readonly ratio: number
}

export const LIMITS: ScanLimits = {
  depth: 5,
  members: 20_000,
  member: 512 * 1024 * 1024,
  total: 2 * 1024 * 1024 * 1024,
  ratio: 1000,
}

interface Scan {
  readonly findings: Sink
  readonly limits: ScanLimits
  /** Bytes that may still be unpacked. */
  left: number
}

interface File {
  readonly name: string
  readonly bytes: Buffer
  readonly depth: number
  /** It is a part of a torch archive. */
  readonly torch: boolean
}

/** Scans one file by its content. Never throws for what the bytes are. */
export function scanFile(name: string, bytes: Buffer, findings: Sink, limits: ScanLimits = LIMITS): void {
  scanContent({ findings, limits, left: limits.total }, { name, bytes, depth: 0, torch: false })
}

const suspect = (scan: Scan, file: File, what: string, reason: string): void =>
  scan.findings.add({ level: 'suspicious', file: file.name, offset: 0, what, reason })

type Reader = (scan: Scan, file: File) => void

/** First bytes of formats, in hex, and who reads them; null: they hold data and no code. */
const MAGIC: readonly (readonly [string, Reader | null | string])[] = [
  ['504b0304', scanZip],
  ['504b0506', scanZip],
  ['1f8b', (scan, file) => unpack(scan, file, gunzipSync)],
  ['28b52ffd', (scan, file) => unpack(scan, file, zstdDecompressSync)],
  ['425a68', 'packed by bzip2'],
  ['fd377a585a00', 'packed by xz'],
  ['5d0000', 'packed by LZMA'],
  ['04224d18', 'packed by LZ4'],
  ['377abcaf271c', 'packed by 7-Zip'],
  ['526172211a07', 'packed by RAR'],
  ['894844460d0a1a0a', 'HDF5, in which Keras keeps code'],
  ['7f454c46', 'a compiled program'],
  ['4d5a', 'a compiled program'],
  ['cffaedfe', 'a compiled program'],
  ['feedfacf', 'a compiled program'],
  ['62696e66', "XGBoost's old binary form"],
  ['89504e470d0a1a0a', null],
  ['ffd8ff', null],
  ['47494638', null],
  ['50415231', null],
  ['4152524f5731', null],
  ['43424d31', null],
]

const PICKLES = /\.(pkl|pickle|p|joblib|pt|pth|ckpt|bin|sav|dill|cloudpickle|dat|jbl)$/i
const ZLIB = new Set([0x01, 0x5e, 0x9c, 0xda])

/** Whatever a file is by its first bytes, a loader that is told so takes it for a pickle. */
function scanContent(scan: Scan, file: File): void {
  const { bytes } = file
  if (bytes.length === 0) return
  const disguised = scanFormat(scan, file)
  if (disguised === undefined) return
  for (const plain of [false, true])
    walkPickle(bytes, 0, { file: file.name, torch: file.torch, disguised, plain }, scan.findings)
}

/** Scans a file as what its content is; `text` or `data` where that is no pickle. */
function scanFormat(scan: Scan, file: File): 'text' | 'data' | undefined {
  const { bytes } = file
  const start = bytes.toString('hex', 0, 8)
  const known = MAGIC.find(([magic]) => start.startsWith(magic))
  if (known !== undefined) scanKnown(scan, file, known[1])
  else if (isTar(bytes)) scanTar(scan, file)
  else if (isNpy(bytes)) scanNumbers(scan, file, scanNpy)
  else if (safetensorsHeader(bytes, bytes.length) !== undefined) scanNumbers(scan, file, scanSafetensors)
  else if (bytes[0] === 0x80 && (bytes[1] ?? 9) <= 5) return scanPickles(scan, file)
  else if (bytes[0] === 0x78 && ZLIB.has(bytes[1] ?? 0)) unpack(scan, file, inflateSync)
  else return scanOther(scan, file)
  return 'data'
}

function scanNumbers(scan: Scan, file: File, numbers: Reader): void {
  numbers(scan, file)
  polyglot(scan, file)
}

function scanKnown(scan: Scan, file: File, reader: Reader | null | string): void {
  if (typeof reader === 'function') return reader(scan, file)
  if (reader === null) return polyglot(scan, file)
  suspect(scan, file, reader, 'the scanner does not look into it')
}

/** Some readers look for an archive's directory at the end of a file, whatever the file begins with. */
function polyglot(scan: Scan, file: File): void {
  if (zipEnd(file.bytes) < 0) return
  suspect(scan, file, 'two formats in one file', 'a zip archive is hidden at its end')
  scanZip(scan, file)
}

function scanOther(scan: Scan, file: File): 'text' | 'data' | undefined {
  if (PICKLES.test(file.name)) return scanPickles(scan, file)
  const onnx = readOnnx(file.bytes)
  const text = onnx === undefined ? textOf(file.bytes) : undefined
  if (text !== undefined) {
    scanText(file.name, text, scan.findings)
    return 'text'
  }
  if (onnx !== undefined) judgeOnnx(scan, file, onnx)
  else if (ubjKeys(file.bytes)?.includes('learner') !== true)
    suspect(scan, file, 'an unknown format', 'nobody knows what a loader would do with it')
  polyglot(scan, file)
  return 'data'
}

/** The text of UTF-8 bytes without NUL; undefined for anything else. */
function textOf(bytes: Buffer): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** How torch's old format begins: a pickle with its magic number; four more follow, then the storages. */
const TORCH_LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex')

/** Reads pickles one after another. Returns nothing, for they are what they seem. */
function scanPickles(scan: Scan, file: File): undefined {
  const { bytes, name } = file
  const legacy = bytes.subarray(0, TORCH_LEGACY.length).equals(TORCH_LEGACY)
  const torch = file.torch || legacy
  let at = 0
  for (let count = 0; at < bytes.length; count++) {
    if (legacy && count === 5) return
    if (count > 0 && bytes[at] !== 0x80) {
      suspect(scan, file, `${bytes.length - at} bytes after the end`, 'no pickle loader reads them')
      return
    }
    const walked = walkPickle(bytes, at, { file: name, torch }, scan.findings)
    if (walked.arrays) walkPickle(bytes, at, { file: name, torch, disguised: 'data', plain: true }, scan.findings)
    if (!walked.complete) {
      const [offset, reason] = [walked.end, walked.fault ?? '']
      scan.findings.add({ level: 'suspicious', file: name, offset, what: 'an unreadable pickle', reason })
      return
    }
    at = walked.end
  }
}

function scanNpy(scan: Scan, file: File): void {
  const header = readNpy(file.bytes)
  if (header === undefined) return suspect(scan, file, 'a broken header', 'it is no NumPy file')
  if (header.objects) scanPickles(scan, { ...file, bytes: file.bytes.subarray(header.start) })
}

function scanSafetensors(scan: Scan, file: File): void {
  const fault = safetensorsFault(file.bytes, file.bytes.length)
  if (fault !== null) suspect(scan, file, 'a broken safetensors header', fault)
}

const OPERATORS = new Set([
  '',
  'ai.onnx',
  'ai.onnx.ml',
  'ai.onnx.training',
  'ai.onnx.preview.training',
  'com.microsoft',
])

function judgeOnnx(scan: Scan, file: File, onnx: { domains: readonly string[]; external: readonly string[] }): void {
  for (const domain of onnx.domains) {
    if (!OPERATORS.has(domain)) suspect(scan, file, `operators of "${domain}"`, 'a library of its own runs them')
  }
  for (const location of onnx.external) {
    if (!/^(\/|[A-Za-z]:|~)|(^|[/\\])\.\.([/\\]|$)/.test(location)) continue
    const reason = 'it reads a file outside of the model'
    scan.findings.add({ level: 'malicious', file: file.name, offset: 0, what: `external data at ${location}`, reason })
  }
}

function unpack(scan: Scan, file: File, by: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer): void {
  const limit = limitFor(scan, file.bytes.length)
  let content: Buffer
  try {
    content = by(file.bytes, { maxOutputLength: limit })
  } catch (error) {
    const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    const reason = large ? `it unpacks to more than ${limit} bytes` : 'it cannot be unpacked'
    return suspect(scan, file, 'packed data', reason)
  }
  scan.left -= content.length
  member(scan, file, { name: file.name, bytes: content, torch: false })
  polyglot(scan, file)
}

/** Bytes that this many packed bytes may unpack to. */
function limitFor(scan: Scan, packed: number): number {
  const { member, ratio } = scan.limits
  return Math.max(1, Math.min(member, scan.left, Math.max(1024 * 1024, packed * ratio)))
}

function member(scan: Scan, parent: File, inside: Omit<File, 'depth'>): void {
  const depth = parent.depth + 1
  if (depth > scan.limits.depth)
    return suspect(scan, parent, 'archives in archives', `more than ${scan.limits.depth} deep`)
  scanContent(scan, { ...inside, depth })
}

/** Members of torch's archive that are raw numbers or a version. */
const TORCH_DATA = /(^|\/)(data\/\d+|version|byteorder|\.format_version|\.storage_alignment|\.data\/serialization_id)$/
const ESCAPES = /^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)/

function scanZip(scan: Scan, file: File): void {
  try {
    // a folder has no bytes; readers of archives give those of one that has
    const entries = zipEntries(file.bytes, scan.limits.members).filter(
      (entry) => !entry.name.endsWith('/') || entry.size > 0 || entry.packed > 2,
    )
    const torch = entries.some((entry) => /(^|\/)data\.pkl$/.test(entry.name))
    for (const entry of entries) {
      zipMember(scan, file, { entry, torch })
    }
  } catch (error) {
    if (!(error instanceof ZipFault)) throw error
    suspect(scan, file, 'a broken archive', error.message)
  }
}

function zipMember(scan: Scan, file: File, of: { entry: ReturnType<typeof zipEntries>[number]; torch: boolean }): void {
  const { entry, torch } = of
  const inside = { name: `${file.name}!${entry.name}`, bytes: Buffer.alloc(0), torch, depth: 0 }
  if (ESCAPES.test(entry.name)) suspect(scan, inside, 'a name that leads outside', 'an unpacker may write there')
  try {
    const bytes = zipContent(file.bytes, entry, limitFor(scan, entry.packed))
    scan.left -= bytes.length
    if (entry.name === 'schema.json') scanSkops(inside.name, bytes.toString('utf8'), scan.findings)
    if (torch && TORCH_DATA.test(entry.name)) rawMember(scan, { ...inside, bytes, depth: file.depth + 1 })
    else member(scan, file, { ...inside, bytes })
  } catch (error) {
    if (!(error instanceof ZipFault || error instanceof SyntaxError)) throw error
    suspect(scan, inside, 'an unreadable member', error.message)
  }
}

/** What torch takes for numbers is an array or a pickle to readers of other archives. */
function rawMember(scan: Scan, file: File): void {
  if (isNpy(file.bytes)) return member(scan, file, file)
  for (const plain of [false, true])
    walkPickle(file.bytes, 0, { file: file.name, torch: false, disguised: 'data', plain }, scan.findings)
}

function scanTar(scan: Scan, file: File): void {
  try {
    for (const entry of tarEntries(file.bytes, scan.limits.members)) {
      const inside = { name: `${file.name}!${entry.name}`, bytes: entry.content, torch: false, depth: 0 }
      if (ESCAPES.test(entry.name)) suspect(scan, inside, 'a name that leads outside', 'an unpacker may write there')
      if (entry.type === '0') member(scan, file, inside)
      else if (entry.type !== '5') suspect(scan, inside, 'a link', 'it may lead outside')
    }
  } catch (error) {
    if (!(error instanceof TarFault)) throw error
    suspect(scan, file, 'a broken archive', error.message)
  }
}
