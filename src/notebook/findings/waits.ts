/** Waits at the top of a cell, which only the kernel of a notebook runs (D9): calls of async functions are run to their end. */
import { refusal } from '../read/refusal.ts'
import { change, functionsOf, type Program } from '../rewrite/program.ts'

/** `await f(x)` becomes `asyncio.run(f(x))`, in the original of the proof too. Throws for every other wait. */
export function treatWaits(program: Program): void {
  const functions = functionsOf(program)
  for (const { cell, statement } of program.placed)
    for (const { span, value, called, line } of statement.awaits) {
      if (called === null || functions.get(called)?.definition.asynchronous !== true)
        throw refusal([
          {
            code: 'D9',
            cell,
            line,
            message: 'the cell waits (await) as only the kernel of a notebook does',
            remedy: 'put it into an async function, and await a call of that function',
          },
        ])
      const edits = [
        { start: span[0], end: value[0], text: 'asyncio.run(' },
        { start: span[1], end: span[1], text: ')' },
      ]
      program.extraImports.add('import asyncio')
      program.alike
        .get(cell)
        ?.push(
          { start: span[0], end: value[0], text: '__import__("asyncio").run(' },
          { start: span[1], end: span[1], text: ')' },
        )
      change(program, cell, edits, {
        code: 'D9',
        line,
        found: `await ${called}(…) at the top of a cell`,
        action: 'asyncio.run runs it to its end; the proof runs the original so too',
      })
    }
}
