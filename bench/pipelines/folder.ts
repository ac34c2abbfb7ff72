/** What a source of many small files costs: listed, read, kept by content and made durable before the first step begins; and again, with nothing changed. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { thousands } from '../table.ts'
import type { Row } from '../table.ts'
import { ended, openPretended } from './pretended.ts'

const FILES = 50_000
/** Files of one folder below. */
const TOGETHER = 500
/** A file that has just changed is read again, ms. */
const SETTLED_MS = 3000

/** Rows of a folder whose files all differ, the first time and again. */
export async function folder(): Promise<Row[]> {
  const given = realpathSync(mkdtempSync(join(tmpdir(), 'bench-folder-')))
  for (let i = 0; i < FILES; i++) {
    const below = join(given, String(Math.floor(i / TOGETHER)))
    if (i % TOGETHER === 0) mkdirSync(below)
    writeFileSync(join(below, `${i}.txt`), `file ${i} of many`)
  }
  const sources = { folders: [given], hidden: [], allow: [], index: '' }
  const bench = await openPretended(2, { sources })
  try {
    await sleep(SETTLED_MS)
    const steps = { read: { run: 'a:read', inputs: { given: 'sources.given' } } }
    const project = { project: 'folder', sources: { given: { file: given } }, pipeline: { steps } }
    const files = { 'slipway.yaml': JSON.stringify(project), 'a.py': 'def read(given): ...\n' }
    const first = await ended(bench, files)
    const again = await ended(bench, files)
    const name = `a folder of ${thousands(FILES)} files as a source`
    return [row(name, first, 30), row(`${name}, unchanged`, again, 10)]
  } finally {
    await bench.close()
    rmSync(given, { recursive: true, force: true })
  }
}

function row(name: string, { seconds, cpu }: { readonly seconds: number; readonly cpu: number }, most: number): Row {
  return {
    name,
    measured: `${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s CPU`,
    target: `≤ ${most} s`,
    beside: '',
    ok: seconds <= most,
    figures: { seconds, cpu_seconds: cpu },
  }
}
