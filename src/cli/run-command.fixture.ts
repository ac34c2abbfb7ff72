/** Runs a command as the program does and keeps what it says. */
import assert from 'node:assert/strict'
import { COMMANDS } from './commands.ts'
import { parse, UsageError } from './invocation/command.ts'
import type { Output } from './invocation/output.ts'

/** Variables that would lead a command elsewhere than its test means. */
const KEYS = ['SLIPWAY_DATA', 'SLIPWAY_URL', 'SLIPWAY_TOKEN', 'SLIPWAY_DATABASE_URL', 'SLIPWAY_BLOBS']
for (const key of KEYS) delete process.env[key]

export interface Said {
  readonly code: number
  readonly lines: string[]
  readonly tables: { head: readonly string[]; rows: readonly (readonly string[])[] }[]
  readonly data: unknown[]
  readonly progress: string[]
}

/** Runs a command against the server of the folder `data` unless the arguments name another. */
export async function runCommand(data: string, ...argv: readonly string[]): Promise<Said> {
  const command = COMMANDS.find(({ name }) => name === argv[0])
  assert.ok(command)
  const folder = argv.includes('--data') ? [] : ['--data', data]
  const takesData = command.flags.some(({ name }) => name === 'data')
  const parsed = parse(command, [...(takesData ? folder : []), ...argv.slice(1)])
  const said: Said = { code: 0, lines: [], tables: [], data: [], progress: [] }
  const out: Output = {
    json: false,
    line: (text) => said.lines.push(text),
    data: (value) => said.data.push(value),
    progress: (text) => said.progress.push(text),
    table: (head, rows) => {
      for (const row of rows) assert.equal(row.length, head.length, 'a cell for each column')
      said.tables.push({ head, rows })
    },
  }
  const code = await (await command.load()).run({ ...parsed, out })
  assert.equal(said.data.length, 1, 'one JSON value with --json')
  return { ...said, code }
}

/** Runs something with another token. */
export async function withToken<T>(token: string, use: () => Promise<T>): Promise<T> {
  process.env['SLIPWAY_TOKEN'] = token
  try {
    return await use()
  } finally {
    delete process.env['SLIPWAY_TOKEN']
  }
}

/** For `assert.rejects`: a mistake in the arguments, said in one line that matches. */
export const usage = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UsageError, String(error))
  assert.match(error.message, message)
  assert.doesNotMatch(error.message, /\n/)
  return true
}
