/** A process for the crash test: inserts rows from many callers at once and prints the id of each that was acknowledged. */
import { openSqlite } from './sqlite.ts'

const [path = '', first = '0'] = process.argv.slice(2)
const db = openSqlite(path)
let next = Number(first)

async function insertForEver(): Promise<void> {
  for (;;) {
    const id = next++
    await db.tx(async (t) => {
      await t.run('INSERT INTO acknowledged (id, half) VALUES (?, 1)', [id])
      await t.run('UPDATE acknowledged SET half = 2 WHERE id = ?', [id])
    })
    process.stdout.write(`${id}\n`)
  }
}

await Promise.all(Array.from({ length: 16 }, insertForEver))
