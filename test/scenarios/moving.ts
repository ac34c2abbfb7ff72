/** What the stories of moving in share: programs of the real mlflow client, and what a report and a server then say. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { transferApi } from '../../src/contract/transfer.ts'
import type { Report } from '../../src/transfer/send.ts'
import type { TestServer } from '../server.ts'

/** The client by which both sides are filled and read. */
export const PACKAGES = ['mlflow==3.17.2']

const CLIENTS = resolve(import.meta.dirname, '../clients')

/** Runs a Python program of `test/clients` to its end; gives the last line that it printed. */
export async function runClient(
  python: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(python, [join(CLIENTS, program), ...args], { env: { ...process.env, ...env } })
  let [out, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const code = await new Promise((done) => child.on('close', done))
  assert.equal(code, 0, errors.slice(-3000))
  return out.trim().split('\n').at(-1) ?? ''
}

/** Entries of all tables that were added, or were there before. */
export function sum(report: Report, what: 'added' | 'same'): number {
  return Object.values(report.tables).reduce((total, count) => total + count[what], 0)
}

/** Asserts that nothing was moved to the server, and that it knows of no transfer. */
export async function assertUntouched({ client }: TestServer): Promise<void> {
  const { rows } = (await client.call(transferApi.read, { params: { table: 'runs' }, query: {} })) as {
    rows: unknown[]
  }
  assert.deepEqual(rows, [])
  assert.deepEqual(await client.call(transferApi.list), { items: [] })
}
