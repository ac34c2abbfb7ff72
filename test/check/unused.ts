/** What nothing uses, or only tests: files, exports and packages, as knip finds them, against a list that may only shrink. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Outcome } from './stage.ts'

const LIST = 'test/check/unused.txt'
const LIMIT_MS = 120_000

/** One line of the list, without its reason: `KIND FILE NAME`; of the file only its own name, so that it may be moved. */
export type Finding = string

/** Beside `file`, each key is a kind of finding. */
interface Issue {
  readonly file: string
  readonly [kind: string]: string | readonly { readonly name: string }[]
}

/** Reads knip's report for machines. */
export function findings(report: string, concerns: (file: string) => boolean = () => true): Finding[] {
  const { issues } = JSON.parse(report) as { issues: readonly Issue[] }
  return issues.filter(({ file }) => concerns(file)).flatMap(linesOf)
}

function linesOf({ file, ...kinds }: Issue): Finding[] {
  return Object.entries(kinds).flatMap(([kind, names]) => {
    return typeof names === 'string' ? [] : names.map(({ name }) => `${kind} ${basename(file)} ${basename(name)}`)
  })
}

/** Reads the list: findings below a comment, which is their reason. Throws on a line without one. */
export function excused(text: string): Finding[] {
  const lines = text.split('\n').map((line) => line.trim())
  const first = lines.findIndex((line) => line !== '' && !line.startsWith('#'))
  if (first >= 0 && !lines.slice(0, first).some((line) => line.startsWith('#'))) {
    throw new Error(`${lines[first]}: a comment above it must say why it may stay`)
  }
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}

/** Compares both ways: what is found and not listed, and what is listed and not found. Empty when they agree. */
export function compare(found: readonly Finding[], listed: readonly Finding[]): string[] {
  const all = [...new Set(found)]
  return [
    ...all.filter((one) => !listed.includes(one)).map((one) => `${one}: ${wordsFor(one)}`),
    ...listed.filter((one) => !all.includes(one)).map((one) => `${one}: is used, or gone; take it out of ${LIST}`),
  ]
}

function wordsFor(finding: Finding): string {
  if (finding.startsWith('unresolved ')) return 'it is imported and is not there'
  if (finding.startsWith('unlisted ')) return 'it is imported and package.json does not name it'
  return 'nothing uses it, or only tests; drop it'
}

/** The stage: knip twice, with the tests as users and without them. */
export async function unusedStage(root: string): Promise<Outcome> {
  const [all, shipped] = await Promise.all([knip(root, []), knip(root, ['--production'])])
  if (all.error !== undefined || shipped.error !== undefined) {
    return { ok: false, report: `knip failed: ${all.error ?? shipped.error}` }
  }
  const found = [...findings(all.out), ...findings(shipped.out, (file) => !file.startsWith('test/'))]
  const wrong = compare(found, excused(readFileSync(join(root, LIST), 'utf8')))
  return { ok: wrong.length === 0, report: wrong.join('\n') }
}

async function knip(root: string, options: readonly string[]): Promise<{ out: string; error?: string }> {
  const args = ['--reporter', 'json', '--no-progress', '--no-config-hints', '--no-exit-code', ...options]
  const child = spawn(process.execPath, [join(root, 'node_modules/knip/bin/knip.js'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  let out = ''
  let said = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const code = await new Promise<number | null>((done, fail) => {
    child.on('error', fail)
    child.on('close', done)
  })
  return code === 0 ? { out } : { out, error: said === '' ? `it ended with ${code}` : said }
}
