/** What only shows something (D10), and magics (D9): dropped, sent to the log, or kept as a picture. */
import { refusal } from '../read/refusal.ts'
import type { Call, Statement } from '../facts/facts.ts'
import { cellFacts, change, report, variablesOf, type Placed, type Program } from '../rewrite/program.ts'

/** Methods that make a view of a table and change nothing. */
const VIEWS = /^[\w.[\]'"]+\.(?:head|tail|describe|sample|value_counts|nunique|isnull\(\)\.sum|corr|copy)$/
const MESSAGE = 'logger.info("'

/** Drops views, sends prints and shown values to the log, and marks where figures are kept. Throws for magics that change what is computed. */
export function treatDisplay(program: Program): void {
  treatMagics(program)
  const last = lastStatements(program)
  for (const placed of program.placed) {
    if (placed.role === 'body' && placed.statement.kind === 'Expr') treatExpression(program, placed, last.has(placed))
    if (placed.role === 'body' || placed.role === 'function')
      for (const call of placed.statement.calls) treatPrint(program, placed, call)
  }
}

function lastStatements(program: Program): Set<Placed> {
  const last = new Map<number, Placed>()
  for (const placed of program.placed) last.set(placed.cell, placed)
  return program.research.kind === 'notebook' ? new Set(last.values()) : new Set()
}

function treatMagics(program: Program): void {
  const reasons = []
  for (const id of program.order)
    for (const magic of cellFacts(program.facts, id)?.magics ?? []) {
      if (magic.action === 'refuse')
        reasons.push({
          code: 'D9',
          cell: id,
          line: magic.line,
          message: `"${magic.text}" may change what is computed, and has no equal in Python here`,
          remedy: 'write it in Python, or do it outside of the notebook',
        })
      else
        program.findings.push({
          code: magic.installs.length > 0 ? 'D1' : 'D9',
          cell: id,
          line: magic.line,
          found: magic.text,
          treatment: 'changed',
          action: {
            drop: magic.installs.length > 0 ? 'gone: packages come from the lock' : 'gone: it only shows something',
            keep: 'gone; what it measured runs as it is',
            translate: 'written in Python',
            main: 'what stands in it runs as a part of the whole',
          }[magic.action],
        })
    }
  if (reasons.length > 0) throw refusal(reasons)
}

function treatExpression(program: Program, placed: Placed, isLast: boolean): void {
  const { statement, cell } = placed
  const { shown } = statement
  if (shown === null) return
  if (shown.text === 'print(__doc__)') {
    placed.role = 'gone'
    program.alike.get(cell)?.push({ start: shown.span[0], end: shown.span[1], text: 'None' })
    change(program, cell, [], {
      code: 'D10',
      line: statement.line,
      found: shown.text,
      action: 'gone: it is about the file',
    })
    return
  }
  if (isView(statement)) {
    placed.role = 'gone'
    program.findings.push({
      code: 'D10',
      cell,
      line: statement.line,
      found:
        shown.kind === 'Constant' ? 'a value that nothing takes' : `${shown.text.slice(0, 80)} only shows something`,
      treatment: 'changed',
      action: 'gone',
    })
    return
  }
  const call = statement.calls.find(({ span }) => span[0] === shown.span[0] && span[1] === shown.span[1])
  if (call !== undefined && isShow(call)) showFigures(program, placed, call)
  else if (call?.text === 'display' && call.arguments.length === 1) {
    placed.role = 'gone'
    change(program, cell, [], { code: 'D10', line: statement.line, found: 'display(…)', action: 'gone' })
  } else if (isLast && isShownValue(program, statement)) {
    const [start, end] = shown.span
    // `a, b` is one value
    const [open, close] = shown.kind === 'Tuple' ? ['(', '))'] : ['', ')']
    const edits = [
      { start, end: start, text: `logger.info("%r", ${open}` },
      { start: end, end, text: close },
    ]
    change(program, cell, edits, {
      code: 'D10',
      line: statement.line,
      found: `the cell shows ${shown.text.slice(0, 80)}`,
      action: 'the value goes to the log',
    })
  }
}

/** A name, a part of one or a view of it: nothing is computed by it. */
function isView({ shown, calls }: Statement): boolean {
  if (shown === null || shown.root === null) return shown?.kind === 'Constant' || shown?.kind === 'JoinedStr'
  if (['Name', 'Attribute', 'Subscript'].includes(shown.kind) && shown.calls === 0) return true
  return shown.kind === 'Call' && shown.calls === 1 && calls.every(({ text }) => VIEWS.test(text))
}

function isShow(call: Call): boolean {
  return /^(?:plt|pyplot|pylab|matplotlib\.pyplot)\.show$/.test(call.text)
}

function showFigures(program: Program, placed: Placed, call: Call): void {
  change(
    program,
    placed.cell,
    [{ start: call.span[0], end: call.span[1], text: `keep_figures("cell_${placed.cell}")` }],
    {
      code: 'D10',
      line: call.line,
      found: 'plt.show()',
      action: 'the figures are kept as files where the setting figures names a folder',
    },
  )
}

/** A number that a cell computes only to show it. Calls of methods on variables are left: they may be there for what they change. */
function isShownValue(program: Program, { shown, calls }: Statement): boolean {
  if (shown === null || shown.kind === 'Constant') return false
  if (shown.kind !== 'Call') return calls.every(({ text }) => SCORES.test(text))
  const [outer] = calls.filter(({ span }) => span[0] === shown.span[0] && span[1] === shown.span[1])
  if (outer === undefined) return false
  return (
    SCORES.test(outer.text) &&
    (outer.root === outer.text || variablesOf(program).has(outer.root ?? '') || outer.text.includes('metrics.'))
  )
}

const SCORES =
  /(?:^|\.)(?:\w*score|\w*_error|\w*_loss|\w*accuracy\w*|classification_report|confusion_matrix|auc|mean|len|round|sum|max|min|std|float|sqrt)$/

/** `print(a, b)` becomes a message of the log; prints with `file`, `end` or `sep`, and with a star, stay. */
function treatPrint(program: Program, placed: Placed, call: Call): void {
  if (call.text !== 'print' || call.keywords.length > 0 || call.arguments.some(({ star }) => star)) return
  if (!call.statement || call.generator !== null) return
  const format = call.arguments.map(() => '%s').join(' ')
  const [start, end] = call.function
  // the bracket of the call and what stands behind it stay
  const open = Buffer.from(cellFacts(program.facts, placed.cell)?.clean ?? '').indexOf('(', end) + 1
  const edits = [{ start, end: open, text: call.given ? `${MESSAGE}${format}", ` : `${MESSAGE}"` }]
  change(program, placed.cell, edits, {
    code: 'D10',
    line: call.line,
    found: 'print(…)',
    action: 'the message goes to the log',
  })
}

/** Cells that show what the package does not: noted for code that nothing rewrites. */
export function reportInteractive(program: Program): void {
  for (const { cell, statement } of program.placed)
    for (const { text, line } of statement.calls)
      if (/^(?:widgets|ipywidgets)\.|^interact$/.test(text))
        report(program, {
          code: 'D10',
          cell,
          line,
          found: `${text} is interactive`,
          action: 'call its function with the value that you want',
        })
}
