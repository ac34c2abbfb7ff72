/** Lines of the sources that tests run, by room: measured and printed, and never a reason to fail. */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCoverage } from '../mutants/coverage.ts'
import { roomOf } from '../rooms.ts'

/** Lines of code, without comments, types and empty lines, and how many of them any test has run. */
export interface RoomCoverage {
  readonly room: string
  readonly lines: number
  readonly ran: number
}

export interface Coverage {
  /** Variables for the processes of a test file. */
  env: (file: string) => NodeJS.ProcessEnv
  /** Adds what the processes of a test file that has ended have run. */
  add(file: string): void
  /** Each room of `src/`, by name. */
  rooms(): RoomCoverage[]
  /** Removes what lies on disk. */
  stop(): void
}

/** Measures the sources of `root`, those too that no test loads. */
export function measureCoverage(root: string): Coverage {
  const work = mkdtempSync(join(tmpdir(), 'slipway-coverage-'))
  const sources = readSources(root)
  const ran = new Map([...sources].map(([name, text]) => [name, new Uint8Array(text.length)]))
  const folder = (file: string): string => join(work, file.replaceAll('/', '.'))
  return {
    // code from the compile cache has no counts of its own blocks
    env: (file) => ({ NODE_V8_COVERAGE: folder(file), NODE_DISABLE_COMPILE_CACHE: '1' }),
    add(file) {
      for (const [name, now] of readCoverage(root, folder(file), sources)) {
        const all = ran.get(name)
        if (all !== undefined) for (let i = 0; i < all.length; i++) if (now[i] === 1) all[i] = 1
      }
      rmSync(folder(file), { recursive: true, force: true })
    },
    rooms: () => byRoom(root, sources, ran),
    stop: () => rmSync(work, { recursive: true, force: true }),
  }
}

function readSources(root: string): Map<string, string> {
  const files = globSync('src/**/*.ts', { cwd: root }).sort()
  const own = files.filter((file) => !/\.(test|cases|fixture)\.ts$/.test(file))
  return new Map(own.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
}

function byRoom(root: string, sources: Map<string, string>, ran: Map<string, Uint8Array>): RoomCoverage[] {
  const rooms = new Map<string, { room: string; lines: number; ran: number }>()
  for (const [file, text] of sources) {
    const room = roomOf(join(root, 'src'), join(root, file))
    const total = rooms.get(room) ?? { room, lines: 0, ran: 0 }
    for (const [start, end] of codeLines(text)) {
      total.lines += 1
      if (ran.get(file)?.subarray(start, end).includes(1) === true) total.ran += 1
    }
    rooms.set(room, total)
  }
  return [...rooms.values()].sort((a, b) => a.room.localeCompare(b.room))
}

/** Where the code of each line begins and ends. Node blanks types and keeps every place, and so it is done to comments here. */
export function codeLines(text: string): [start: number, end: number][] {
  const code = stripTypeScriptTypes(text)
  const found: [number, number][] = []
  let at = 0
  let comment = false
  for (const line of code.split('\n')) {
    const trimmed = line.trim()
    if (trimmed.startsWith('/*')) comment = true
    if (!comment && trimmed !== '' && !trimmed.startsWith('//')) {
      const start = at + line.length - line.trimStart().length
      found.push([start, start + trimmed.length])
    }
    if (comment && trimmed.endsWith('*/')) comment = false
    at += line.length + 1
  }
  return found
}
