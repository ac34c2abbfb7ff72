/** Preloaded in each process of a test: serves one source with a fault, in memory, or flushes coverage for the runner. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { takeCoverage } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

const FLUSH_MS = 1000
const fault = process.env['SLIPWAY_MUTANT']
if (fault !== undefined) serve(JSON.parse(fault) as Served)
else if (process.env['NODE_V8_COVERAGE'] !== undefined && isMainThread && isChild()) {
  // a process that is killed writes no coverage at its end
  setInterval(takeCoverage, FLUSH_MS).unref()
}

interface Served {
  readonly url: string
  readonly start: number
  readonly end: number
  readonly text: string
}

function serve(fault: Served): void {
  registerHooks({
    load(url, context, next) {
      if (url !== fault.url) return next(url, context)
      const source = readFileSync(fileURLToPath(url), 'utf8')
      const text = source.slice(0, fault.start) + fault.text + source.slice(fault.end)
      return { format: 'module-typescript', source: text, shortCircuit: true }
    },
  })
}

function isChild(): boolean {
  return String(process.ppid) !== process.env['SLIPWAY_MUTANT_RUNNER']
}
