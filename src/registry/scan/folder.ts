/** Scans a folder of files on disk; runs on a thread, for a large model takes seconds. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { Findings, verdictOf } from './findings.ts'
import type { Finding, ScanVerdict } from './findings.ts'
import { safetensorsFault, safetensorsHeader } from './safetensors.ts'
import { LIMITS, scanFile } from './scan.ts'

export interface ScanTask {
  readonly dir: string
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

export interface Scanned {
  readonly verdict: ScanVerdict
  readonly findings: readonly Finding[]
}

/** Scans every file. Throws only when one cannot be read. */
export function scanFolder({ dir, files }: ScanTask): Scanned {
  const findings = new Findings()
  for (const file of files) {
    const at = join(dir, file.path)
    if (file.size > LIMITS.member) scanLarge(at, file, findings)
    else scanFile(nameOf(file.path), readFileSync(at), findings)
  }
  return { verdict: verdictOf(findings.list()), findings: findings.list() }
}

/** The name of a file in findings; a tree may be one file without a name. */
export function nameOf(path: string): string {
  return path === '' ? 'model' : path
}

/** Of a file that is too large to be read whole only a safetensors header tells what it is. */
function scanLarge(at: string, { path, size }: { path: string; size: number }, findings: Findings): void {
  const add = (what: string, reason: string): void =>
    findings.add({ level: 'suspicious', file: nameOf(path), offset: 0, what, reason })
  const length = safetensorsHeader(readHead(at, 16), size)
  if (length === undefined) return add('a large file', `${size} bytes are more than the scanner reads`)
  const fault = safetensorsFault(readHead(at, length), size)
  if (fault !== null) add('a broken safetensors header', fault)
}

function readHead(path: string, length: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readSync(file, bytes, 0, length, 0))
  } finally {
    closeSync(file)
  }
}
