/**
 * The process behind `Db.search` on SQLite: reads one question after the other from its standard input, with a connection that cannot
 * write. It is a process and no thread because nothing but an end of the process stops SQLite within a statement.
 */
import { readSync, writeSync } from 'node:fs'
import { openReader, type Connection } from './connection.ts'
import { engineFault, Frames, frame, type Question } from './frames.ts'
import { packedColumns } from '../reads/columns.ts'
import { Statements } from './statements.ts'

/** A frame of rows ends behind so many characters and bytes of their values, where a number counts eight. */
const FRAME = 64 * 1024

if (import.meta.main) serve(process.argv[2] ?? '')

/** Returns when the other end of the standard input is closed. */
function serve(path: string): void {
  // a signal to the whole group is for the server, which ends its readers itself
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  let connection: Connection
  try {
    connection = openReader(path)
  } catch (error) {
    process.stderr.write(`reader of ${path}: ${engineFault(error).message}\n`)
    process.exitCode = 1
    return
  }
  say(frame({ begun: true }))
  const statements = new Statements(connection)
  const frames = new Frames()
  const piece = Buffer.allocUnsafe(64 * 1024)
  for (let size = readSync(0, piece); size > 0; size = readSync(0, piece))
    for (const question of frames.take(Buffer.from(piece.subarray(0, size)))) answer(statements, question as Question)
  connection.close()
}

function answer(statements: Statements, { sql, parameters }: Question): void {
  try {
    const { columns, rows } = statements.each(sql, parameters)
    const told = (some: readonly (readonly unknown[])[], end: boolean): void =>
      say(frame({ columns, packed: packedColumns(some, columns.length), count: some.length, end }))
    let some: (readonly unknown[])[] = []
    let size = 0
    for (const row of rows) {
      some.push(row)
      for (const value of row) size += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8
      if (size < FRAME) continue
      told(some, false)
      ;[some, size] = [[], 0]
    }
    told(some, true)
  } catch (error) {
    say(frame({ error: engineFault(error) }))
  }
}

/** Waits until the other end has taken it. */
function say(bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at)
}
