/** The program of a node: the part of the Python package that runs an attempt, as one JSON text that is named by its digest. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_DIR } from '../../../isolation/plan.ts'

/** Folders and files of the package that it needs. */
const PARTS = ['__init__.py', 'quick_json.py', 'checkpoints', 'confine', 'remote', 'step']

export interface NodeProgram {
  /** JSON of texts by path. */
  readonly text: string
  /** SHA-256 of the text, 64 hexadecimal digits. */
  readonly digest: string
  /** What an interpreter runs first: it fetches the text, holds it against the digest, and becomes it. */
  readonly start: string
}

let kept: NodeProgram | undefined

/** Read once: a server does not change under what it runs. */
export function nodeProgram(): NodeProgram {
  if (kept !== undefined) return kept
  const home = join(PACKAGE_DIR, 'slipway')
  const names = PARTS.flatMap((part) => (part.endsWith('.py') ? [part] : modulesIn(home, part)))
  const files = Object.fromEntries(
    names.sort().map((name) => [`slipway/${name}`, readFileSync(join(home, name), 'utf8')]),
  )
  const text = JSON.stringify(files)
  const digest = createHash('sha256').update(text).digest('hex')
  return (kept = { text, digest, start: readFileSync(join(home, 'remote', 'start.py'), 'utf8') })
}

function modulesIn(home: string, folder: string): string[] {
  const entries = readdirSync(join(home, folder), { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.py'))
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
}
